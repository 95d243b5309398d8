"""What a commit is to the rest of the lab, whoever made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

FORMAT = "%H%x00%P%x00%an%x00%ae%x00%cI%x00%s%x00%(trailers:only,unfold)%x00%b"
"""What `git log -z --format` is asked for; `parsed` reads it. No message can hold a NUL."""
FIELDS = FORMAT.count("%x00") + 1


@dataclass(frozen=True)
class Identity:
    """Who a commit is by."""

    name: str
    mail: str

    def environment(self) -> dict[str, str]:
        """Return the variables by which Git takes this identity."""
        return {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", self.name), ("EMAIL", self.mail))
        }


@dataclass(frozen=True)
class Commit:
    """One commit, with the trailers of its message (`Lab-Event: release`)."""

    sha: str
    subject: str
    body: str
    author: Identity
    when: datetime
    parents: tuple[str, ...]
    trailers: Mapping[str, str]

    @property
    def short(self) -> str:
        return self.sha[:7]

    def __str__(self) -> str:
        return f"{self.short} {self.subject!r}"


@dataclass(frozen=True)
class Message:
    """What a new commit says; history is told from the trailers."""

    subject: str
    body: str = ""
    trailers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        # A value is one line: a second one could pass itself off as another trailer.
        trailers = "\n".join(f"{key}: {flat(value)}" for key, value in self.trailers.items())
        return "\n\n".join(part for part in (self.subject, self.body, trailers) if part) + "\n"


@dataclass(frozen=True)
class Written:
    """A pushed commit, how many races it lost before, and what keeps the folder from following."""

    commit: Commit
    races_lost: int
    behind: str = ""


def flat(text: str) -> str:
    """Return a text as one line."""
    return " ".join(text.split())


def parsed(log: str) -> list[Commit]:
    """Return the commits of a log that was written with `-z` and FORMAT."""
    cells = log.split("\0")
    found = []
    for start in range(0, len(cells) - FIELDS + 1, FIELDS):
        sha, parents, name, mail, when, subject, trailers, body = cells[start : start + FIELDS]
        pairs = (line.partition(": ") for line in trailers.split("\n"))
        found.append(
            Commit(
                sha,
                subject,
                body.strip(),
                Identity(name, mail),
                datetime.fromisoformat(when),
                tuple(parents.split()),
                {key: value for key, mark, value in pairs if mark},
            )
        )
    return found


def recorded(record: Path) -> list[tuple[str, float, str]]:
    """Return what Git noted of a branch's moves: where to, when (Unix seconds), and why.

    Only the last move's time is exact: it is when the file was written.
    """
    if not record.exists():
        return []
    # A reason holds a commit's subject, and with it whatever Python takes for the end of a line.
    lines = record.read_bytes().decode(errors="replace").split("\n")
    entries = [entry.partition("\t") for entry in lines if entry]
    found = [(head.split()[1], float(head.split()[-2]), reason) for head, _, reason in entries]
    if found:
        sha, _, reason = found[-1]
        found[-1] = (sha, record.stat().st_mtime, reason)
    return found
