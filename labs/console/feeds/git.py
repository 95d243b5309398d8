"""The config repo: its newest commit, and the console's own clone of it."""

from __future__ import annotations

import threading

from labs.console.feeds.feed import Feed
from labs.console.hub import Hub
from labs.console.seat import Seat
from labs.errors import LabError
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.own_clone import clone_to
from labs.platform import git_server
from labs.platform.loopback import fetch
from labs.run import run
from labs.wait import NotYet


class Git(Feed[Commit | None]):
    """The newest commit of the server's branch; pages read its files from the clone."""

    topic = "git"

    def __init__(self, seat: Seat, hub: Hub) -> None:
        super().__init__(seat, hub, None)
        self._refs = b""
        self._points_at = ""
        self._cloning = threading.Lock()

    def look(self) -> Commit:
        # What the server's branches are is one small answer; Git itself is only run when it moves.
        url = f"{git_server.url(self.seat, 'config')}/info/refs?service=git-upload-pack"
        try:
            answer = fetch(url, timeout=5)
        except NotYet as silent:
            raise self._away(str(silent)) from silent
        if answer.status != 200:
            raise self._away(f"{url} answers {answer.status}")
        repo = self.repo()
        if answer.body != self._refs or self.seen is None:
            found = repo.fetch()
            self._refs = answer.body
            return found
        return repo.commit(UPSTREAM)

    def repo(self) -> ConfigRepo:
        """Return the console's clone, made when missing. Raises LabError."""
        path = self.seat.work / "config-repo"
        url = git_server.url(self.seat, "config")
        with self._cloning:
            if not (path / ".git").exists():
                clone_to(self.seat, path)
            elif self._points_at != url:  # by an earlier process, or the port has moved
                run("git", "remote", "set-url", "origin", url, cwd=path)
            self._points_at = url
        return attendees(self.seat)

    def _away(self, found: str) -> LabError:
        return LabError(
            f"the Git server does not answer: {found}",
            expected="the config repo's branches",
            todo="run `make up`, which starts what has stopped",
        )
