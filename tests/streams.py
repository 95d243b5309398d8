"""The two streams of the suite, side by side: the labs as readers do them, and all the rest.

Each is run by one process of pytest-xdist, in order, on a lab of its own. A scheduler says so: the
marks of `--dist=loadgroup` do nothing with pytest 9.2.
"""

from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
LAB_NAME = (os.environ.get("LAB_NAME") or "hackfest-test") + ("" if WORKER == "0" else f"-{WORKER}")
"""The lab of this process; what it starts is told by the environment."""
READERS = ("test_notebooks", "test_docs_pages", "test_adding_a_lab", "test_demo")
"""What has to meet the lab as it was handed out, and then what stands on the labs done."""

LAST = ("test_reset", "test_reset_stopped", "test_console_labs")
"""What leaves the lab as no other test expects it; of the readers' stream, which is the shorter."""


class Streams(LoadScopeScheduling):  # type: ignore[misc]
    """A stream is one piece of work: it is done by one process, in order."""

    def _split_scope(self, nodeid: str) -> str:
        return stream(nodeid)


def stream(nodeid: str) -> str:
    """Return the stream of a test."""
    file = PurePosixPath(nodeid.partition("::")[0]).stem
    return "readers" if file in (*READERS, *LAST) else "rest"


def arrange(items: list[pytest.Item]) -> None:
    """Put the readers' labs first, also where one process runs all tests, and resets last."""
    order = {name: number for number, name in enumerate(READERS)}
    order |= {name: len(READERS) + 1 + number for number, name in enumerate(LAST)}
    items.sort(key=lambda one: order.get(one.path.stem, len(READERS)))
