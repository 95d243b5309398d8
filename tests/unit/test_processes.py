"""Programs that outlive their starter are recognised by their command line, and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.platform import processes
from labs.run import CommandFailed
from labs.wait import NotYet, wait_for

DEAF = "import signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
SLEEP = "print('here', flush=True)\ntime.sleep(60)\n"


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[str]:
    word = f"--mark={tmp_path}"
    yield word
    for pid in processes.find(word):
        os.kill(pid, signal.SIGKILL)


def start(folder: Path, marker: str, program: str = "import time\n" + SLEEP) -> int:
    pid = processes.start_detached(
        [sys.executable, "-c", program, marker], log=folder / "log", env={}, cwd=folder
    )

    def ready() -> None:
        if "here" not in (folder / "log").read_text():
            raise NotYet("not ready")

    wait_for(ready, what="the program starts", timeout=30, interval=0.02)
    return pid


def test_it_is_found_and_ended(tmp_path: Path, marker: str) -> None:
    pid = start(tmp_path, marker)
    assert processes.find(marker) == [pid]
    assert marker in (processes.command_line(pid) or "")
    processes.end(pid, marker)
    assert processes.command_line(pid) is None
    assert processes.find(marker) == []
    processes.end(pid, marker)


def test_it_is_out_of_reach_of_the_terminal(tmp_path: Path, marker: str) -> None:
    pid = start(tmp_path, marker)
    assert os.getsid(pid) == pid
    assert os.getsid(pid) != os.getsid(0)


def test_one_that_does_not_listen_is_made_to_end(tmp_path: Path, marker: str) -> None:
    pid = start(tmp_path, marker, DEAF + SLEEP)
    processes.end(pid, marker, grace=0.1)
    assert processes.command_line(pid) is None


def test_a_number_that_is_somebody_elses_by_now_is_left_alone(tmp_path: Path, marker: str) -> None:
    pid = start(tmp_path, marker)
    processes.end(pid, f"{marker}-of-another")
    assert processes.find(marker) == [pid]


def test_the_log_of_the_run_before_is_kept(tmp_path: Path, marker: str) -> None:
    (tmp_path / "log").write_text("earlier\n")
    start(tmp_path, marker)
    assert (tmp_path / "log.1").read_text() == "earlier\n"
    assert (tmp_path / "log").read_text() == "here\n"


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="no-such-program"):
        processes.start_detached(["no-such-program"], log=tmp_path / "log", env={}, cwd=tmp_path)


def test_a_zombie_is_not_alive_and_a_running_process_is() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert processes.alive(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet collected
        assert not processes.alive(child.pid)
    assert not processes.alive(child.pid)
