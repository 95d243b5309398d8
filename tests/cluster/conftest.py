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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the demo behind the notebooks: it needs what they install, and they need it undone."""
    last = max((n for n, one in enumerate(items) if _is_in(one, "test_notebooks")), default=-1)
    demo = [one for one in items[:last] if _is_in(one, "test_demo")]
    for one in demo:
        items.remove(one)
    items[last + 1 - len(demo) : last + 1 - len(demo)] = demo


def _is_in(item: pytest.Item, module: str) -> bool:
    return item.path.stem == module
