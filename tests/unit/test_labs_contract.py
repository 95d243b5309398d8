"""What holds of every lab: names mirrored, three hints, notebooks in their form, no outputs."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from labs import catalogue, notebook_form
from labs.catalogue import Lab
from labs.instance import PROJECT
from labs.step import Step
from scripts.supply import api as supply

NOTEBOOKS = sorted(catalogue.notebooks_folder().glob("*.ipynb"))
LABS = [pytest.param(lab, id=lab.name) for lab in catalogue.LABS]
STEPS = [pytest.param(step, id=step.id) for lab in catalogue.LABS for step in lab.steps]


def _cells(path: Path) -> list[nbformat.NotebookNode]:
    return list(nbformat.read(path, as_version=4).cells)  # type: ignore[no-untyped-call]


def test_a_lab_has_a_notebook_and_a_module_of_the_same_name() -> None:
    assert NOTEBOOKS
    assert [path.name for path in NOTEBOOKS] == [lab.notebook for lab in catalogue.LABS]
    folder = PROJECT / "labs" / "exercises"
    modules = {path.stem for path in folder.glob("*.py") if "\nSTEPS" in path.read_text()}
    assert modules == {lab.module.rpartition(".")[2] for lab in catalogue.LABS}
    assert [lab.number for lab in catalogue.LABS] == list(range(len(catalogue.LABS)))


def test_step_ids_are_unique() -> None:
    assert len(catalogue.all_steps()) == len(STEPS)


@pytest.mark.parametrize("lab", LABS)
def test_a_lab_has_steps_and_needs_known_stages(lab: Lab) -> None:
    assert any(not step.stretch for step in lab.steps)
    assert set(lab.needs) <= set(supply.STAGES)
    assert lab.changes


@pytest.mark.parametrize("step", STEPS)
def test_hints_ask_before_they_tell(step: Step) -> None:
    if step.kind == "predict":
        assert not step.hints
        return
    assert len(step.hints) == 3
    assert "?" in step.hints[0]
    assert "?" in step.hints[1]
    assert "`" in step.hints[2], "the third shows what to write"


@pytest.mark.parametrize("step", STEPS)
def test_a_solution_says_why_and_is_code(step: Step) -> None:
    assert step.why
    if not step.in_shell:
        compile(step.solution, step.id, "exec")
    if step.kind == "predict":
        assert step.solution.startswith(f'lab.predict("{step.id}", ')


@pytest.mark.parametrize("lab", LABS)
def test_a_notebook_is_a_row_of_its_steps(lab: Lab) -> None:
    path = catalogue.notebooks_folder() / lab.notebook
    form = notebook_form.read(path, lab.steps)
    assert [segment.step for segment in form.segments] == [*lab.steps, None]
    for segment in form.segments[:-1]:
        assert segment.check is not None
        assert segment.step is not None
        assert segment.check.source.startswith(f'lab.check("{segment.step.id}"')
        if segment.exercise is not None:
            assert "# TODO" in segment.exercise.source


@pytest.mark.parametrize("lab", LABS)
def test_a_notebook_begins_and_ends_as_all_do(lab: Lab) -> None:
    cells = _cells(catalogue.notebooks_folder() / lab.notebook)
    assert cells[0].source.splitlines()[0] == f"# {lab.heading}"
    assert f"{lab.minutes} minutes" in cells[0].source
    setup = next(cell for cell in cells if "setup" in notebook_form.tags_of(cell))
    assert setup.source == f'from labs import lab\n\nlab.start("{lab.name}", timeout=TIMEOUT)'
    assert cells[-1].source.startswith("## At work, without `lab`")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_imports_one_thing_of_ours(path: Path) -> None:
    code = [cell.source for cell in _cells(path) if cell.cell_type == "code"]
    ours = [
        line
        for source in code
        for line in source.splitlines()
        if line.startswith(("from labs", "import labs", "from scripts", "import scripts"))
    ]
    assert ours == ["from labs import lab"]
    others = [source for source in code if not source.startswith("%%promql")]
    assert not [source for source in others if source.startswith(("!", "%"))], "lab.sh raises"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_valid_and_carries_no_outputs(path: Path) -> None:
    raw = json.loads(path.read_text())
    nbformat.validate(raw)
    assert raw["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in raw["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in raw["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_diagram_is_told_in_words_too(path: Path) -> None:
    for cell in _cells(path):
        if cell.cell_type == "markdown" and "```mermaid" in cell.source:
            for diagram in cell.source.split("```mermaid")[1:]:
                assert "accTitle:" in diagram.split("```")[0]
                assert "accDescr:" in diagram.split("```")[0]


def test_the_readme_shows_the_catalogue() -> None:
    readme = (PROJECT / "README.md").read_text()
    block = readme.partition("<!-- labs:")[2].partition("-->")[2].partition("<!-- /labs -->")[0]
    assert block.strip() == catalogue.table(), "put in what `lab labs` prints"
