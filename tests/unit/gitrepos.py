"""Real Git repositories on disk, for tests of what reads and writes them."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(*words: str | Path, cwd: Path) -> str:
    """Run git; return what it prints."""
    done = subprocess.run(
        ["git", *map(str, words)], cwd=cwd, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def new_server(folder: Path, files: dict[str, str]) -> Path:
    """Make a bare repository with one commit that has these files; return its path."""
    bare = folder / "config.git"
    bare.mkdir(parents=True)
    git("init", "--quiet", "--bare", "--initial-branch=main", ".", cwd=bare)
    git("config", "receive.advertisePushOptions", "true", cwd=bare)
    seed = new_clone(bare, folder / "seed")
    for path, text in files.items():
        (seed / path).parent.mkdir(parents=True, exist_ok=True)
        (seed / path).write_text(text)
    git("add", ".", cwd=seed)
    git("commit", "--quiet", "-m", "Begin", cwd=seed)
    git("push", "--quiet", "origin", "main", cwd=seed)
    return bare


def new_clone(bare: Path, path: Path) -> Path:
    """Clone it, with the folder's name as identity; return the clone's path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    git("clone", "--quiet", bare, path, cwd=bare)
    git("config", "user.name", path.name, cwd=path)
    git("config", "user.email", f"{path.name}@hackfest.local", cwd=path)
    git("symbolic-ref", "HEAD", "refs/heads/main", cwd=path)
    return path
