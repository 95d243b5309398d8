"""A lab in progress, on the same engine all the while, has noticed nothing of all that."""

from __future__ import annotations

import pytest

from labs.instance import Instance
from tests.faults.neighbour import Neighbour

pytestmark = pytest.mark.fault


def test_the_lab_beside_noticed_nothing(beside: Neighbour, instance: Instance) -> None:
    """Asked twice a second from the first fault to the last: every part answered each time."""
    asked = beside.stop()
    assert asked > 0
    assert beside.lab.name != instance.name
    assert beside.silences == []
    assert beside.identities() == beside.known, "a container is another one, or was started anew"
