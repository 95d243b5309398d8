"""Writes and reads docker-archives: what `docker load` and `ctr images import` take.

Written by hand and not with `docker build`, so that an image of one static program needs no
engine, and the same files always give the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labs.errors import LabError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Content:
    """A file (from a path or from bytes), a folder or a symbolic link in an image."""

    name: str
    source: Path | bytes = b""
    mode: int = 0o644
    link: str = ""
    folder: bool = False


@dataclass(frozen=True)
class Config:
    """What an image's config says; the labels are OCI annotations."""

    arch: str
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def write(
    target: Path, ref: str, contents: Sequence[Content], config: Config, base: Path | None = None
) -> None:
    """Write an image named `ref`: the layer `base` (an uncompressed tar), then `contents`."""
    scratch = target.with_name(target.name + ".layer")
    write_layer(scratch, contents)
    layers = [path for path in (base, scratch) if path is not None]
    digests = [_sha256(path) for path in layers]
    body = _json(
        {
            "architecture": config.arch,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Env": [f"PATH={PATH}"],
                "Entrypoint": list(config.entrypoint) or None,
                "Cmd": list(config.command) or None,
                "User": config.user,
                "WorkingDir": "/",
                "Labels": dict(config.labels),
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
            "history": [{"created": "1970-01-01T00:00:00Z"} for _ in layers],
        }
    )
    name = hashlib.sha256(body).hexdigest() + ".json"
    manifest = [{"Config": name, "RepoTags": [ref], "Layers": [f"{d}.tar" for d in digests]}]
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, Content("manifest.json", _json(manifest)))
        _add(tar, Content(name, body))
        for path, digest in zip(layers, digests, strict=True):
            _add(tar, Content(f"{digest}.tar", path))
    scratch.unlink()


def write_layer(target: Path, contents: Sequence[Content]) -> None:
    """Write a layer: owned by root, without times, with the folders that its files need."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        made: set[str] = set()
        for content in contents:
            for parent in reversed(Path(content.name).parents):
                name = parent.as_posix()
                if name not in (".", "/") and name not in made:
                    made.add(name)
                    _add(tar, Content(name, mode=0o755, folder=True))
            if content.name not in made:
                _add(tar, content)
                made.add(content.name)


def read_file(archive: Path, name: str) -> bytes:
    """Return a file's content from a tar. Raises LabError if it is not there."""
    with tarfile.open(archive) as tar:
        try:
            member = tar.extractfile(name)
        except KeyError:
            member = None
        if member is None:
            raise LabError(
                f"{archive.name} has no file {name}",
                expected="an archive with that file",
                todo="run `python -m scripts.supply verify`",
            )
        return member.read()


def name_it(source: Path, target: Path, ref: str) -> None:
    """Copy a docker-archive of one image, naming it `ref` and nothing else."""
    manifest = json.loads(read_file(source, "manifest.json"))
    manifest[0]["RepoTags"] = [ref]
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        _add(new, Content("manifest.json", _json(manifest)))
        for member in old:
            if member.name not in ("manifest.json", "repositories"):
                new.addfile(member, old.extractfile(member) if member.isfile() else None)


def tag_of(archive: Path) -> str:
    """Return the name of the one image in a docker-archive."""
    return str(json.loads(read_file(archive, "manifest.json"))[0]["RepoTags"][0])


def identity_of(archive: Path) -> str:
    """Return the sha256 of a docker-archive's config in hex: what engines call the image's ID."""
    config = json.loads(read_file(archive, "manifest.json"))[0]["Config"]
    return hashlib.sha256(read_file(archive, config)).hexdigest()


def platform_of(archive: Path) -> tuple[str, str]:
    """Return the system and the architecture that a docker-archive of one image is for."""
    manifest = json.loads(read_file(archive, "manifest.json"))
    config: dict[str, Any] = json.loads(read_file(archive, manifest[0]["Config"]))
    return str(config["os"]), str(config["architecture"])


def unpack_one(archive: Path, name: str, target: Path) -> None:
    """Write one file of a .tar.gz, in whichever folder it has it, to `target`."""
    with gzip.open(archive) as plain, tarfile.open(fileobj=plain) as tar:
        found = [one for one in tar if one.isfile() and one.name.rsplit("/", 1)[-1] == name]
        member = tar.extractfile(found[0]) if found else None
        if member is None:
            raise LabError(
                f"{archive.name} has no file {name}",
                expected="the archive of the tool",
                todo="correct the tool's address in scripts/supply/images.toml",
            )
        with target.open("wb") as handle:
            shutil.copyfileobj(member, handle)


def _add(tar: tarfile.TarFile, content: Content) -> None:
    info = tarfile.TarInfo(content.name)
    info.mode = content.mode
    if content.folder:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif content.link:
        info.type, info.linkname = tarfile.SYMTYPE, content.link
        tar.addfile(info)
    elif isinstance(content.source, bytes):
        info.size = len(content.source)
        tar.addfile(info, io.BytesIO(content.source))
    else:
        info.size = content.source.stat().st_size
        with content.source.open("rb") as handle:
            tar.addfile(info, handle)


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
