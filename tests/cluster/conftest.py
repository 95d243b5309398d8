"""Git server and registry without a cluster: a lab that a test may break as it likes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labs.instance import Instance
from labs.platform import git_server, registry
from scripts.supply import api as supply
from tests.servers_alone import lab_beside


@pytest.fixture(scope="session")
def servers() -> Iterator[Instance]:
    """A lab of which the Git server and the registry alone are up, without any repository."""
    supply.ensure("servers")
    with lab_beside("servers") as lab:
        git_server.ensure(lab)
        registry.ensure(lab)
        yield lab
