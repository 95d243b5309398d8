"""The repository that CI builds from, as the dispatcher sees it: a mirror that it only reads."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Unknown(Exception):
    """No such commit, or no such repository; the text is git's."""


class Source:
    """A bare mirror of one repository, fetched when it is asked."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder

    def head(self, branch: str) -> str:
        """Return the commit that a branch is at; empty if there is none. Raises Unknown."""
        listing = self._git("ls-remote", self.url, f"refs/heads/{branch}", inside=False)
        return listing.split()[0] if listing else ""

    def commit(self, word: str) -> tuple[str, str]:
        """Return id and subject of a commit on a branch, by id, its beginning, or a branch."""
        self.fetch()
        found = self._git("rev-parse", "--verify", "--end-of-options", f"{word}^{{commit}}")
        if not self._git("branch", "--contains", found):
            raise Unknown(f"{word} is on no branch")
        return found, self._git("log", "-1", "--format=%s", found)

    def between(self, old: str, new: str) -> int:
        """Return how many commits the branch gained from one to the other."""
        self.fetch()
        return int(self._git("rev-list", "--count", f"{old}..{new}"))

    def fetch(self) -> None:
        """Bring the mirror up to date."""
        if not (self.folder / "HEAD").exists():
            self._git("init", "--quiet", "--bare", str(self.folder), inside=False)
        self._git("fetch", "--quiet", "--prune", self.url, "+refs/heads/*:refs/heads/*")

    def _git(self, *words: str, inside: bool = True) -> str:
        place = [f"--git-dir={self.folder}"] if inside else []
        done = subprocess.run(
            ["git", *place, *words], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise Unknown(done.stderr.strip() or f"git {words[0]} ended with {done.returncode}")
        return done.stdout.strip()
