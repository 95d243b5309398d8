"""Runs a lab's notebook as the test suite does, and finds what papermill lets pass.

Try it on a lab that is up: `python -m labs.rehearsal your-cluster`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import nbformat
import papermill
from nbformat import NotebookNode
from papermill.exceptions import PapermillException

from labs import catalogue, notebook_form
from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.notebook_form import Form
from labs.platform.environment import environment


class Defect(LabError):
    """A notebook, a check or a solution that is not as the labs promise."""


@dataclass
class Report:
    """What a notebook's runs took, in seconds, and what its checks said when nothing was done."""

    notebook: str
    seconds: dict[str, float] = field(default_factory=dict)
    undone: dict[str, str] = field(default_factory=dict)


def run(
    notebook: NotebookNode,
    kept: Path,
    *,
    cwd: Path,
    timeout: int,
    parameters: Mapping[str, Any] | None = None,
) -> NotebookNode:
    """Execute a notebook, keep it with its outputs in `kept`, and return it.

    `timeout` is in seconds, per cell. Raises Defect if a cell failed or never ran, if it ended
    with `sys.exit(0)`, or if a parameter is not one of the notebook's.
    """
    kept.parent.mkdir(parents=True, exist_ok=True)
    _known_parameters(notebook, kept.name, parameters or {})
    failed: Exception | None = None
    try:
        papermill.execute_notebook(
            notebook,
            kept,
            parameters=dict(parameters or {}),
            cwd=cwd,
            execution_timeout=timeout,
            progress_bar=False,
        )
    except (PapermillException, RuntimeError, TimeoutError) as error:
        failed = error
    # Read back, so that what is judged is what is kept.
    executed = cast(NotebookNode, nbformat.read(kept, as_version=4))  # type: ignore[no-untyped-call]
    verify(executed, kept)
    if failed is not None:
        raise _defect(kept, "?", str(failed)) from failed
    return executed


def verify(executed: NotebookNode, kept: Path) -> None:
    """Raise Defect for the first cell that failed, that called `sys.exit`, or that never ran."""
    for cell in executed.cells:
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if output.output_type == "error" and output.ename == "SystemExit":
                raise _defect(kept, cell.id, "it ends the kernel with sys.exit()")
            if output.output_type == "error":
                raise _defect(kept, cell.id, f"{output.ename}: {output.evalue}")
        status = cell.metadata.get("papermill", {}).get("status")
        if cell.source.strip() and (cell.execution_count is None or status != "completed"):
            raise _defect(kept, cell.id, f"the cell never ran to its end ({status})")


def both_ways(form: Form, folder: Path, *, cwd: Path, timeout: int) -> Report:
    """Prove every step of a notebook both ways."""
    name = form.path.stem
    kept = folder / f"{name}.both-ways.ipynb"
    executed = run(notebook_form.both_ways(form), kept, cwd=cwd, timeout=timeout)
    report = Report(name, seconds=_seconds(executed))
    for cell in executed.cells:
        if cell.metadata.get("pass") == "proof":
            text = "".join(out.get("text", "") for out in cell.outputs)
            said = json.loads(text.strip().splitlines()[-1])
            report.undone[cell.metadata["step"]] = f"{said['found']} / {said['expected']}"
    _messages_of_their_own(report.undone)
    return report


def again(form: Form, folder: Path, *, cwd: Path, timeout: int) -> float:
    """Run every cell of a done notebook a second time, with a new kernel for every step.

    Return the seconds that the cells took. A cell that needs what a cell of another step has
    defined fails, and so does one that cannot be run twice.
    """
    total = 0.0
    for number, notebook in enumerate(notebook_form.again(form)):
        kept = folder / f"{form.path.stem}.again" / f"{number:02d}.ipynb"
        total += sum(_seconds(run(notebook, kept, cwd=cwd, timeout=timeout)).values())
    return total


def run_all(form: Form, folder: Path, *, cwd: Path, timeout: int) -> NotebookNode | None:
    """Press "Run all" on a fresh notebook; return the cell that stopped it, if one did."""
    kept = folder / f"{form.path.stem}.run-all.ipynb"
    try:
        run(notebook_form.as_shipped(form), kept, cwd=cwd, timeout=timeout)
    except Defect:
        executed = cast(NotebookNode, nbformat.read(kept, as_version=4))  # type: ignore[no-untyped-call]
        for cell in executed.cells:
            if any(out.output_type == "error" for out in cell.get("outputs", [])):
                return cast(NotebookNode, cell)
        raise
    return None


def table(reports: Iterable[Report]) -> str:
    """Return the seconds that the cells of each notebook took, by pass, as text."""
    passes = ("undone", "proof", "first", "again")
    lines = ["seconds".ljust(24) + "".join(name.rjust(11) for name in passes)]
    for report in reports:
        row = "".join(f"{report.seconds.get(name, 0.0):11.1f}" for name in passes)
        lines.append(report.notebook.ljust(24) + row)
    return "\n".join(lines)


def _known_parameters(notebook: NotebookNode, name: str, parameters: Mapping[str, Any]) -> None:
    """Raise Defect for a parameter that the notebook does not have; papermill only warns."""
    tagged = [
        cell for cell in notebook.cells if notebook_form.PARAMETERS in notebook_form.tags_of(cell)
    ]
    if len(tagged) != 1:
        raise Defect(
            f"{name}: {len(tagged)} cells tagged `parameters`", expected="one", todo="tag it"
        )
    known = set(papermill.inspect_notebook(notebook))
    unknown = sorted(set(parameters) - known)
    if unknown:
        raise Defect(
            f"{name}: unknown parameters: {', '.join(unknown)}",
            expected=f"some of: {', '.join(sorted(known))}",
            todo="add it to the cell tagged `parameters`, or leave it out",
        )


def _messages_of_their_own(undone: Mapping[str, str]) -> None:
    """Raise Defect if two steps say the same when they were not done."""
    by_message: dict[str, str] = {}
    for step, message in undone.items():
        if message in by_message:
            raise Defect(
                f"the checks of {by_message[message]!r} and {step!r} both say: {message}",
                expected="a message of its own from each step that was not done",
                todo="let each say what its own step looked for",
            )
        by_message[message] = step


def _seconds(executed: NotebookNode) -> dict[str, float]:
    """Return the seconds that the cells of each pass took."""
    total: dict[str, float] = {}
    for cell in executed.cells:
        took = cell.metadata.get("papermill", {}).get("duration")
        if took is not None:
            which = cell.metadata.get("pass", "first")
            total[which] = total.get(which, 0.0) + float(took)
    return total


def _defect(kept: Path, cell: str, found: str) -> Defect:
    return Defect(
        f"{kept.name}, cell {cell}: {found}",
        expected="every code cell runs to its end",
        todo=f"open {kept}",
    )


def main() -> None:
    """Rehearse the labs that are named, on the lab that LAB_NAME names."""
    instance = Instance.current()
    os.environ.update(environment(instance))
    folder = instance.root / "rehearsal"
    cwd = instance.work / "notebooks"
    for name in sys.argv[1:]:
        lab = catalogue.lab_named(name)
        form = notebook_form.read(catalogue.notebooks_folder() / lab.notebook, lab.steps)
        report = both_ways(form, folder, cwd=cwd, timeout=600)
        report.seconds["again"] = again(form, folder, cwd=cwd, timeout=600)
        write_json(folder / f"{lab.name}.json", report.__dict__)
        print(table([report]))


if __name__ == "__main__":
    main()
