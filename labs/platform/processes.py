"""Programs that outlive the command that started them: start, recognise, end.

A process number alone proves nothing: numbers are used again. A process is ours when its command
line holds a marker that only ours can have.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from labs.errors import LabError
from labs.run import run
from labs.wait import NotYet, TimedOut, wait_for

PROC = Path("/proc")


def start_detached(argv: list[str], *, log: Path, env: Mapping[str, str], cwd: Path) -> int:
    """Start a program in a session of its own and return its process number.

    A Ctrl-C or a closed terminal does not reach it, and both its streams go to `log`, whose
    earlier content is kept beside it as `<log>.1`. Raises CommandFailed if it cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    # A short-lived process in between is the parent: so the program is handed to init at once and
    # never becomes a zombie of ours.
    return int(run(sys.executable, __file__, log, *argv, env=env, cwd=cwd, timeout=30))


def command_line(pid: int) -> str | None:
    """Return the words of a running process joined by blanks, or None if it is not there."""
    if PROC.joinpath("self").exists():
        try:
            words = (PROC / str(pid) / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # A zombie has no command line: it has ended, and waits for its parent to notice.
        return words.replace(b"\0", b" ").decode(errors="replace").strip() or None
    return _process_table().get(pid)


def alive(pid: int) -> bool:
    """Return whether a process runs, whatever it is: also while it becomes another program.

    In the middle of an exec the kernel shows no command line of it.
    """
    if not PROC.joinpath("self").exists():
        return pid in _process_table()
    try:
        state = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def find(marker: str) -> list[int]:
    """Return the numbers of all running processes whose command line holds `marker`."""
    if PROC.joinpath("self").exists():
        pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
        lines = {pid: command_line(pid) or "" for pid in pids}
    else:
        lines = _process_table()
    return sorted(pid for pid, line in lines.items() if marker in line and pid != os.getpid())


def end(pid: int, marker: str, *, grace: float = 10) -> None:
    """End the process if it is ours: ask it, and after `grace` seconds make it.

    Raises LabError if it is still there afterwards.
    """

    def gone() -> None:
        line = command_line(pid)
        if line is not None and marker in line:
            raise NotYet(f"process {pid} is still there: {line[:120]}")

    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        if marker not in (command_line(pid) or ""):
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError as foreign:
            raise LabError(
                f"process {pid} ({command_line(pid)}) belongs to another user",
                expected="a process that this user may end",
                todo=f"end it as the user who started it: kill {pid}",
            ) from foreign
        try:
            wait_for(gone, what=f"process {pid} ends", timeout=patience, interval=0.05)
        except TimedOut:
            if number == signal.SIGKILL:
                raise


def _process_table() -> dict[int, str]:
    """Return number and command line of every process, where there is no /proc (macOS)."""
    rows = (line.split(None, 1) for line in run("ps", "-Aww", "-o", "pid=,command=").splitlines())
    return {int(row[0]): row[1] for row in rows if len(row) == 2}


def _main() -> None:
    """Run as a program: start argv[2:] with its output in argv[1], print its number, and go."""
    with Path(sys.argv[1]).open("ab") as log:
        child = subprocess.Popen(
            sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    print(child.pid, flush=True)
    os._exit(0)


if __name__ == "__main__":
    _main()
