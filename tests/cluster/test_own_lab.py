"""What a run of the suite that was cut off has left is gone before the next one begins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labs.instance import LAB_LABEL, Instance
from labs.platform import docker
from labs.platform.engine import docker as engine
from scripts import own_lab
from scripts.supply import api as supply
from tests.streams import LAB_NAME

RUN = f"{LAB_NAME}-cut"
LEFT = f"{RUN}-beside"
BARE = f"{RUN}-pull-registry"
OTHER = f"{RUN}ter"
"""Of another run, whose name only begins with the same letters."""


def _volume(name: str) -> None:
    engine("volume", "create", f"--label={LAB_LABEL}={name}", name)


def _volumes() -> set[str]:
    return set(engine("volume", "ls", "--format={{.Name}}").split())


@pytest.fixture
def left(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A lab with a volume and a container, a bare container, and what is another run's."""
    image = supply.image("registry")
    supply.load(image)
    labels = f"--label={LAB_LABEL}={LEFT}"
    for name in (LEFT, OTHER):
        _volume(name)
    engine("run", "--detach", f"--name={LEFT}-git", labels, f"--volume={LEFT}:/data", image)
    engine("create", f"--name={BARE}", image)
    monkeypatch.setenv("LAB_NAME", RUN)
    yield
    for name in (f"{LEFT}-git", BARE):
        docker.remove_container(name)
    for name in {LEFT, OTHER} & _volumes():
        engine("volume", "rm", name)


def test_what_an_earlier_run_left_is_deleted_and_nothing_else(
    left: None, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setenv("LAB_KEEP", "1")
    assert own_lab.sweep(said.append) == []
    monkeypatch.delenv("LAB_KEEP")
    ours = set(docker.containers_of(instance))
    assert own_lab.sweep(said.append) == [LEFT, BARE]
    assert [LEFT in said[0], BARE in said[1]] == [True, True]
    assert not {f"{LEFT}-git", BARE} & set(docker.containers())
    assert _volumes() & {LEFT, OTHER} == {OTHER}
    assert set(docker.containers_of(instance)) == ours
    assert own_lab.sweep(said.append) == []
