"""The cache of parts, outside the clone and shared by all clones and labs of a user.

A part is a folder `parts/<name>-<recipe digest>/` with a manifest of its files. It is filled
under another name and renamed when it is whole, so that a reader sees all of it or nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from labs.instance import write_json
from labs.wait import NotYet, wait_for
from scripts.supply.parts import Part

MANIFEST = "manifest.json"
KEEP_OLDER = 1
"""How many parts of the same name, from other recipes, are kept beside a new one."""
LOCK_PATIENCE = 3 * 3600
"""How long to wait for another process that makes the same part, in seconds."""


def default_root() -> Path:
    """Return LAB_CACHE, or `gitops-hackfest` in the user's cache folder."""
    if chosen := os.environ.get("LAB_CACHE"):
        return Path(chosen).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gitops-hackfest"


class Cache:
    """Finds, verifies and stores parts. Remembers for a run what it has verified."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()
        self._verified: set[str] = set()

    @property
    def parts(self) -> Path:
        return self.root / "parts"

    def log_path(self, part: Part) -> Path:
        return self.root / "logs" / f"{part.name}.log"

    def find(self, part: Part) -> Path | None:
        """Return the part's folder if it is there and whole, else None.

        Cheap when repeated: sizes and times are compared once per run, and contents only where a
        time differs. `verify` always reads everything.
        """
        folder = self.parts / part.key
        if part.key in self._verified and folder.is_dir():
            return folder
        if not folder.is_dir() or damage(folder, thorough=False):
            return None
        self._verified.add(part.key)
        return folder

    def verify(self, part: Part) -> str | None:
        """Return what is damaged, after reading every file, or None. The part has to be there."""
        self._verified.discard(part.key)
        return damage(self.parts / part.key, thorough=True)

    def remove(self, part: Part) -> None:
        """Remove a part; only for who holds its lock."""
        self._verified.discard(part.key)
        folder = self.parts / part.key
        if folder.exists():
            _discard(folder)

    def store(self, part: Part, filled: Path) -> Path:
        """Move a filled folder to its place, with its manifest; only for who holds its lock."""
        seal(filled)
        self.remove(part)
        target = self.parts / part.key
        filled.rename(target)
        self._verified.add(part.key)
        self._drop_older(part)
        return target

    def _drop_older(self, part: Part) -> None:
        """Keep the part and the one before it (another clone may be a version behind)."""
        others = [
            path
            for path in self.parts.glob(f"{part.name}-{'[0-9a-f]' * 12}")
            if path.name != part.key
        ]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for old in others[KEEP_OLDER:]:
            _discard(old)

    @contextmanager
    def filling(self, part: Part) -> Iterator[Path]:
        """Give an empty folder to fill. What earlier, interrupted runs left is removed."""
        self.parts.mkdir(parents=True, exist_ok=True)
        for left in self.parts.glob(f".{part.name}-????????????.*"):
            _remove_tree(left)
        folder = self.parts / f".{part.key}.{os.getpid()}"
        folder.mkdir()
        try:
            yield folder
        finally:
            if folder.exists():
                _remove_tree(folder)

    @contextmanager
    def lock(self, name: str, on_wait: Callable[[float], None] | None = None) -> Iterator[None]:
        """Hold the lock of a part's name; `on_wait(seconds)` is told while another holds it."""
        path = self.root / "locks" / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as handle:

            def take() -> None:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise NotYet(f"another process makes {name}") from None

            wait_for(
                take,
                what=f"the lock {path} to be free",
                timeout=LOCK_PATIENCE,
                todo=f"see who holds it with `fuser {path}`",
                on_wait=None if on_wait is None else lambda _, seconds: on_wait(seconds),
            )
            yield


def seal(folder: Path) -> None:
    """Write the manifest of a filled folder, and see to it that all is on the disk before."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        status = path.stat()
        files[path.relative_to(folder).as_posix()] = {
            "sha256": sha256(path),
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
        }
    write_json(folder / MANIFEST, {"files": files})


def damage(folder: Path, *, thorough: bool) -> str | None:
    """Return what is wrong with a part's folder, in words, or None."""
    try:
        files = json.loads((folder / MANIFEST).read_text())["files"]
    except (OSError, ValueError, KeyError) as wrong:
        return f"{folder.name}: no readable manifest ({type(wrong).__name__})"
    for name, wanted in files.items():
        path = folder / name
        try:
            status = path.stat()
        except OSError:
            return f"{folder.name}/{name} is missing"
        if status.st_size != wanted["size"]:
            return f"{folder.name}/{name} has {status.st_size} bytes, not {wanted['size']}"
        changed = status.st_mtime_ns != wanted["mtime_ns"]
        if (thorough or changed) and sha256(path) != wanted["sha256"]:
            return f"{folder.name}/{name} has another content than when it was made"
    return None


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _discard(folder: Path) -> None:
    """Remove a part, renamed first: an interruption must leave none that looks whole."""
    doomed = folder.with_name(f".{folder.name}.removed.{os.getpid()}")
    folder.rename(doomed)
    _remove_tree(doomed)


def _remove_tree(folder: Path) -> None:
    """Remove a folder, read-only ones (as Go's module cache has them) included."""

    def allow(function: Callable[[str], object], path: str, _: object) -> None:
        Path(path).parent.chmod(0o700)
        function(path)

    shutil.rmtree(folder, onerror=allow)
