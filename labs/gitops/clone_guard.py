"""Keeps writes off a clone in which somebody is at something, and says what that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from labs.errors import LabError
from labs.gitops.commits import Commit
from labs.gitops.git_words import CloneNotClean

LOCK_SECONDS = 60


def elsewhere(path: Path, where: str, branch: str) -> CloneNotClean:
    """Return the error for a clone that stands on another branch, or on none."""
    return CloneNotClean(
        f"the clone {path} stands on {where}",
        expected=f"the branch {branch!r}",
        todo=f"end what you are at (`git status` names it), then `git switch {branch}`",
    )


def uncommitted(path: Path, files: Iterable[str]) -> CloneNotClean:
    """Return the error for a clone with changes that are in no commit."""
    return CloneNotClean(
        f"changes that are not committed in {path}: {', '.join(files)}",
        expected="a clean clone, for nothing of yours is ever overwritten",
        todo="commit and push them (`git diff` shows them), or `git restore` the files",
    )


def unpushed(commit: Commit) -> CloneNotClean:
    """Return the error for a clone that is further than the server."""
    return CloneNotClean(
        f"a commit of yours that is not pushed: {commit}",
        expected="a clone that is no further than the server",
        todo="`git pull --rebase`, `git push`; or undo it with `git reset --keep HEAD~1`",
    )


def behind(path: Path, commit: Commit) -> CloneNotClean:
    """Return the error for a clone that lacks what others pushed."""
    return CloneNotClean(
        f"the clone {path} lacks what others pushed, such as {commit}",
        expected="a clone that is no older than the server",
        todo="`git pull --rebase`, then run this again",
    )


def in_the_way(files: Iterable[str]) -> CloneNotClean:
    """Return the error for files that Git does not know, where a commit brings such files."""
    return CloneNotClean(
        f"files that Git does not know are in the way: {', '.join(sorted(files))}",
        expected="room for files of the same names",
        todo="commit them, or move them elsewhere",
    )


@contextmanager
def alone(path: Path, git_dir: Path) -> Iterator[None]:
    """Let one command after the other write in a clone. Raises LabError after LOCK_SECONDS."""
    try:
        with FileLock(git_dir / "lab.lock").acquire(timeout=LOCK_SECONDS):
            yield
    except Timeout as held:
        raise LabError(
            f"another command has been writing in {path} for {LOCK_SECONDS} s",
            expected="one writer of a clone at a time",
            todo="wait for it to end, then run this again",
        ) from held
