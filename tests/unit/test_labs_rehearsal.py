"""The suite, proved: each kind of defect in a notebook makes its rehearsal fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from labs import notebook_form, rehearsal
from labs.notebook_form import Malformed
from labs.rehearsal import Defect
from labs.step import Attempt, Step

STAND_IN = """
from pathlib import Path
from labs.step import NotDone

class lab:
    @staticmethod
    def check(step, answer=...):
        if step == "sum" and answer != 4:
            raise NotDone("no sum", expected="2 + 2", todo="add")
        if step == "file" and not Path("done").exists():
            raise NotDone("no file", expected="a file", todo="touch it")
        print("passed", step)

    @staticmethod
    def solve(step):
        Path("done").touch()
"""
"""What the tiny notebooks call in place of `labs.lab`: two steps that need no cluster."""


def _step(ident: str, kind: Any, solution: str) -> Step:
    def check(attempt: Attempt) -> str:
        raise AssertionError("the tiny notebooks have checks of their own")

    return Step(ident, ident, kind, check, solution, "to see that it is run")


STEPS = (_step("sum", "code", "answer = 2 + 2"), _step("file", "terminal", "touch done"))


def _code(source: str, tag: str = "", step: str = "") -> NotebookNode:
    cell: NotebookNode = nbformat.v4.new_code_cell(source)  # type: ignore[no-untyped-call]
    if tag:
        cell.metadata["tags"] = [tag]
    if step:
        cell.metadata["step"] = step
    return cell


def _cells(stand_in: str = STAND_IN) -> list[NotebookNode]:
    return [
        _code("TIMEOUT = 5", "parameters"),
        _code(stand_in, "setup"),
        _code("answer = ...  # TODO", "exercise", "sum"),
        _code('lab.check("sum", answer)', "check", "sum"),
        _code('lab.check("file")', "check", "file"),
        _code("print('the end')"),
    ]


def _form(folder: Path, cells: list[NotebookNode], steps: tuple[Step, ...] = STEPS) -> Any:
    path = folder / "00-tiny.ipynb"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)  # type: ignore[no-untyped-call]
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    return notebook_form.read(path, steps)


def _rehearse(folder: Path, cells: list[NotebookNode]) -> rehearsal.Report:
    form = _form(folder, cells)
    return rehearsal.both_ways(form, folder / "kept", cwd=folder, timeout=30)


def test_a_sound_notebook_passes_both_ways_and_again(tmp_path: Path) -> None:
    report = _rehearse(tmp_path, _cells())
    assert report.undone == {"sum": "no sum / 2 + 2", "file": "no file / a file"}
    assert {"first", "proof"} <= set(report.seconds)
    kept = json.loads((tmp_path / "kept" / "00-tiny.both-ways.ipynb").read_text())
    assert sum(cell["cell_type"] == "code" for cell in kept["cells"]) == 10
    form = _form(tmp_path, _cells())
    assert rehearsal.again(form, tmp_path / "kept", cwd=tmp_path, timeout=30) > 0
    assert len(list((tmp_path / "kept" / "00-tiny.again").glob("*.ipynb"))) == 3


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('if step == "sum" and answer != 4', "if False", "passes, though nobody did the step"),
        ('raise NotDone("no sum", expected="2 + 2", todo="add")', "1 / 0", "ZeroDivisionError"),
        ("answer != 4", "answer != 5", "NotDone: found:    no sum"),
        ('Path("done").touch()', "raise OSError('full')", "OSError: full"),
        ('print("passed", step)', "raise SystemExit(0)", "sys.exit"),
        ('"no file", expected="a file"', '"no sum", expected="2 + 2"', "both say: no sum"),
    ],
    ids=[
        "check-passes-undone", "undone-is-another-error", "solution-does-not-pass",
        "solution-fails", "sys-exit-0", "same-message-twice",
    ],
)  # fmt: skip
def test_a_defect_fails(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in STAND_IN
    with pytest.raises(Defect, match="(?s)" + says.replace(".", r"\.").replace("+", r"\+")):
        _rehearse(tmp_path, _cells(STAND_IN.replace(old, new)))


def test_a_check_that_waits_before_it_says_undone_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook_form, "AT_ONCE", 0.2)
    slow = STAND_IN.replace(
        'if step == "file"',
        'import threading; threading.Event().wait(0.4)\n        if step == "file"',
    )
    with pytest.raises(Defect, match="s to say 'not done'"):
        _rehearse(tmp_path, _cells(slow))


def test_a_second_run_that_needs_the_first_state_fails(tmp_path: Path) -> None:
    cells = _cells()
    cells.insert(2, _code("Path('once').mkdir()"))
    _rehearse(tmp_path, cells)
    with pytest.raises(Defect, match="FileExistsError"):
        rehearsal.again(_form(tmp_path, cells), tmp_path / "kept", cwd=tmp_path, timeout=30)


def test_a_segment_that_needs_another_segment_fails_again(tmp_path: Path) -> None:
    form = _form(tmp_path, [*_cells()[:4], _code("print(answer)")], STEPS[:1])
    with pytest.raises(Defect, match="NameError"):
        rehearsal.again(form, tmp_path / "kept", cwd=tmp_path, timeout=30)


def test_run_all_stops_at_the_first_check_that_is_not_done(tmp_path: Path) -> None:
    form = _form(tmp_path, _cells())
    stopped = rehearsal.run_all(form, tmp_path / "kept", cwd=tmp_path, timeout=30)
    assert stopped is not None
    assert stopped.metadata["step"] == "sum"
    assert stopped.outputs[0].traceback == [
        "found:    no sum", "expected: 2 + 2", "next:     add",
    ]  # fmt: skip


def test_a_cell_that_never_ran_fails(tmp_path: Path) -> None:
    cell = _code("print('late')")
    cell.metadata["papermill"] = {"status": "pending"}
    notebook = nbformat.v4.new_notebook(cells=[cell])  # type: ignore[no-untyped-call]
    with pytest.raises(Defect, match="never ran"):
        rehearsal.verify(notebook, tmp_path / "kept.ipynb")


def test_an_unknown_parameter_fails(tmp_path: Path) -> None:
    notebook = notebook_form.as_shipped(_form(tmp_path, _cells()))
    with pytest.raises(Defect, match="unknown parameters: TIMOUT"):
        rehearsal.run(
            notebook,
            tmp_path / "kept.ipynb",
            cwd=tmp_path,
            timeout=30,
            parameters={"TIMOUT": 1},
        )


def _without(tag: str) -> Callable[[list[NotebookNode]], list[NotebookNode]]:
    return lambda cells: [cell for cell in cells if tag not in cell.metadata.get("tags", [])]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_without("parameters"), "no cell tagged `parameters`"),
        (_without("setup"), "no cell tagged `setup`"),
        (_without("exercise"), "no exercise cell"),
        (_without("check"), "no check cell of the steps sum, file"),
        (lambda cells: [*cells[:4], *cells[5:]], "no check cell of the steps file"),
        (lambda cells: [*cells[:2], cells[4], *cells[2:4]], "cell .* belongs to step 'file'"),
        (
            lambda cells: [*cells[:3], _code("1", "exercise", "sum"), *cells[3:]],
            "is an exercise of the code step 'sum'",
        ),
    ],
)
def test_a_malformed_notebook_is_refused(
    tmp_path: Path, change: Callable[[list[NotebookNode]], list[NotebookNode]], says: str
) -> None:
    with pytest.raises(Malformed, match=says):
        _form(tmp_path, change(_cells()))
