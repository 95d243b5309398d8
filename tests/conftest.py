"""The lab that cluster and browser tests share: a real one, made by `make up`'s code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import Scheduling

from labs.instance import DEFAULT_NAME, PROJECT, Instance
from tests import streams
from tests.streams import LAB_NAME, Streams

OUTPUT = Path(os.environ.get("LAB_TEST_OUTPUT", PROJECT / ".lab" / "test-output"))
"""Where output notebooks, screenshots and timings of a run are kept."""


@pytest.fixture(scope="session")
def output() -> Path:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    return OUTPUT


@pytest.fixture(scope="session")
def instance(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """A fresh lab, up; LAB_KEEP=1 leaves it running for a look, and takes it over next time."""
    from labs.platform import up as platform
    from labs.platform.steps import Steps
    from scripts.supply import api as supply

    os.environ["LAB_NAME"] = LAB_NAME
    lab = Instance.current()
    if lab.name == DEFAULT_NAME:
        pytest.fail("the tests run on a lab of their own, never on 'hackfest': unset LAB_NAME")
    steps = Steps(lab.durations)
    keep = os.environ.get("LAB_KEEP") == "1"
    # The notebooks, the kernels and the `lab` command of this run all act on this lab.
    os.environ["LAB_HOME"] = str(lab.root.parent)
    if not keep:
        platform.clean(lab, steps)
    platform.up(lab, steps)
    os.environ["KUBECONFIG"] = str(lab.kubeconfig)
    os.environ["PATH"] = f"{lab.bin}{os.pathsep}{os.environ['PATH']}"
    # pytest-kind's own fixture is told of the cluster that is there, and re-uses it.
    options = request.config.option
    options.cluster_name = lab.name
    options.kubeconfig = str(lab.kubeconfig)
    options.keep_cluster = True
    options.kind_bin = str(supply.tool("kind"))
    options.kind_kubectl_bin = str(supply.tool("kubectl"))
    yield lab
    if not keep:
        platform.clean(lab, steps)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    streams.arrange(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Deal tests out by stream where whole scopes are asked for; else, as pytest-xdist does."""
    return Streams(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests have recorded: their own output stays with their process."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "table":
                terminalreporter.write_line(f"\n{text}")
