"""A lab is deleted whole, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.platform import console, docker, jupyter
from labs.platform import up as platform
from labs.platform.steps import Steps


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """A lab that was up once, and an engine that does not answer."""

    def silent() -> str:
        raise LabError("Cannot connect", expected="a running engine", todo="start Docker Desktop")

    monkeypatch.setattr(docker, "ask_engine", silent)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    instance = Instance("tiny", tmp_path / "tiny")
    write_json(instance.root / "ports.json", {})
    instance.work.mkdir()
    return instance


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path / "durations.json")


def test_what_the_engine_holds_is_not_forgotten_while_it_is_silent(
    lab: Instance, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in (jupyter, console):
        monkeypatch.setattr(part, "stop", lambda instance: pytest.fail("it stays as it is"))
    with pytest.raises(LabError) as error:
        platform.clean(lab, steps)
    assert "Cannot connect" in error.value.found
    assert "nothing was deleted" in error.value.expected
    assert error.value.todo == "start Docker Desktop; then run `make clean` again"
    assert (lab.root / "ports.json").exists()
    assert lab.work.exists()


def test_without_docker_on_the_machine_nothing_can_be_left(
    lab: Instance, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    kept = platform.clean(lab, steps)
    assert kept is not None
    assert kept.exists()
    assert not lab.root.exists()


def test_of_what_never_was_the_engine_has_nothing(lab: Instance, steps: Steps) -> None:
    (lab.root / "ports.json").unlink()
    platform.clean(lab, steps)
    assert not lab.root.exists()
