"""Kind's cluster, as it is taken for whole or made anew; kind itself is not asked here."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.instance import Instance
from labs.platform import docker, kind, kind_maker, processes


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """Return a lab without a node, whose cluster would be Ready as soon as it is made."""
    instance = Instance("hackfest-unit", tmp_path / "hackfest-unit")
    instance.logs.mkdir(parents=True)
    monkeypatch.setattr(docker, "state", lambda name: "absent")
    monkeypatch.setattr(kind, "config", lambda lab: {})
    monkeypatch.setattr(kind, "_wait_until_ready", lambda lab, say: None)
    return instance


@pytest.mark.parametrize(
    ("found", "made"), [((True,), 1), ((False, True), 2)], ids=["whole", "half"]
)
def test_a_node_that_another_kind_has_begun_is_made_anew(
    lab: Instance, monkeypatch: pytest.MonkeyPatch, found: tuple[bool, ...], made: int
) -> None:
    asked = iter(found)
    makes: list[Path] = []

    def make(instance: Instance, config: Path) -> str:
        makes.append(config)
        return ""

    monkeypatch.setattr(kind, "_whole", lambda instance: next(asked))
    monkeypatch.setattr(kind_maker, "make", make)
    kind.ensure(lab, lambda line: None)
    assert len(makes) == made
    assert (lab.root / "cluster.finished").exists()


def test_strays_are_found_by_the_lab_that_they_work_for(
    lab: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"--name={lab.name} --kubeconfig={lab.kubeconfig}"
    lines = {
        1: f"python -m labs.platform.kind_maker {lab.root} {lab.root}/kind.yaml",
        2: f"kind create cluster {key} --image=node",
        3: f"kind create cluster {key}-2 --image=node",
        4: f"kubectl --kubeconfig={lab.kubeconfig} get pods",
        5: f"python -m labs.platform.kind_maker {lab.root}-2 kind.yaml",
    }
    ended: list[int] = []
    monkeypatch.setattr(processes, "find", lambda marker: [n for n in lines if marker in lines[n]])
    monkeypatch.setattr(processes, "end", lambda pid, marker: ended.append(pid))
    kind_maker.end_strays(lab)
    assert ended == [1, 2]
