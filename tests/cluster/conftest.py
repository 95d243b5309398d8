"""Git server and registry without a cluster: a lab that a test may break as it likes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labs.instance import Instance
from labs.platform import docker, git_server, registry
from scripts.supply import api as supply
from tests.streams import LAB_NAME


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A lab of which the Git server and the registry alone are up, without any repository."""
    name = f"{LAB_NAME}-servers"
    lab = Instance(name, tmp_path_factory.mktemp("labs") / name)
    supply.ensure("servers")
    docker.remove_all(lab)
    lab.reserve_ports(lambda part: False, print)
    git_server.ensure(lab)
    registry.ensure(lab)
    yield lab
    docker.remove_all(lab)
