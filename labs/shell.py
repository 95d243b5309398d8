"""Runs bash scripts as the attendee: their environment, their clone of the config repo, visibly."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

from labs import show
from labs.instance import Instance
from labs.platform.environment import environment
from labs.run import CommandFailed

# Nobody sits at a keyboard: a program that would ask, page or open an editor must not wait.
_UNATTENDED = {"GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "PAGER": "cat", "GIT_EDITOR": "true"}


def folder(instance: Instance) -> Path:
    """Return where the attendee works: the config-repo clone, or what there is of the way to it."""
    for path in (instance.work / "config-repo", instance.work, instance.root):
        if path.is_dir():
            return path
    return Path.cwd()


def visible(instance: Instance, script: str, *, timeout: float = 600) -> None:
    """Run a bash script that stops at its first failing command, and show what it prints.

    `timeout` is in seconds. Raises CommandFailed.
    """
    argv = ["bash", "-euo", "pipefail", "-c", script]
    seen: list[str] = []
    with subprocess.Popen(
        argv,
        cwd=folder(instance),
        env={**os.environ, **environment(instance), **_UNATTENDED},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # so that what the script started ends with it
    ) as process:
        late = threading.Event()

        def end() -> None:
            late.set()
            _end(process)

        timer = threading.Timer(timeout, end)
        timer.start()
        try:
            assert process.stdout is not None
            for text in process.stdout:
                seen.append(text)
                show.line(text.rstrip("\n"))
            code = process.wait()
        except BaseException:  # the reader interrupted the cell: what it began ends with it
            _end(process)
            raise
        finally:
            timer.cancel()
    if late.is_set():
        raise _failed(script, f"no end after {timeout:.0f} s", seen)
    if code != 0:
        raise _failed(script, code, seen)


def _failed(script: str, code: int | str, seen: list[str]) -> CommandFailed:
    first = script.strip().splitlines()
    shown = first[0] if len(first) == 1 else f"{first[0]} …"
    return CommandFailed(
        ["bash", "-c", shown],
        code,
        "".join(seen),
        "",
        'read what it printed; the step\'s hints help: lab.hint("…")',
    )


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
