"""Files that appear whole or not at all, whenever a command is interrupted."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file with these permissions; a reader sees the old one or the new one."""
    temporary = beside(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.chmod(mode)
    temporary.replace(path)


def write_private(path: Path, text: str) -> None:
    """Write a secret: its owner alone can read it, from the first byte on."""
    write(path, text.encode(), mode=0o600)


def link(path: Path, target: Path) -> None:
    """Make `path` a symbolic link to `target`, whatever it was before."""
    if path.is_symlink() and path.readlink() == target:
        return
    temporary = beside(path)
    temporary.symlink_to(target)
    temporary.replace(path)


def beside(path: Path) -> Path:
    """Return a name in the path's folder at which nothing is, for what is to take its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of the thread, not of the process: a check and a view that goes on follow the same commit.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}")
    temporary.unlink(missing_ok=True)
    return temporary
