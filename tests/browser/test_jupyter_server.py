"""JupyterLab's server: one per lab, found again, healed, stopped. No browser is needed here."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import Instance, next_free_port, write_json
from labs.platform import jupyter, jupyter_config, local_server, processes
from labs.platform.loopback import fetch
from labs.wait import NotYet, wait_for
from tests.held_ports import held


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Instance]:
    """A lab that has nothing but JupyterLab."""
    instance = Instance("hackfest-server", tmp_path / "hackfest-server")
    write_json(instance.root / "ports.json", {"jupyter": next_free_port(8900, set())})
    yield instance
    jupyter.stop(instance)
    assert not jupyter.running(instance)


def silent(text: str) -> None:
    """Somebody who is told nothing must not be needed."""
    pytest.fail(f"nothing had to be mended, yet: {text}")


def test_a_second_time_it_is_the_same_server(lab: Instance) -> None:
    assert not jupyter.running(lab)
    address = jupyter.ensure(lab, silent)
    first = jupyter.pid(lab)
    assert jupyter.running(lab)
    assert jupyter.ensure(lab, silent) == address == jupyter.address(lab)
    assert jupyter.pid(lab) == first
    assert fetch(address).status == 200
    # Whoever loses the note of the server's number finds the server all the same.
    (jupyter_config.home(lab) / "server.json").unlink()
    assert jupyter.pid(lab) == first
    jupyter.stop(lab)
    assert not jupyter.running(lab)
    jupyter.stop(lab)


def test_a_server_that_was_killed_is_started_again(lab: Instance) -> None:
    address = jupyter.ensure(lab, silent)
    first = jupyter.pid(lab)
    assert first is not None
    kernel = _kernel(lab)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: _gone(first), what="the killed server is gone", timeout=10)
    # Its number may be somebody else's by now: this test's own, which must survive.
    state = jupyter_config.home(lab) / "server.json"
    write_json(state, {**json.loads(state.read_text()), "pid": os.getpid()})
    assert not jupyter.running(lab)
    assert jupyter.ensure(lab, silent) == address
    assert jupyter.pid(lab) not in (first, os.getpid(), None)
    wait_for(lambda: _gone(kernel), what="the kernel of the killed server is gone", timeout=30)


def test_a_server_that_hangs_is_replaced(lab: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_server, "HUNG_AFTER", 1.0)
    jupyter.ensure(lab, silent)
    first = jupyter.pid(lab)
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    said: list[str] = []
    jupyter.ensure(lab, said.append)
    assert jupyter.pid(lab) not in (first, None)
    assert "does not answer" in said[0]


def test_another_port_or_setting_needs_a_new_start(lab: Instance) -> None:
    jupyter.ensure(lab, silent)
    first = jupyter.pid(lab)
    write_json(lab.root / "ports.json", {"jupyter": next_free_port(8950, set())})
    said: list[str] = []
    address = jupyter.ensure(lab, said.append)
    assert "settings have changed" in said[0]
    assert f":{lab.port('jupyter')}/" in address
    assert jupyter.pid(lab) != first


def test_a_port_in_use_is_named(lab: Instance) -> None:
    with (
        held(lab.port("jupyter")),
        pytest.raises(LabError, match="already in use") as refused,
    ):
        jupyter.ensure(lab, silent)
    assert "another port" in refused.value.todo
    jupyter.ensure(lab, silent)


def test_kernels_and_terminals_end_with_the_server(lab: Instance) -> None:
    jupyter.ensure(lab, silent)
    kernel = _kernel(lab)
    jupyter.stop(lab)
    wait_for(lambda: _gone(kernel), what="the kernel is gone", timeout=30)


def _kernel(lab: Instance) -> int:
    """Start a kernel and return its process."""
    headers = {"Authorization": f"token {jupyter_config.token(lab)}"}
    url = f"http://127.0.0.1:{lab.port('jupyter')}/api/kernels"
    assert fetch(url, headers, method="POST").status == 201

    def started() -> int:
        found = processes.find(str(jupyter_config.home(lab) / "runtime" / "kernel-"))
        if not found:
            raise NotYet("no kernel yet")
        return found[0]

    return wait_for(started, what="a kernel", timeout=30)


def _gone(pid: int) -> None:
    if processes.command_line(pid) is not None:
        raise NotYet(f"process {pid} is still there")
