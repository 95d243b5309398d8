"""The two streams of the suite, side by side: the labs as readers do them, and all the rest.

Each is one group of pytest-xdist, so one process runs it, in order, on a lab of its own.
"""

from __future__ import annotations

import os

import pytest

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
LAB_NAME = (os.environ.get("LAB_NAME") or "hackfest-test") + ("" if WORKER == "0" else f"-{WORKER}")
"""The lab of this process; what it starts is told by the environment."""
READERS = ("test_notebooks", "test_demo")
"""What has to meet the lab as it was handed out, and then what stands on the labs done."""


def arrange(items: list[pytest.Item]) -> None:
    """Put the readers' labs first, and every test into its stream."""
    order = {name: number for number, name in enumerate(READERS)}
    items.sort(key=lambda one: order.get(one.path.stem, len(READERS)))
    for item in items:
        if item.path.parent.name != "unit":
            stream = "readers" if item.path.stem in READERS else "rest"
            item.add_marker(pytest.mark.xdist_group(stream))
