"""A reader at work in their own clone of the config repo: commits that the page shows."""

from __future__ import annotations

import re
import time

from labs.gitops.config_repo import attendees
from labs.instance import Instance
from labs.platform import flux, kubernetes
from labs.platform.environment import environment
from labs.run import run

HELLO = "apps/production/hello.yaml"


class Reader:
    """Commits and pushes with git itself, as a reader does in a terminal."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.folder = instance.work / "config-repo"

    def git(self, *words: str) -> str:
        return run("git", *words, cwd=self.folder, env=environment(self._instance), timeout=120)

    def commit(self, words: str) -> str:
        """Commit another greeting, and return the commit."""
        self.git("pull", "--quiet", "--rebase")
        path = self.folder / HELLO
        greeting = f"{words} ({time.time_ns()})"
        text, count = re.subn(
            r"(name: GREETING\n +value: ).*", rf'\g<1>"{greeting}"', path.read_text()
        )
        assert count == 1
        path.write_text(text)
        self.git("commit", "--quiet", "--all", f"--message={words}")
        return self.git("rev-parse", "HEAD").strip()

    def push(self) -> None:
        self.git("push", "--quiet")

    def say(self, words: str) -> str:
        """Push another greeting, have Flux look, and return the commit."""
        commit = self.commit(words)
        self.push()
        flux.reconcile(
            kubernetes.api(self._instance), flux.SOURCE_API, "GitRepository", flux.SOURCE
        )
        return commit

    def revert(self, commit: str) -> None:
        """Take a commit back with another, and push that."""
        self.git("pull", "--quiet", "--rebase")
        self.git("revert", "--no-edit", commit)
        self.push()
        attendees(self._instance).fetch()
