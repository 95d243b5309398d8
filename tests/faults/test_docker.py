"""Docker's engine is stopped and started: every lab on it is down meanwhile, so it comes last."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import Instance
from labs.platform import docker, engine, machine, processes
from labs.platform import up as platform
from labs.platform.steps import Steps
from labs.run import run
from labs.wait import NotYet, wait_for
from scripts import dockerd
from tests.faults.conftest import MakeTrial
from tests.faults.neighbour import Neighbour

pytestmark = pytest.mark.fault

SECONDS = 60.0


@pytest.fixture
def alone(lab: Instance, beside: Neighbour, tmp_path: Path) -> None:
    """Nobody else's container runs on this engine. Fails, and names them, where one does."""
    beside.stop()
    platform.down(beside.lab, Steps(tmp_path / "durations.json"))
    running = set(engine.docker("container", "ls", "--format={{.Names}}").split())
    others = sorted(running - set(docker.containers_of(lab)))
    if others:
        pytest.fail(
            f"found:    on this engine there run {', '.join(others)}\n"
            "expected: this test's own lab alone, since it stops the engine\n"
            "next:     stop them (`make down` for a lab), then `make test-faults` again"
        )


@pytest.mark.usefixtures("alone")
def test_docker_restarted(lab: Instance, trial: MakeTrial, tmp_path: Path) -> None:
    with trial("Docker's engine killed and started", by="`make up`") as one:
        one.begin()
        stop_engine()
        machine.ensure(lambda line: None, "engine")  # as `make up` starts one, where there is none
        platform.up(lab, Steps(tmp_path / "durations.json"))


def stop_engine() -> None:
    """End the engine as whoever started it would: by systemd where it has it, else by kill -9."""
    if shutil.which("systemctl") and Path("/run/systemd/system").exists():
        run("systemctl", "kill", "--signal=SIGKILL", "docker.service")
        run("systemctl", "restart", "docker.service")
        return
    places = dockerd.Places()
    pid = dockerd.owner(places.run / "docker.pid", "dockerd", places.proc)
    if pid is None:
        raise LabError(
            f"no dockerd whose number is in {places.run / 'docker.pid'}",
            expected="the engine that `make up` has started",
            todo="stop and start it by hand, then see whether `make up` heals the lab",
        )
    os.kill(pid, signal.SIGKILL)

    def ended() -> None:
        if processes.alive(pid):
            raise NotYet(f"dockerd (process {pid}) is still there")

    wait_for(ended, what="the engine's end", timeout=SECONDS, interval=0.05)
