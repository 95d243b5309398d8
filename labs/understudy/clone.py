"""A bare clone that commits are made in without a working folder, for the image automation.

Not GitPython, which the lab itself uses: this reads and writes a file's very bytes, and the image
is to be small. Credentials reach git by its environment, never by a command line or a file.
"""

from __future__ import annotations

import base64
import hashlib
import os
import posixpath
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labs.gitops.git_words import last_line, lost_race

ATTEMPTS = 50
"""How often a lost race is run again; each attempt begins with what the winner pushed."""


class GitFailed(Exception):
    """What git, or the Git server, said."""


@dataclass(frozen=True)
class Author:
    """Who the commits are by."""

    name: str
    mail: str


@dataclass(frozen=True)
class Pushed:
    """A commit that the server has, and how many races it lost before."""

    sha: str
    base: str
    races_lost: int


class Clone:
    """A clone of one branch of one repository."""

    def __init__(
        self, root: Path, url: str, *, user: str = "", password: str = "", seconds: float = 60
    ) -> None:
        self.folder = root / hashlib.sha256(url.encode()).hexdigest()[:16]
        self._url = url
        self._seconds = seconds
        settings = {"http.followRedirects": "false", "gc.autoDetach": "false"}
        if user:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            settings[f"http.{url}.extraHeader"] = f"Authorization: Basic {token}"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        for number, (name, value) in enumerate(settings.items()):
            self._environment[f"GIT_CONFIG_KEY_{number}"] = name
            self._environment[f"GIT_CONFIG_VALUE_{number}"] = value

    def head(self, branch: str) -> str | None:
        """Return the branch's newest commit on the server, or None. Raises GitFailed."""
        ref = f"refs/heads/{branch}"
        listed = self._text("ls-remote", "--exit-code", self._url, ref, fine=(2,))
        return listed.split()[0] if listed else None

    def fetch(self, branch: str) -> str:
        """Get a branch; return its newest commit. Raises GitFailed."""
        self._ensure()
        ref = f"refs/heads/{branch}"
        self._text("fetch", "--quiet", "--no-tags", self._url, f"+{ref}:{ref}")
        return self._text("rev-parse", ref).strip()

    def files_with(self, commit: str, token: str, path: str) -> list[str]:
        """Return the regular files below a path that hold a text. Raises GitFailed."""
        inside = _inside(path)
        if self._text("rev-parse", "--verify", "--quiet", f"{commit}:{inside}", fine=(1,)) == "":
            raise GitFailed(f"walking path for files: {path}: no such file or directory")
        found = self._text(
            *("grep", "-z", "-l", "-F", "-e", token, commit, "--", inside or "."), fine=(1,)
        )
        return [name.partition(":")[2] for name in found.split("\0") if name]

    def read(self, commit: str, path: str) -> bytes:
        """Return a file as a commit has it."""
        return self._run("cat-file", "blob", f"{commit}:{path}")

    def files(self, commit: str) -> list[str]:
        """Return the paths of a commit's files."""
        listed = self._text("ls-tree", "-r", "-z", "--name-only", commit)
        return [path for path in listed.split("\0") if path]

    def times(self, revisions: str, most: int = 1000) -> list[float]:
        """Return the times of commits in Unix seconds, the newest first. Raises GitFailed."""
        told = self._text("log", "--format=%ct", f"--max-count={most}", revisions, "--")
        return [float(time) for time in told.split()]

    def commit(self, base: str, files: Mapping[str, bytes], message: str, author: Author) -> str:
        """Make a commit with other contents of some files; return its name."""
        modes = self._modes(base, list(files))
        index = self.folder / "index.lab"
        index.unlink(missing_ok=True)
        environment = {
            "GIT_INDEX_FILE": str(index),
            **{
                f"GIT_{role}_{part}": value
                for role in ("AUTHOR", "COMMITTER")
                for part, value in (("NAME", author.name), ("EMAIL", author.mail))
            },
        }
        self._run("read-tree", base, environment=environment)
        for path, content in files.items():
            blob = self._run("hash-object", "-w", "--stdin", stdin=content).decode().strip()
            entry = f"{modes[path]},{blob},{path}"
            self._run("update-index", "--cacheinfo", entry, environment=environment)
        tree = self._run("write-tree", environment=environment).decode().strip()
        made = self._run(
            *("commit-tree", tree, "-p", base), stdin=message.encode(), environment=environment
        )
        return made.decode().strip()

    def push(self, commit: str, branch: str) -> bool:
        """Push one commit; return False where another writer was faster. Raises GitFailed."""
        try:
            self._run("push", "--quiet", self._url, f"{commit}:refs/heads/{branch}")
        except GitFailed as refused:
            if lost_race(str(refused)):
                return False
            raise GitFailed(_reasons(str(refused))) from refused
        return True

    def _modes(self, commit: str, paths: Sequence[str]) -> dict[str, str]:
        listed = self._text("ls-tree", "-z", commit, "--", *paths)
        entries = [entry.partition("\t") for entry in listed.split("\0") if entry]
        return {path: head.split()[0] for head, _, path in entries}

    def _ensure(self) -> None:
        if not (self.folder / "HEAD").exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._run("init", "--quiet", "--bare", str(self.folder), inside=False)

    def _text(self, *words: str, fine: Sequence[int] = ()) -> str:
        inside = words[0] != "ls-remote"
        return self._run(*words, fine=fine, inside=inside).decode(errors="surrogateescape")

    def _run(
        self,
        *words: str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        fine: Sequence[int] = (),
        inside: bool = True,
    ) -> bytes:
        """Return what git wrote; not labs.run, which reads text, and turns CRLF into LF."""
        where = ["--git-dir", str(self.folder)] if inside else []
        try:
            done = subprocess.run(
                ["git", *where, *words],
                input=stdin,
                env={**self._environment, **(environment or {})},
                capture_output=True,
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise GitFailed(f"git {words[0]}: no end after {self._seconds:.0f} s") from late
        if done.returncode not in (0, *fine):
            text = done.stderr.decode(errors="replace").strip()
            raise GitFailed(text or f"git {words[0]} ended with {done.returncode}")
        return done.stdout if done.returncode == 0 else b""


Change = Callable[[str], tuple[Mapping[str, bytes], str] | None]
"""Given a commit, returns new contents of files and the message; None for "nothing to do"."""


def write(
    clone: Clone, start: str, branch: str, author: Author, change: Change
) -> tuple[str, Pushed | None]:
    """Commit a change to a branch and push it; return the start's newest commit, and what landed.

    `start` is the branch that a new `branch` grows from. A lost race is fetched, the change made
    anew, and pushed again; nothing is ever forced. Raises GitFailed.
    """
    for lost in range(ATTEMPTS):
        began = base = clone.fetch(start)
        if branch != start and clone.head(branch) is not None:
            base = clone.fetch(branch)
        made = change(base)
        if made is None:
            return began, None
        files, message = made
        sha = clone.commit(base, files, message, author)
        if clone.push(sha, branch):
            return (sha if branch == start else began), Pushed(sha, base, lost)
    raise GitFailed(f"{ATTEMPTS} times another writer of {branch} was faster")


def _inside(path: str) -> str:
    """Return a path below the repository's root, which nothing leads out of."""
    return posixpath.normpath(f"/{path}").lstrip("/")


def _reasons(text: str) -> str:
    """Return why a push was refused: what the server said, or else git's last line."""
    said = [
        line.partition("remote:")[2].strip()
        for line in text.splitlines()
        if line.startswith("remote:")
    ]
    told = [line for line in said if line]
    return "\n".join(told) if told else last_line(text)
