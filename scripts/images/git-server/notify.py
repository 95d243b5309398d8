#!/usr/bin/python3
"""The Git server's post-receive hook: tells those who asked for it of a push that is in.

Who is told stands in /srv/git/.notify, a file for each, which `git-notify NAME` puts there. The
request is signed as Flux's receivers expect it (`X-Signature: sha256=…`, an HMAC of the body).
Nobody who cannot be told holds a push up: the pusher reads that, in one line. How the last telling
went is kept beside the listener's file, for `lab automation status`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

PLACE = Path(os.environ.get("GIT_NOTIFY", "/srv/git/.notify"))
PATIENCE = 5
"""Seconds that somebody has to answer."""
REFUSALS, PAUSE = 5, 0.5
"""How often a connection may be refused, and the seconds between: a Service that is just coming in
refuses for a moment, until its node knows of the pods."""

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def subject(commit: str) -> str:
    """Return the first line of a commit's message; empty for what is no commit."""
    if not commit.strip("0"):
        return ""
    words = ["git", "log", "-1", "--format=%s", commit]
    told = subprocess.run(words, check=False, capture_output=True).stdout
    return told.decode(errors="replace").strip()


def event(repo: str, pusher: str, lines: Iterable[str]) -> bytes:
    """Return the body of the request: what git says of the push, and each commit's subject."""
    updates = [
        {"ref": ref, "old": old, "new": new, "subject": subject(new)}
        for old, new, ref in (line.rstrip("\n").split(" ", 2) for line in lines)
    ]
    return json.dumps({"repo": repo, "pusher": pusher, "updates": updates}).encode()


def tell(listener: dict[str, str], body: bytes) -> list[str]:
    """Send the event; return what the pusher shall read. Raises OSError or ValueError."""
    secret = listener["secret"].encode()
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Signature": f"sha256={signature}"}
    request = urllib.request.Request(listener["url"], data=body, headers=headers)
    text = answered(request)
    said = json.loads(text).get("say", []) if text.strip() else []
    return [str(line) for line in said]


def answered(request: urllib.request.Request) -> bytes:
    """Send a request until somebody takes it; return the answer. Raises OSError.

    What was taken is not sent again: an answer that is late may still have worked.
    """
    for left in reversed(range(REFUSALS)):
        try:
            with OPENER.open(request, timeout=PATIENCE) as answer:
                return bytes(answer.read())
        except urllib.error.URLError as wrong:
            if not (left and isinstance(wrong.reason, ConnectionRefusedError)):
                raise
            time.sleep(PAUSE)
    raise AssertionError("the last refusal is raised")


def note(path: Path, told: dict[str, str]) -> None:
    """Keep how a telling went, as a whole: pushes to two repositories may end at once."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(json.dumps({"at": time.time(), **told}))
    new.replace(path)


def main() -> None:
    """Tell everybody who wants to hear of this repository."""
    repo = Path.cwd().name.removesuffix(".git")
    body = event(repo, os.environ.get("REMOTE_USER", ""), sys.stdin)
    for path in sorted(PLACE.glob("*.json")):
        trouble, listener = "", {}
        try:
            listener = json.loads(path.read_text())
            if repo not in listener["repos"]:
                continue
            lines = tell(listener, body)
        except (OSError, ValueError, KeyError) as wrong:
            trouble = str(wrong) or type(wrong).__name__
            otherwise = listener.get("otherwise") or "`make up` mends it"
            lines = [f"Your push is in; {path.stem} could not be told ({trouble}): {otherwise}"]
        print(*lines, sep="\n", file=sys.stderr, end="\n" if lines else "")
        note(path.with_suffix(".told"), {"repo": repo, "trouble": trouble, "event": body.decode()})


if __name__ == "__main__":
    main()
