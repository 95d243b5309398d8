"""Git server and registry without a cluster: a lab that a test may break as it likes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from labs.instance import Instance
from labs.platform import docker, git_server, registry
from scripts.supply import api as supply


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A lab of which the Git server and the registry alone are up, without any repository."""
    name = f"{os.environ.get('LAB_NAME', 'hackfest-test')}-servers"
    lab = Instance(name, tmp_path_factory.mktemp("labs") / name)
    supply.ensure("servers")
    docker.remove_all(lab)
    lab.reserve_ports(lambda part: False, print)
    git_server.ensure(lab)
    registry.ensure(lab)
    yield lab
    docker.remove_all(lab)


FIRST = ("test_notebooks", "test_demo")
"""What has to meet the lab as it was handed out, and then what stands on the labs done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the notebooks first: their checks read history, and other tests write some of it."""
    order = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda one: order.get(one.path.stem, len(FIRST)))
