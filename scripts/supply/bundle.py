"""A bundle: one file with everything that a lab needs, to be read back without a network.

A .tar.gz whose first member, `bundle.json`, says what it is, and names every other file with its
size and sha256. This module needs nothing but Python's own library: the bootstrap reads the
Python wheels and the engine's packages from a bundle before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from labs.errors import LabError
from labs.instance import write_json

HEAD = "bundle.json"
FORMAT = 1
KIND = "gitops-hackfest bundle"
TOLD = 20 << 20
"""Bytes from which on it is told that a file is unpacked: it takes a moment."""
TODO = "make a new one with `make bundle` where there is a network, or copy the file again"


@dataclass(frozen=True)
class Bundle:
    """A bundle's head: what it says of itself."""

    path: Path
    arch: str
    made_by: str
    recipes: str
    files: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Bundle:
        """Return the head of a file. Raises LabError if it is no bundle of this project."""
        try:
            with tarfile.open(path, "r:gz") as tar:
                first = tar.next()
                handle = tar.extractfile(first) if first and first.name == HEAD else None
                head = json.loads(handle.read()) if handle else {}
        except FileNotFoundError as missing:
            raise _refused(path, "it is not there") from missing
        except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError) as wrong:
            raise _refused(path, f"it is damaged, or no bundle at all ({wrong})") from wrong
        if not isinstance(head, dict) or head.get("kind") != KIND:
            raise _refused(path, "it is not a bundle of GitOps Hackfest")
        if head.get("format") != FORMAT:
            raise _refused(path, f"its format is {head.get('format')}, and this is {FORMAT}")
        return cls(path, head["arch"], head["made_by"], head["recipes"], head["files"])

    def require(self, recipes: str, arch: str) -> None:
        """Raise LabError if it is for another architecture or another version of the project."""
        if self.arch != arch:
            raise _refused(self.path, f"it is for {self.arch}, and this machine is {arch}")
        if self.recipes != recipes:
            raise _refused(
                self.path,
                f"it was made by another version of the project (recipes {self.recipes[:12]}, "
                f"here {recipes[:12]})",
            )

    def unpack(self, root: Path, tell: Callable[[str], None] = lambda _: None) -> None:
        """Put its content into a cache: `parts/`, `wheels/`, `debs/`. Nothing if it is there.

        Every file is checked against the head while it is written; nothing of a damaged bundle
        is left. Raises LabError that names the damaged file.
        """
        root.mkdir(parents=True, exist_ok=True)
        with (root / ".bundle.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = installed(root)
            if known is not None and known.files == self.files and self._whole(root):
                return
            scratch = root / f".bundle.{os.getpid()}"
            shutil.rmtree(scratch, ignore_errors=True)
            try:
                self._extract(scratch, tell)
                for folder in (*scratch.glob("parts/*"), scratch / "wheels", scratch / "debs"):
                    _replace(folder, root / folder.relative_to(scratch))
                write_json(root / HEAD, {**_head(self), "path": str(self.path)})
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _whole(self, root: Path) -> bool:
        for name, wanted in self.files.items():
            path = root / name
            if not path.is_file() or path.stat().st_size != wanted["size"]:
                return False
        return True

    def _extract(self, target: Path, tell: Callable[[str], None]) -> None:
        missing = dict(self.files)
        try:
            with tarfile.open(self.path, "r:gz") as tar:
                for member in tar:
                    if member.name == HEAD:
                        continue
                    wanted = missing.pop(member.name, None)
                    source = tar.extractfile(member) if member.isfile() else None
                    inside = not PurePosixPath(member.name).is_absolute()
                    if wanted is None or source is None or ".." in member.name or not inside:
                        raise _refused(self.path, f"it holds {member.name}, which its head lacks")
                    if member.size > TOLD:
                        tell(f"unpack {member.name} ({member.size >> 20} MiB)")
                    if _copy(source, target / member.name, wanted) != wanted["sha256"]:
                        raise _refused(self.path, f"{member.name} in it is damaged")
        except (OSError, EOFError, zlib.error, tarfile.TarError) as wrong:
            raise _refused(self.path, f"it is damaged ({wrong})") from wrong
        if missing:
            raise _refused(self.path, f"it is cut off: {len(missing)} files are missing")


def installed(root: Path) -> Bundle | None:
    """Return the head of the bundle that was unpacked into this cache last, or None."""
    try:
        head = json.loads((root / HEAD).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return Bundle(Path(head["path"]), head["arch"], head["made_by"], head["recipes"], head["files"])


def check_sum(path: Path) -> None:
    """Raise LabError if `FILE.sha256` is beside the bundle and does not fit."""
    beside = path.with_name(path.name + ".sha256")
    if beside.exists() and path.exists():
        words = beside.read_text().split()
        if not words or words[0] != digest_of(path):
            raise _refused(path, f"its sha256 is not the one in {beside.name}: it is damaged")


def unpack(path: Path, root: Path, tell: Callable[[str], None] = print) -> Bundle:
    """Check a bundle, and put its content into the cache `root`. For the bootstrap.

    The recipes are compared later, when the parts are asked for. Raises LabError.
    """
    from scripts.supply.catalogue import host_arch

    bundle = Bundle.read(path)
    if bundle.arch != host_arch():
        bundle.require(bundle.recipes, host_arch())
    known = installed(root)
    if known is None or known.files != bundle.files:
        tell(f"check {path.name}")
        check_sum(path)
    bundle.unpack(root, tell)
    return bundle


def write(
    path: Path, arch: str, made_by: str, recipes: str, files: dict[str, Path]
) -> tuple[int, str]:
    """Write a bundle and its `.sha256`; return its size in bytes and its sha256.

    `files` are by their name inside. Written under another name and renamed when it is whole.
    """
    listed = {
        name: {
            "sha256": digest_of(source),
            "size": source.stat().st_size,
            "mode": source.stat().st_mode & 0o777,
            "mtime_ns": source.stat().st_mtime_ns,
        }
        for name, source in sorted(files.items())
    }
    head = {
        "kind": KIND,
        "format": FORMAT,
        "arch": arch,
        "made_by": made_by,
        "recipes": recipes,
        "files": listed,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with tarfile.open(temporary, "w:gz", compresslevel=1, format=tarfile.PAX_FORMAT) as tar:
            body = temporary.with_name(temporary.name + ".head")
            body.write_text(json.dumps(head))
            tar.add(body, HEAD)
            body.unlink()
            for name in listed:
                tar.add(files[name], name, recursive=False)
        digest = digest_of(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    path.with_name(path.name + ".sha256").write_text(f"{digest}  {path.name}\n")
    return path.stat().st_size, digest


def digest_of(path: Path) -> str:
    """Return the sha256 of a file, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _copy(source: IO[bytes], target: Path, wanted: dict[str, Any]) -> str:
    total = hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        while block := source.read(1 << 20):
            total.update(block)
            out.write(block)
    target.chmod(wanted["mode"])
    os.utime(target, ns=(wanted["mtime_ns"], wanted["mtime_ns"]))
    return total.hexdigest()


def _replace(source: Path, target: Path) -> None:
    if not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        shutil.rmtree(target)
    source.rename(target)


def _head(bundle: Bundle) -> dict[str, Any]:
    return {
        "arch": bundle.arch,
        "made_by": bundle.made_by,
        "recipes": bundle.recipes,
        "files": bundle.files,
    }


def _refused(path: Path, why: str) -> LabError:
    return LabError(
        f"{path}: {why}",
        expected="a whole bundle that this version of the project made for this architecture",
        todo=TODO,
    )
