"""Runs a program for a part: every line goes to the part's log, the last ones to who asks."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from labs.errors import LabError

TAIL_LINES = 12


class StepFailed(LabError):
    """A step of the supply ended with an error; the message has the log's last lines."""


class Log:
    """One part's log file, begun anew each time the part is made."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("w", encoding="utf-8", errors="replace")
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    def write(self, line: str) -> None:
        """Add a line to the log."""
        self._tail.append(line)
        self._file.write(line + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def run(
        self,
        *argv: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: Path | None = None,
        stdout: Path | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        """Run a program to its end. Raises StepFailed with its last lines and the log's path.

        `env` is added to the environment, `stdin` and `stdout` are files; without `stdout` both
        streams go to the log, line by line, and to `on_line`.
        """
        words = [str(word) for word in argv]
        self.write(f"{time.strftime('%H:%M:%S')} $ {shlex.join(words)}")
        source: IO[bytes] | int = subprocess.DEVNULL if stdin is None else stdin.open("rb")
        target: IO[bytes] | int = subprocess.PIPE if stdout is None else stdout.open("wb")
        try:
            process = subprocess.Popen(
                words,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=source,
                stdout=target,
                stderr=subprocess.STDOUT if stdout is None else subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as missing:
            raise self.failure(f"`{words[0]}` is not on this machine") from missing
        finally:
            for stream in (source, target):
                if not isinstance(stream, int):
                    stream.close()
        lines = process.stdout if stdout is None else process.stderr
        assert lines is not None
        try:
            with lines:
                for raw in lines:
                    line = raw.decode(errors="replace").rstrip()
                    self.write(line)
                    if on_line is not None:
                        on_line(line)
            code = process.wait()
        except BaseException:
            end_group(process)
            raise
        if code != 0:
            raise self.failure(f"`{shlex.join(words)[:300]}` ended with {code}")

    def failure(self, found: str) -> StepFailed:
        """Return the error of this step, with the log's last lines."""
        tail = "\n".join(f"    {line[:300]}" for line in self._tail)
        return StepFailed(
            f"{found}\n  last lines of {self.path}:\n{tail}",
            expected="the step to end without an error",
            todo="read the log, then run the command again: what is done is not done twice",
        )


def end_group(process: subprocess.Popen[bytes], patience: float = 10) -> None:
    """End a program and all that it started; `patience` is in seconds."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()
