"""The one way to run a program: quiet on success, everything that is known on failure."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from labs.errors import LabError

TAIL_LINES = 15


class CommandFailed(LabError):
    """A program ended with an exit code other than 0, ran out of time, or is not there."""

    def __init__(
        self, argv: Sequence[str], code: int | str, stdout: str, stderr: str, todo: str
    ) -> None:
        streams = [
            f"  {name}:\n" + "\n".join(f"    {line}" for line in text.splitlines()[-TAIL_LINES:])
            for name, text in (("stdout", stdout), ("stderr", stderr))
            if text.strip()
        ]
        super().__init__(
            "\n".join([f"`{shlex.join(argv)}` ended with {code}", *streams]),
            expected="exit code 0",
            todo=todo,
        )
        self.argv = list(argv)
        self.code = code
        self.stdout = stdout
        self.stderr = stderr


def run(
    *argv: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 600,
    todo: str = "read the lines above; `make doctor` checks what the lab stands on",
) -> str:
    """Return what the program wrote to stdout.

    `env` is added to the environment; `timeout` is in seconds.
    Raises CommandFailed with the command, its exit code and both streams.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as missing:
        raise CommandFailed(words, "command not found", "", str(missing), todo) from missing
    except subprocess.TimeoutExpired as late:
        out, err = (
            part.decode(errors="replace") if isinstance(part, bytes) else part or ""
            for part in (late.stdout, late.stderr)
        )
        raise CommandFailed(words, f"no end after {timeout:.0f} s", out, err, todo) from late
    if done.returncode != 0:
        raise CommandFailed(words, done.returncode, done.stdout, done.stderr, todo)
    return done.stdout
