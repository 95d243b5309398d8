"""The form of a lab's notebook, and the notebooks that a test makes of it.

A notebook is a row of segments: the cells up to a step's check, that check last. So a test can put
a step's solution into its place and prove the check both ways, in the notebook that readers get.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import nbformat
from nbformat import NotebookNode

from labs.errors import LabError
from labs.step import Step

AT_ONCE = 20.0
"""Seconds within which the check of a step that nobody began must have failed."""
CHECK = "check"
EXERCISE = "exercise"
PARAMETERS = "parameters"
SETUP = "setup"


class Malformed(LabError):
    """A notebook that is not in the form that the labs agree on."""


@dataclass
class Segment:
    """The cells of one step: before its exercise, the exercise, between, and the check.

    The last segment of a notebook has no step: what is left after the last check.
    """

    step: Step | None
    before: list[NotebookNode] = field(default_factory=list)
    exercise: NotebookNode | None = None
    between: list[NotebookNode] = field(default_factory=list)
    check: NotebookNode | None = None


@dataclass
class Form:
    """A notebook taken apart: the cells that every kernel needs first, then the segments."""

    path: Path
    metadata: NotebookNode
    opening: list[NotebookNode]
    segments: list[Segment]


def read(path: Path, steps: Sequence[Step]) -> Form:
    """Take a notebook apart. Raises Malformed if it is not a row of these steps' segments."""
    notebook = cast(NotebookNode, nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call]
    cells = list(notebook.cells)
    opening = _opening(path, cells)
    form = Form(path, notebook.metadata, opening, [])
    segment = Segment(None)
    left = list(steps)
    for cell in cells[len(opening) :]:
        tags = tags_of(cell)
        named = cell.metadata.get("step")
        if not tags & {EXERCISE, CHECK}:
            (segment.before if segment.exercise is None else segment.between).append(cell)
            continue
        if not left or named != left[0].id:
            raise _malformed(
                path,
                f"cell {cell.id} belongs to step {named!r}",
                f"the steps in the order of the module, next {left[0].id if left else 'none'!r}",
            )
        if EXERCISE in tags:
            if segment.exercise is not None or left[0].in_shell:
                raise _malformed(
                    path,
                    f"cell {cell.id} is an exercise of the {left[0].kind} step {named!r}",
                    "one exercise cell of a code or predict step, none of a terminal or edit step",
                )
            segment.exercise = cell
            continue
        if segment.exercise is None and not left[0].in_shell:
            raise _malformed(path, f"no exercise cell of step {named!r}", "one, before its check")
        segment.check = cell
        segment.step = left.pop(0)
        form.segments.append(segment)
        segment = Segment(None)
    if left or segment.exercise is not None:
        missing = ", ".join(step.id for step in left)
        raise _malformed(path, f"no check cell of the steps {missing}", "one for each step")
    form.segments.append(segment)
    return form


def both_ways(form: Form) -> NotebookNode:
    """Return a notebook that does it all: each step undone, then done."""
    cells = _marked(form.opening, "first")
    for segment in form.segments:
        cells += _marked(segment.before, "first")
        if segment.exercise is not None:
            cells += _marked([segment.exercise], "undone")
        if segment.step is not None and segment.check is not None:
            if segment.step.kind == "predict":
                cells += _marked([segment.check], "undone")
            else:
                cells.append(_proof(segment.step, segment.check))
            cells.append(_solution(segment.step, segment.exercise, "first"))
        cells += _marked(segment.between, "first")
        cells += _marked(_check(segment), "first")
    return _notebook(form, cells)


def again(form: Form) -> list[NotebookNode]:
    """Return a notebook per segment: every cell once more, by a kernel of the segment's own."""
    return [
        _notebook(form, _marked(form.opening, "again") + _done(segment))
        for segment in form.segments
        if segment.step is not None or _code([*segment.before, *segment.between])
    ]


