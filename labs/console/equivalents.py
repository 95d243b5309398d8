"""What a reader types in a terminal to do what a button does: with `lab`, and with `git` alone."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from labs.gitops.commits import Message
from labs.platform import flux

END = "END"


def lab(words: Iterable[str], reason: str = "") -> str:
    """Return the `lab` command of these words."""
    given = ["lab", *words, *(["--reason", reason] if reason else [])]
    return shlex.join(given)


def sync(kustomizations: Iterable[str]) -> str:
    """Return the commands that do what *Sync now* does to the source and these Kustomizations."""
    names = [*kustomizations]
    asked = [f"flux reconcile kustomization {name}" for name in map(shlex.quote, names)]
    asked[:1] = [f"{one} --with-source" for one in asked[:1]]
    return " &&\n".join(asked) or f"flux reconcile source git {flux.SOURCE}"


def git(message: Message, diff: str) -> str:
    """Return the commands that make the same commit in a clone, without anything of the lab's.

    The difference is given to `git apply`, so that it is the same to the letter; by hand one
    would open an editor.
    """
    trailers = [f"--trailer={key}: {value}" for key, value in message.trailers.items()]
    said = [word for text in (message.subject, message.body) if text for word in ("-m", text)]
    commit = shlex.join(["git", "commit", *said, *trailers])
    marker = END
    while marker in diff.splitlines():
        marker += END
    return (
        "git pull --rebase &&\n"
        f"git apply --index <<'{marker}' &&\n"
        f"{diff.rstrip(chr(10))}\n"
        f"{marker}\n"
        f"{commit} &&\n"
        "git push"
    )
