"""Start dockerd where no service manager does, whatever an earlier one left behind.

A dockerd that was killed leaves pid files and sockets. Once their pids belong to other processes,
the next dockerd refuses to start, waits for a containerd that is not there, or kills the stranger.
So each is looked at first, and only what belongs to nobody is removed: a running engine is never
touched. Stdlib only; called by the role `engine`, as root.
"""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT = 90.0
"""Seconds. Measured: 2 s; with a hundred containers of a killed engine to clean up, longer."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class EngineError(Exception):
    """The engine could not be started; the text says what was found and what to do."""


@dataclass(frozen=True)
class Places:
    """Where an engine keeps what outlives it; `run` is /run, `log` its log file."""

    run: Path = Path("/run")
    log: Path = Path("/var/log/gitops-hackfest-dockerd.log")
    proc: Path = Path("/proc")

    @property
    def socket(self) -> Path:
        return self.run / "docker.sock"

    @property
    def pid_files(self) -> dict[Path, str]:
        """Each pid file and the program whose pid it is."""
        return {
            self.run / "docker.pid": "dockerd",
            self.run / "docker/containerd/containerd.pid": "containerd",
        }

    @property
    def sockets(self) -> list[Path]:
        """What dockerd takes for a running containerd if it is merely there."""
        return [
            self.run / "containerd/containerd.sock",
            self.run / "containerd/containerd.sock.ttrpc",
            self.run / "docker/containerd/containerd.sock",
            self.run / "docker/containerd/containerd.sock.ttrpc",
        ]


def owner(pid_file: Path, program: str, proc: Path) -> int | None:
    """Return the pid in the file if that process runs the program, else None."""
    try:
        pid = int(pid_file.read_text())
        running = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")[0].decode()
    except (OSError, ValueError):
        return None
    return pid if Path(running).name == program else None


def accepts(path: Path) -> bool:
    """Return whether a process listens on the Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except TimeoutError:  # Somebody holds it, busy or hung.
            return True
        return True


def answers(path: Path) -> bool:
    """Return whether the engine behind the socket answers a ping."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(path))
            probe.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            return b"200 OK" in probe.recv(64)
        except OSError:
            return False


def remove_stale(places: Places) -> list[Path]:
    """Remove the pid files and sockets that belong to no running engine; return which."""
    removed = []
    for pid_file, program in places.pid_files.items():
        if pid_file.exists() and owner(pid_file, program, places.proc) is None:
            pid_file.unlink()
            removed.append(pid_file)
    for path in places.sockets:
        if path.exists() and not accepts(path):
            path.unlink()
            removed.append(path)
    return removed


def start(places: Places) -> str:
    """Return "running" where dockerd answers already, "started" once it does.

    Raises EngineError with the log's last lines where it ends or does not answer in time.
    """
    places.run.mkdir(parents=True, exist_ok=True)
    with (places.run / "gitops-hackfest-dockerd.lock").open("w") as lock:
        # Two `make up` at once: the second waits, then finds the engine running.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if answers(places.socket):
            return "running"
        process: subprocess.Popen[bytes] | None = None
        if owner(places.run / "docker.pid", "dockerd", places.proc) is None:
            for path in remove_stale(places):
                print(f"removed {path}: its process is gone")
            process = launch(places.log)
        await_answer(places, process)
        return "started"


def launch(log: Path) -> subprocess.Popen[bytes]:
    """Start dockerd, detached from this process and its terminal, writing to the log."""
    program = shutil.which("dockerd", path=PATH)
    if program is None:
        raise EngineError("dockerd is not installed; install the package docker.io")
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    # What service units give dockerd, as far as this host allows: the hard limit of open files.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with log.open("wb") as out:
        return subprocess.Popen(
            [program],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8"},
            start_new_session=True,
        )


def await_answer(places: Places, process: subprocess.Popen[bytes] | None) -> None:
    """Wait until dockerd answers. Raises EngineError if it ends first, or at START_TIMEOUT."""
    start = time.monotonic()
    while not answers(places.socket):
        waited = time.monotonic() - start
        if process is not None and process.poll() is not None:
            raise EngineError(f"dockerd ended with {process.returncode}{tail(places.log)}")
        if waited > START_TIMEOUT:
            raise EngineError(
                f"dockerd runs, but has not answered on {places.socket} for {waited:.0f} s; "
                f"end that process if it hangs, then run `make up` again{tail(places.log)}"
            )
        time.sleep(0.2)


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of the log, and where the rest is."""
    if not log.exists():
        return ""
    text = log.read_text(errors="replace").splitlines()[-lines:]
    return f"; the last lines of {log}:\n" + "\n".join(f"  {line}" for line in text)


def main() -> None:
    """Start the engine; the last line printed is "running" or "started"."""
    if os.geteuid() != 0:
        sys.exit("dockerd must be started as root; run this with sudo, or start Docker yourself")
    try:
        print(start(Places()))
    except EngineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
