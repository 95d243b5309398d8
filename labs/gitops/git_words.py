"""Tells from Git's words what went wrong, and says it in ours."""

from __future__ import annotations

from labs.errors import LabError

RACE = (
    "(fetch first)",
    "(non-fast-forward)",
    "cannot lock ref",
    "failed to update ref",
    "moved on the server while you pushed",  # the lab's own hook
)
"""What Git says when another writer was faster, on this side or on the server's."""
AWAY = (
    "unable to access",
    "Could not resolve host",
    "Failed to connect",
    "Connection refused",
    "does not appear to be a git repository",
    "Timeout",
)
NO_ENTRY = ("Authentication failed", "could not read Username", "error: 401", "error: 403")


class GitServerAway(LabError):
    """The Git server does not answer."""


class PushRefused(LabError):
    """The Git server answered, and said no; its words are in the message."""


class CloneNotClean(LabError):
    """The clone holds something that is not committed or not pushed, or stands elsewhere."""


def lost_race(text: str) -> bool:
    """Return whether a push failed because another writer was faster."""
    return any(sign in text for sign in RACE)


def explained(doing: str, text: str) -> LabError:
    """Return the error that Git's words stand for."""
    if any(sign in text for sign in NO_ENTRY):
        return PushRefused(
            f"{doing}: the Git server does not know these credentials",
            expected="the credentials that `make up` has put into the clone",
            todo="run `make up`, which sets the clones up again",
        )
    remote = [
        line.partition("remote: ")[2].strip() for line in text.splitlines() if "remote: " in line
    ]
    # Before the next question: a server that says why it takes no push is not away.
    if told := _three_lines(remote):
        return PushRefused(told["found"], expected=told["expected"], todo=told["next"])
    if any(sign in text for sign in AWAY):
        return GitServerAway(
            f"{doing}: the Git server does not answer ({last_line(text)})",
            expected="a running Git server; nothing was changed",
            todo="run `make status`, then `make up`, which starts it again",
        )
    return PushRefused(
        f"{doing}: " + (" | ".join(line for line in remote if line) or last_line(text)),
        expected="the Git server takes it; nothing was changed",
        todo="do what the message says",
    )


def _three_lines(said: list[str]) -> dict[str, str]:
    """Return what the lab's own hook found, expected and says to do next; {} if it said nothing."""
    told: dict[str, str] = {}
    key = ""
    for line in said:
        word, mark, rest = line.partition(":")
        if mark and word in ("found", "expected", "next"):
            key = word
            told[key] = rest.strip()
        elif key and key != "next" and line:
            told[key] += f"\n            {line}"
    return told if len(told) == 3 else {}


def last_line(text: str) -> str:
    """Return the last line that says something, without the quotes that GitPython puts round it."""
    lines = [line.strip() for line in text.strip().strip("'").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason given"
