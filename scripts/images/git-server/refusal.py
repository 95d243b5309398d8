"""What the hook says when it does not take a push, and how it asks git."""

from __future__ import annotations

import subprocess


class Refused(Exception):
    """A push that is not taken: what was found, what was expected, what to do."""

    def __init__(self, found: str, expected: str, todo: str) -> None:
        super().__init__(found)
        self.lines = (f"found:    {found}", f"expected: {expected}", f"next:     {todo}")


def git(*words: str) -> str:
    """Return what git wrote to stdout, byte for byte: a name or a subject may hold anything.

    Raises CalledProcessError.
    """
    done = subprocess.run(["git", *words], check=True, stdout=subprocess.PIPE)
    return done.stdout.decode(errors="surrogateescape").strip()


def holds(*words: str) -> bool:
    """Return git's answer to a yes-or-no question, told by its exit code 0 or 1."""
    done = subprocess.run(["git", *words], check=False, stdout=subprocess.DEVNULL)
    if done.returncode not in (0, 1):
        raise subprocess.CalledProcessError(done.returncode, ["git", *words])
    return done.returncode == 0


def one_line(text: object, longest: int = 200) -> str:
    """Return a text of somebody else's as part of a message: one line, nothing that is unseen."""
    words = "".join(c if c.isprintable() else " " for c in str(text)).split()
    line = " ".join(words)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
