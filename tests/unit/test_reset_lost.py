"""Where the reader is, against what the cluster has; and a progress that does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labs import catalogue
from labs.errors import LabError
from labs.gitops import horizon
from labs.instance import Instance, write_json
from labs.platform import docker, kind, kubernetes, pause, status
from labs.platform import up as platform
from labs.platform.steps import Steps
from labs.progress import Progress
from labs.reset import again, lost
from labs.reset.starts import start_of


class Cluster:
    """Answers with the Deployments of Flux's namespace."""

    def __init__(self) -> None:
        self.deployments: list[dict[str, Any]] = []

    def list(self, api: str, kind: str, namespace: str) -> list[dict[str, Any]]:
        assert (api, kind, namespace) == ("apps/v1", "Deployment", "flux-system")
        return self.deployments


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(kubernetes, "api", lambda instance: made)
    return made


@pytest.fixture
def seat(tmp_path: Path) -> Instance:
    instance = Instance("tiny", tmp_path / "tiny")
    instance.root.mkdir()
    return instance


def flux_row(seat: Instance) -> status.Part:
    return status._flux(seat)


def test_a_cluster_without_flux_is_none_to_go_on_with_from_lab_03_on(
    seat: Instance, cluster: Cluster
) -> None:
    assert lost.told(seat) == ""
    assert flux_row(seat).well, "who has not begun lacks nothing"
    Progress(seat).started("incident")
    told = lost.told(seat)
    assert f"you are at lab {catalogue.lab_named('incident').heading}" in told
    assert "as lab 02 finds it" in told
    assert "make reset" in told
    row = flux_row(seat)
    assert not row.well
    assert "lab 10" in row.state
    assert "make reset" in row.state
    cluster.deployments = [{"status": {"readyReplicas": 1}}]
    assert lost.told(seat) == ""
    assert flux_row(seat).well


def test_in_lab_02_it_is_lost_once_its_step_has_installed_it(
    seat: Instance, cluster: Cluster
) -> None:
    [lab] = [one for one in catalogue.LABS for step in one.steps if step.id == lost.INSTALLS]
    assert not start_of(lab).agents
    assert start_of(catalogue.LABS[lab.number + 1]).agents
    Progress(seat).started(lab.name)
    assert lost.lost_at(seat) is None
    Progress(seat).tried(lost.INSTALLS, passed=True)
    assert lost.lost_at(seat) == lab


def test_a_damaged_progress_leaves_it_open_and_names_the_way(
    seat: Instance, cluster: Cluster
) -> None:
    Progress(seat).path.write_text("{")
    assert "cannot be told" in lost.told(seat)
    assert "is damaged" in lost.told(seat)


def test_a_reset_that_cannot_know_the_lab_says_which_command_names_it(seat: Instance) -> None:
    Progress(seat).path.write_text("{")
    with pytest.raises(LabError) as error:
        again.current_lab(seat)
    assert "is damaged" in error.value.found
    assert "`make reset LAB=NN`" in error.value.todo
    assert "put you" not in error.value.todo
    write_json(horizon.record(seat), {"lab": "drift", "at": 1.0})
    with pytest.raises(LabError, match=r"the last reset put you at 08\): `make reset LAB=NN`"):
        again.current_lab(seat)
    Progress(seat).path.unlink()
    Progress(seat).started("deploy")
    assert again.current_lab(seat).name == "deploy"


@pytest.mark.parametrize("there", [True, False])
def test_what_ran_in_a_cluster_that_is_gone_is_not_waited_for(
    seat: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    write_json(seat.root / "ports.json", {})
    write_json(platform.paused(seat), vars(pause.Pause("2026-05-04T11:00:00+00:00", 1, {"a": 2})))
    monkeypatch.setattr(docker, "engine_answers", lambda: True)
    monkeypatch.setattr(docker, "containers_of", lambda instance: [])
    monkeypatch.setattr(kind, "exists", lambda instance: there)
    monkeypatch.setattr(platform, "up", lambda instance, steps: "address")
    monkeypatch.setattr(pause, "_awaited", lambda instance, before, say: ["a: 0 of 2"])
    done = pause.resume(seat, Steps(tmp_path / "durations.json"))
    assert done.unready == (("a: 0 of 2",) if there else ())
