"""Debian roots by mmdebstrap: bases of images, and files for images of one static program."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from labs.errors import LabError
from scripts.supply.catalogue import Catalogue, Rootfs
from scripts.supply.parts import Part, Workshop

TAR = "root.tar"
CERTIFICATES = "ca-certificates.crt"
SLIM = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/info/*",
)
"""What Debian's published slim images leave out too."""


def part(root: Rootfs, catalogue: Catalogue) -> Part:
    """Return the part with `root.tar`: the suite's newest versions of these packages.

    Which versions those were is in the part's log; Debian's mirrors keep no older ones.
    """
    command = [
        *("mmdebstrap", f"--variant={root.variant}", f"--architectures={catalogue.arch}"),
        '--aptopt=Acquire::Retries "3"',
        *(f"--dpkgopt={option}" for option in SLIM),
        # An interrupted root is thrown away, so nothing needs to be safe on the disk: 60 s -> 25 s.
        "--dpkgopt=force-unsafe-io",
        f"--include={','.join(root.packages)}",
    ]

    def make(bench: Workshop) -> None:
        if shutil.which("mmdebstrap") is None:
            raise LabError(
                "mmdebstrap is not on this machine",
                expected="Debian's package mmdebstrap, which the source way makes images with",
                todo="run `make up`, which installs it, or `apt-get install mmdebstrap`",
            )
        tar = bench.folder / TAR
        bench.run(*command, catalogue.suite, tar, env={"SOURCE_DATE_EPOCH": "0"})
        if "ca-certificates" in root.packages and root.variant == "extract":
            (bench.folder / CERTIFICATES).write_bytes(certificates(tar))

    return Part(
        name=f"root-{root.name}",
        stage=root.stage,
        does=f"make a Debian root for {root.name}",
        recipe={"command": command, "suite": catalogue.suite},
        make=make,
        about=root.about,
    )


def certificates(tar: Path) -> bytes:
    """Return the bundle that update-ca-certificates, which did not run, would have made."""
    with tarfile.open(tar) as root:
        found = [
            member
            for member in root
            if member.isfile() and "/ca-certificates/mozilla/" in member.name
        ]
        texts = [root.extractfile(member) for member in found]
        bundle = b"".join(text.read().rstrip() + b"\n" for text in texts if text is not None)
    if not bundle:
        raise ValueError(f"{tar} holds no certificates")
    return bundle


def file_from(tar: Path, name: str, target: Path) -> None:
    """Write one file of a root to `target`."""
    with tarfile.open(tar) as root:
        found = {member.name: member for member in root}
        member = root.extractfile(found[f"./{name}"]) if f"./{name}" in found else None
        if member is None:
            raise ValueError(f"{tar} has no file {name}")
        with target.open("wb") as handle:
            shutil.copyfileobj(member, handle)


def packages_of(path: Path) -> Sequence[str]:
    """Return a `packages` file's names: one a line, `#` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return sorted({line for line in lines if line})
