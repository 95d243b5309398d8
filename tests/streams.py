"""The pieces of work that the suite's two processes do, each on a lab of its own.

First the labs as readers do them, and beside them what needs a lab; then whichever process is done
takes what makes its servers itself, file by file, and at last what leaves a lab as no other test
expects it. A scheduler says so: the marks of `--dist=loadgroup` do nothing with pytest 9.2.
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

APART = (
    "test_supply_pull", "test_git_server", "test_locks", "test_registry", "test_rule_proofs",
    "test_workspace", "test_provision", "test_jupyter_server", "test_own_lab",
)  # fmt: skip
"""What makes its servers itself, or is content with any lab. The longest first."""

LAST = ("test_reset", "test_reset_stopped", "test_console_labs")
"""What leaves the lab as no other test expects it."""


class Streams(LoadScopeScheduling):  # type: ignore[misc]
    """A piece of work is done by one process, in order; wants `--no-loadscope-reorder`."""

    def _split_scope(self, nodeid: str) -> str:
        return piece(PurePosixPath(nodeid.partition("::")[0]).stem)


def piece(file: str) -> str:
    """Return the name of the piece of work that a file of tests belongs to."""
    if file in APART:
        return file
    return "readers" if file in READERS else "last" if file in LAST else "rest"


def arrange(items: list[pytest.Item]) -> None:
    """Put the pieces into their order, which is also right where one process runs all tests."""
    order = {name: number for number, name in enumerate((*READERS, "", *APART, *LAST))}
    items.sort(key=lambda one: order.get(one.path.stem, order[""]))
