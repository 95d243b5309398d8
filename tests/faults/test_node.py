"""The node's container is stopped and started: by the lab, and by hand behind its back."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.instance import Instance
from labs.platform import docker, engine, kind
from labs.platform import up as platform
from labs.platform.steps import Steps
from tests.faults.conftest import MakeTrial

pytestmark = pytest.mark.fault


def test_node_stopped_and_started_by_hand(lab: Instance, trial: MakeTrial) -> None:
    with trial("node's container stopped and started", by="`docker start`") as one:
        one.begin()
        engine.docker("stop", kind.node(lab))
        engine.docker("start", kind.node(lab))


def test_node_killed_and_brought_back_by_the_lab(
    lab: Instance, trial: MakeTrial, tmp_path: Path
) -> None:
    with trial("node's container killed", by="`make up`") as one:
        one.begin()
        engine.docker("kill", kind.node(lab))
        platform.up(lab, Steps(tmp_path / "durations.json"))


def test_everything_stopped_and_brought_back(
    lab: Instance, trial: MakeTrial, tmp_path: Path
) -> None:
    with trial("every container stopped", by="`make up`") as one:
        one.begin()
        for name in docker.containers_of(lab):
            docker.stop_container(name)
        platform.up(lab, Steps(tmp_path / "durations.json"))
