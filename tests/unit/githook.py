"""A desk at which somebody works with a Git server whose hook is the lab's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labs.instance import PROJECT
from labs.platform.credentials import USERS, mail

HOOK = PROJECT / "scripts/images/git-server/receive.py"


@dataclass(frozen=True)
class Desk:
    """A clone in which somebody works, and the server that it pushes to."""

    clone: Path
    server: Path
    user: str = "attendee"

    def git(self, *words: str, check: bool = True, user: str = "") -> str:
        """Return both streams of git in the clone."""
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "REMOTE_USER": user or self.user,
        }
        done = subprocess.run(
            ["git", *words], cwd=self.clone, env=environment, capture_output=True, text=True,
            errors="replace",
        )  # fmt: skip
        assert (done.returncode == 0) == check, f"git {words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def commit(self, subject: str, *, as_user: str = "") -> str:
        """Make a commit as somebody; return its id."""
        who = as_user or self.user
        (self.clone / "file").write_text(subject, errors="surrogateescape")
        self.git("add", "file")
        self.git(*identity(who), "commit", "--allow-empty-message", "-m", subject)
        return self.git("rev-parse", "HEAD").strip()

    def write(self, files: Mapping[str, str], subject: str = "Change", *, as_user: str = "") -> str:
        """Make a commit with exactly these files as somebody; return its id."""
        self.git("rm", "-q", "-r", "--ignore-unmatch", ".")
        for path, text in files.items():
            (self.clone / path).parent.mkdir(parents=True, exist_ok=True)
            (self.clone / path).write_text(text)
        self.git("add", "--all")
        self.git(*identity(as_user or self.user), "commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD").strip()

    def refused(self, *words: str, user: str = "") -> str:
        """Return what the server said when it refused a push, `remote: ` taken off."""
        said = self.git("push", *words, check=False, user=user)
        assert "pre-receive hook declined" in said
        lines = [x.removeprefix("remote: ").rstrip() for x in said.splitlines() if "remote: " in x]
        starts = [line[:9] for line in lines]
        assert ("found:   " in starts, "expected:" in starts, "next:    " in starts) == (True,) * 3
        return "\n".join(lines)


def identity(user: str) -> list[str]:
    """Return the words by which git commits as a user."""
    return ["-c", f"user.name={USERS.get(user, user)}", "-c", f"user.email={mail(user)}"]


def new_desk(folder: Path, repo: str = "server") -> Desk:
    """Return a clone with one commit, and the server that has it."""
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / "pre-receive").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HOOK}"\n')
    (hooks / "pre-receive").chmod(0o755)
    server, clone = folder / f"{repo}.git", folder / "clone"
    clone.mkdir()
    made = Desk(clone, server)
    made.git("init", "-q", "--bare", "-b", "main", str(server))
    made.git("-C", str(server), "config", "core.hooksPath", str(hooks))
    made.git("-C", str(server), "config", "receive.advertisePushOptions", "true")
    made.git("init", "-q", "-b", "main")
    made.git("config", "user.name", "Attendee")
    made.git("config", "user.email", mail("attendee"))
    made.git("remote", "add", "origin", str(server))
    made.commit("first", as_user="instructor")
    made.git("push", "origin", "main", user="instructor")
    return made
