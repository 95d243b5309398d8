"""A clone of a repository: what it says, and what it gets from and gives to its server.

The only module that imports `git`; an error of Git's leaves it as one of the lab's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labs.errors import LabError
from labs.gitops import horizon
from labs.gitops.commits import FORMAT, Commit, parsed, recorded
from labs.gitops.draft import Draft
from labs.gitops.git_words import explained, last_line, lost_race
from labs.gitops.record import OVERRIDES, Record
from labs.platform.loopback import DIRECT

# Where there is no git yet, importing must not fail: `make up` says what is missing.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
import git

BRANCH = "main"
REMOTE = "origin"
TRACKING = f"refs/remotes/{REMOTE}/{BRANCH}"
"""What the reader's own Git knows of the server; their push moves it, and the lab never does."""
UPSTREAM = "refs/lab/main"
"""What the lab knows of the server."""
ATTEMPTS = 50
"""How often a lost race is run again; each attempt begins with what the winner pushed."""
NETWORK_SECONDS = 60
ENVIRONMENT = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", **DIRECT}


class Clone:
    """A clone at a path, used as its own user or as the environment's. Opening is no change."""

    def __init__(
        self,
        path: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self._environment = {**ENVIRONMENT, **(environment or {})}
        try:
            self._repo = git.Repo(path)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError) as missing:
            raise LabError(
                f"no clone at {path}",
                expected="a clone that `make up` has made",
                todo="run `make up`, which makes the clones that are missing",
            ) from missing
        # Whoever calls may have Git leave out what was before a reset; the lab looks at all of it.
        self._repo.git.update_environment(**horizon.whole())

    @property
    def command(self) -> Any:
        """GitPython's command object, with which a Draft is made on any commit."""
        return self._repo.git

    @property
    def url(self) -> str:
        """The server's address, without credentials."""
        address = self._repo.remote(REMOTE).url
        scheme, mark, rest = address.partition("://")
        return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else address

    def commit(self, revision: str = "HEAD") -> Commit:
        """Return the commit that a revision names. Raises LabError where it names none."""
        return self.log(revision, most=1)[0]

    def log(self, revision: str = "HEAD", path: str = "", most: int = 50) -> list[Commit]:
        """Return commits, newest first; `path` leaves those that changed it since a reset."""
        try:
            since = horizon.ensure(self._repo.git, revision) if path else {}
            text = self._repo.git.log(
                "-z",
                f"--max-count={most}",
                f"--format={FORMAT}",
                revision,
                "--",
                *([path] * bool(path)),
                env=since,
            )
        except git.GitCommandError as unknown:
            raise LabError(
                f"no commit is called {revision!r} in {self.path}",
                expected="a commit, a branch or a tag of the clone",
                todo="see `git log --oneline`; `git fetch` gets what others pushed",
            ) from unknown
        return parsed(str(text))

    def contains(self, later: str, earlier: str) -> bool:
        """Return whether the commit `earlier` is `later` or came before it, as far as is known."""
        if later == earlier:
            return True
        try:
            self._repo.git.merge_base("--is-ancestor", earlier, later)
        except git.GitCommandError:  # it is not, or one of them was not fetched yet
            return False
        return True

    def knows(self, sha: str) -> bool:
        """Return whether the clone has this commit."""
        try:
            self._repo.git.cat_file("-e", f"{sha}^{{commit}}")
        except git.GitCommandError:
            return False
        return True

    def read(self, path: str, revision: str = "HEAD") -> str:
        """Return a file as a commit has it. Raises LabError where it has no such file."""
        return self.tree(revision).read(path)

    def tree(self, revision: str = "HEAD") -> Draft:
        """Return the files of a commit."""
        return Draft(self._repo.git, self.commit(revision).sha)

    def record(self) -> Record:
        """Return what the clone knows of its history, file by file."""
        return Record(self._repo.git)

    def text(self, path: str, revision: str = "HEAD") -> str:
        """Return a file as a commit has it, or '' where it has no such file."""
        try:
            return str(self._repo.git.show(f"{revision}:{path}", strip_newline_in_stdout=False))
        except git.GitCommandError:
            return ""

    def files(self, revision: str = "HEAD") -> list[str]:
        """Return the paths of a commit's files."""
        return self.tree(revision).files()

    def diff(self, earlier: str, later: str, path: str = "") -> str:
        """Return the difference between two commits as `git diff` shows it."""
        return str(self._repo.git.diff(earlier, later, *(["--", path] if path else [])))

    def changed(self) -> list[str]:
        """Return the tracked files that differ from the last commit, staged or not."""
        return str(self._repo.git.diff("HEAD", "--name-only")).split()

    def unpushed(self) -> list[Commit]:
        """Return the commits that the last known state of the server does not have."""
        return self.log(f"{UPSTREAM}..HEAD")

    def fetch(self) -> Commit:
        """Get what others pushed; return the branch's newest commit. Raises GitServerAway."""
        for attempt in range(ATTEMPTS):
            try:
                # The reader may push or pull in this clone at this very moment: nothing that their
                # Git reads or notes (FETCH_HEAD, origin/main and its record) is touched.
                self._repo.git.fetch(
                    "--quiet",
                    "--no-write-fetch-head",
                    "--refmap=",
                    REMOTE,
                    f"+refs/heads/{BRANCH}:{UPSTREAM}",
                    f"+{OVERRIDES}*:{OVERRIDES}*",  # a pattern: there may be none yet
                    env=self._environment,
                    kill_after_timeout=NETWORK_SECONDS,
                )
            except git.GitCommandError as failed:
                # Another command fetched in this clone at the same time, and was faster.
                if not lost_race(str(failed.stderr)) or attempt == ATTEMPTS - 1:
                    raise explained(f"fetching from {self.url}", str(failed.stderr)) from failed
            else:
                break
        return self.commit(UPSTREAM)

    def pushed_at(self, sha: str) -> float | None:
        """Return when this clone's push made `sha` the newest, in Unix seconds, or None."""
        return self.pushes().get(sha)

    def is_pushed(self, sha: str) -> bool:
        """Return whether the server has a commit, by this clone's own push or the last fetch."""
        return self.contains(TRACKING, sha) or self.contains(UPSTREAM, sha)

    def pushes(self) -> dict[str, float]:
        """Return the commits that this clone pushed as the newest, and when, in Unix seconds.

        Git writes its record of the server's branch right after the push: the time of the file
        is exact, an older entry of the record has whole seconds. A fetch at that very moment, such
        as JupyterLab's, may get there first; what was committed here is known by HEAD's record.
        """
        logs = Path(self._repo.git_dir) / "logs"
        made = {
            sha
            for sha, _, reason in recorded(logs / "HEAD")
            if reason.startswith(("commit", "revert", "cherry-pick")) or "(pick)" in reason
        }
        return {
            sha: at
            for sha, at, reason in recorded(logs / TRACKING)
            if reason.startswith("update by push") or sha in made
        }

    def _push(self, sha: str, options: Sequence[str]) -> bool:
        """Push one commit; return False where another writer was faster."""
        words = [f"--push-option={option}" for option in options]
        target = f"{sha}:refs/heads/{BRANCH}"
        try:
            self._repo.git.push(
                *words, REMOTE, target, env=self._environment, kill_after_timeout=NETWORK_SECONDS
            )
        except git.GitCommandError as refused:
            if lost_race(str(refused.stderr)):
                return False
            raise explained(f"pushing to {self.url}", str(refused.stderr)) from refused
        return True

    def _follow(self, sha: str) -> str:
        """Move the working folder to a pushed commit; return what keeps it from that, or ''."""
        try:
            self._repo.git.merge("--ff-only", "--quiet", sha, env=ENVIRONMENT)
        except git.GitCommandError as stuck:  # the commit is pushed: that is told, not undone
            return f"your clone stays behind ({last_line(str(stuck.stderr))}): `git pull --rebase`"
        return ""
