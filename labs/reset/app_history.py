"""The sample app's versions as a history of their own: the same commits in every lab.

An image names the commit that it was made from. So that an image can be kept and need not be built
again, its commit has to be the same whenever it is made: fixed authors, fixed dates, fixed trees.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from labs.gitops.app_versions import trees
from labs.gitops.commits import Identity
from labs.platform.credentials import USERS, mail
from labs.reset.notes import Notes
from labs.run import CommandFailed, run

AUTHOR = "instructor"
BORN = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
"""When the first version was committed; each later one follows a day later."""


@dataclass(frozen=True)
class Built:
    """A version's commit, and when that was made."""

    number: str
    commit: str
    created: str
    """As the image's label has it, ISO 8601."""
    folder: Path
    """Where the version's files are, once `files` was asked for them."""

    def files(self) -> Path:
        """Return the folder with the version's files, which is made if need be."""
        if not self.folder.exists():
            trees.build(self.number, self.folder)
        return self.folder


def commits(
    repo: Path, numbers: tuple[str, ...], folder: Path, notes: Notes | None = None
) -> list[Built]:
    """Make the commits of these versions, the oldest first, in a clone; its branches stay.

    `folder` is empty; a version's files come into a folder in it, called as the version is.
    """
    found: list[Built] = []
    for place, number in enumerate(numbers):
        stamp = (BORN + timedelta(days=place)).isoformat()
        made = notes.get(number) if notes else ""
        if not made or not _there(repo, made):
            parent = found[-1].commit if found else ""
            made = _commit(repo, Built(number, "", stamp, folder / number), parent)
            if notes:
                notes.put(number, made)
        found.append(Built(number, made, stamp, folder / number))
    return found


def _commit(repo: Path, version: Built, parent: str) -> str:
    env = {
        **Identity(USERS[AUTHOR], mail(AUTHOR)).environment(),
        "GIT_AUTHOR_DATE": version.created,
        "GIT_COMMITTER_DATE": version.created,
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    first = version.number == trees.START
    words = "the first" if first else trees.named(version.number).subject
    message = ("-m", f"Version {version.number}: {words}")
    on = ("-p", parent) if parent else ()
    tree = write_tree(repo, version.files())
    return run("git", "commit-tree", tree, *on, *message, cwd=repo, env=env).strip()


def _there(repo: Path, commit: str) -> bool:
    try:
        run("git", "cat-file", "-e", f"{commit}^{{commit}}", cwd=repo)
    except CommandFailed:  # the clone was made anew
        return False
    return True


def write_tree(repo: Path, files: Path) -> str:
    """Write a folder's files into a clone's store; return the tree's name."""
    with tempfile.TemporaryDirectory() as temporary:
        env = {"GIT_INDEX_FILE": f"{temporary}/index", "GIT_WORK_TREE": str(files)}
        run("git", "add", "--all", "--force", ".", cwd=repo, env={**env, "GIT_DIR": ".git"})
        return run("git", "write-tree", cwd=repo, env={**env, "GIT_DIR": ".git"}).strip()
