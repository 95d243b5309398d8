"""The labs that faults happen to, and the table of what each did."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from labs import catalogue
from labs.instance import Instance, write_json
from labs.platform import git_server, registry
from labs.platform import up as platform
from labs.platform.environment import environment
from labs.platform.steps import Steps
from labs.reset import again
from scripts.supply import api as supply
from tests.conftest import OUTPUT
from tests.faults import full_disk
from tests.faults.neighbour import Neighbour
from tests.faults.trial import PROPERTY, Trial
from tests.servers_alone import lab_beside
from tests.streams import LAB_NAME

LAST = catalogue.LABS[-1]
"""The lab at whose start everything is there: agents, automation, monitoring, versions."""
BESIDE = catalogue.lab_named("deploy")
"""The lab that somebody beside is at: Flux runs the app there, and nothing more."""
HEAD = {"fault": "fault", "lost": "lost", "seconds": "well after, s", "by": "mended by"}
SMALL = {"git": 48, "registry": 160}
"""MiB: room for what a lab needs, and little more."""
MakeTrial = Callable[..., Trial]


@pytest.fixture(scope="session")
def beside(request: pytest.FixtureRequest) -> Iterator[Neighbour]:
    """A lab in progress, on the same engine, which is asked all the while."""
    lab = Instance(f"{LAB_NAME}-beside", Instance.current().root.parent / f"{LAB_NAME}-beside")
    keep = os.environ.get("LAB_KEEP") == "1"
    steps = Steps(lab.durations)
    platform.up(lab, steps)
    again.reset(lab, BESIDE, steps)
    neighbour = Neighbour(lab)
    yield neighbour
    neighbour.stop()
    if not keep:
        platform.clean(lab, steps)


@pytest.fixture(scope="session", autouse=True)
def _beside_from_the_first(request: pytest.FixtureRequest) -> None:
    """Have the lab beside watched before the first fault, where it is to be told of at all."""
    if any("beside" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("beside")


@pytest.fixture(scope="session")
def whole(instance: Instance) -> Instance:
    """The shared lab, at the start of the last lab, whatever was done in it before."""
    again.reset(instance, LAST, Steps(instance.durations))
    return instance


@pytest.fixture
def lab(whole: Instance, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """The lab, and this process's environment as an attendee's."""
    for name, value in environment(whole).items():
        monkeypatch.setenv(name, value)
    return whole


@pytest.fixture
def trial(lab: Instance, record_property: Callable[[str, object], None]) -> Iterator[MakeTrial]:
    """Yield what tries a fault on the lab; after one that failed, put the lab back.

    The next test is to be judged by its own fault: what this one left broken is not its matter.
    """
    made: list[Trial] = []

    def make(fault: str, **words: object) -> Trial:
        made.append(Trial(lab, record_property, fault, **words))  # type: ignore[arg-type]
        return made[-1]

    yield make
    if not all(one.passed for one in made):
        steps = Steps(lab.durations)
        platform.up(lab, steps)
        again.reset(lab, LAST, steps)


@pytest.fixture
def small() -> Iterator[Instance]:
    """A lab of Git server and registry whose volumes are small, and hold no more than that.

    A tmpfs lives for as long as somebody has it mounted: a container that does nothing holds it.
    """
    supply.ensure("servers")
    with lab_beside("small") as made:
        for part, megabytes in SMALL.items():
            full_disk.bounded_volume(made, part, megabytes)
        git_server.ensure(made)
        registry.ensure(made)
        yield made


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return outcomes as text, a line for each."""
    widths = [max(len(str(row[name])) for row in (*rows, HEAD)) for name in HEAD]
    lines = []
    for row in (HEAD, *rows):
        cells = [str("-" if row[name] is None else row[name]) for name in HEAD]
        lines.append(
            "  ".join(
                cell.rjust(width) if name == "seconds" else cell.ljust(width)
                for name, cell, width in zip(HEAD, cells, widths, strict=True)
            ).rstrip()
        )
        if not row.get("passed", True):
            lines[-1] += "  (the test FAILED)"
    return "\n".join(lines)


ORDER = ("test_beside", "test_docker")
"""What comes after all the others: what a lab beside has noticed, and what stops that as well."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put those last that look back, or that nothing beside would survive."""
    order = {name: number for number, name in enumerate(ORDER, 1)}
    items.sort(key=lambda one: order.get(one.path.stem, 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of all faults, and write it to the tests' output as JSON."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [
        {**value, "passed": report.passed}
        for report in reports
        if report.when == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    if rows:
        write_json(OUTPUT / "faults.json", rows)
        terminalreporter.write_line(f"\n{table(rows)}")