def as_shipped(form: Form) -> NotebookNode:
    """Return the notebook as a reader gets it, for "Run all"."""
    cells = _marked(form.opening, "shipped")
    for segment in form.segments:
        exercise = [segment.exercise] if segment.exercise is not None else []
        cells += _marked(
            [*segment.before, *exercise, *segment.between, *_check(segment)], "shipped"
        )
    return _notebook(form, cells)


def tags_of(cell: NotebookNode) -> set[str]:
    """Return a cell's tags."""
    return set(cell.metadata.get("tags", []))


def _opening(path: Path, cells: list[NotebookNode]) -> list[NotebookNode]:
    """Return the cells up to the setup cell, the parameters cell among them."""
    for number, cell in enumerate(cells):
        if SETUP in tags_of(cell):
            opening = cells[: number + 1]
            if not any(PARAMETERS in tags_of(before) for before in opening):
                raise _malformed(path, "no cell tagged `parameters`", "one, before the setup cell")
            return opening
    raise _malformed(path, "no cell tagged `setup`", "the cell that imports and starts the lab")


def _done(segment: Segment) -> list[NotebookNode]:
    solution = [] if segment.step is None else [_solution(segment.step, segment.exercise, "again")]
    return [
        *_marked(segment.before, "again"),
        *solution,
        *_marked([*segment.between, *_check(segment)], "again"),
    ]


def _check(segment: Segment) -> list[NotebookNode]:
    return [] if segment.check is None else [segment.check]


def _solution(step: Step, exercise: NotebookNode | None, when: str) -> NotebookNode:
    """Return the cell that does a step: the exercise cell filled in, or the script, run."""
    if exercise is None:
        return _cell(f"{step.id}-solution-{when}", f'lab.solve("{step.id}")', when, step)
    return _cell(f"{exercise.id}-{when}", step.solution, when, step)


def _proof(step: Step, check: NotebookNode) -> NotebookNode:
    """Return a cell that passes if the step's check fails: at once, and as not done."""
    source = f"""\
# The check of step {step.id!r}, undone: it must fail, at once, and say that it is not done.
import json, time
from labs.step import NotDone
began = time.monotonic()
try:
{textwrap.indent(check.source, "    ")}
except NotDone as undone:
    took = time.monotonic() - began
    print(json.dumps({{"found": undone.found, "expected": undone.expected, "next": undone.todo}}))
else:
    raise AssertionError("the check of step {step.id!r} passes, though nobody did the step")
if took > {AT_ONCE}:
    raise AssertionError(f"the check of step {step.id!r} took {{took:.1f}} s to say 'not done'")
"""
    return _cell(f"{check.id}-undone", source, "proof", step)


def _cell(ident: str, source: str, when: str, step: Step) -> NotebookNode:
    cell = cast(NotebookNode, nbformat.v4.new_code_cell(source.strip("\n")))  # type: ignore[no-untyped-call]
    cell.id = ident[:64]
    cell.metadata.update({"step": step.id, "pass": when, "tags": []})
    return cell


def _marked(cells: Iterable[NotebookNode], when: str) -> list[NotebookNode]:
    """Return copies with ids of their own, that say in which pass they run."""
    copies = []
    for cell in cells:
        copy = deepcopy(cell)
        copy.id = f"{cell.id}-{when}"[:64]
        copy.metadata["pass"] = when
        copies.append(copy)
    return copies


def _code(cells: list[NotebookNode]) -> list[NotebookNode]:
    return [cell for cell in cells if cell.cell_type == "code"]


def _notebook(form: Form, cells: list[NotebookNode]) -> NotebookNode:
    notebook = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=cells, metadata=deepcopy(form.metadata)
    )
    return cast(NotebookNode, notebook)


def _malformed(path: Path, found: str, expected: str) -> Malformed:
    return Malformed(
        f"{path.name}: {found}", expected=expected, todo=f"edit {path.name} or its module of steps"
    )
