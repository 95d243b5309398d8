"""Every notebook, on a live cluster: undone it fails, done it passes, and each cell again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labs import catalogue, notebook_form, rehearsal
from labs.instance import Instance, write_json
from labs.platform.environment import environment

CELL_SECONDS = 600
REPORTS: list[rehearsal.Report] = []
NAMES = [lab.name for lab in catalogue.LABS]


@pytest.fixture(autouse=True)
def as_the_attendee(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the kernels the environment that a notebook in JupyterLab has."""
    for name, value in environment(instance).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def kept(output: Path) -> Path:
    return output / "notebooks"


@pytest.fixture
def cwd(instance: Instance) -> Path:
    return instance.work / "notebooks"


def form_of(name: str) -> notebook_form.Form:
    lab = catalogue.lab_named(name)
    return notebook_form.read(catalogue.notebooks_folder() / lab.notebook, lab.steps)


# In the order of the labs: each stands on what those before it have left.
@pytest.mark.parametrize("name", NAMES)
def test_each_step_fails_undone_and_passes_done_and_again(name: str, kept: Path, cwd: Path) -> None:
    form = form_of(name)
    stopped = rehearsal.run_all(form, kept, cwd=cwd, timeout=CELL_SECONDS)
    assert stopped is not None, "Run all on a fresh notebook went through"
    first = next(step for step in catalogue.lab_named(name).steps if step.kind != "predict")
    assert stopped.metadata["step"] == first.id, "it is the first undone check that stops it"
    assert [line.split(":")[0] for line in stopped.outputs[-1].traceback] == [
        "found",
        "expected",
        "next",
    ]
    report = rehearsal.both_ways(form, kept, cwd=cwd, timeout=CELL_SECONDS)
    REPORTS.append(report)
    report.seconds["again"] = rehearsal.again(form, kept, cwd=cwd, timeout=CELL_SECONDS)


def test_durations_are_kept(output: Path, record_property: Callable[[str, object], None]) -> None:
    assert len(REPORTS) == len(NAMES)
    write_json(output / "notebooks.json", [report.__dict__ for report in REPORTS])
    record_property("table", rehearsal.table(REPORTS))
