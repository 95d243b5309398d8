"""What the suite's run has left of each lab, as a reader's notebook: solutions apart, no secrets.

The suite keeps a notebook per lab with several passes in it (labs/notebook_form.py); the pass
"first" is a reader's way through it, with each exercise's cell replaced by the solution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import nbformat
from nbformat import NotebookNode

from labs import catalogue, notebook_form
from labs.catalogue import Lab
from labs.errors import LabError
from labs.instance import PROJECT
from labs.step import Step

SUITE = PROJECT / ".lab" / "test-output"
HIDDEN = "…"
"""What stands in a page where a secret, or a part of a machine's own address, stood."""
SECRETS = (
    # JupyterLab's and the console's addresses, which a table breaks; a password in an address.
    re.compile(r"(?i)(token=)[\w.~%+-]+(?:[ \t]*\n[ \t]+[\w.~%+-]{6,}[ \t]*(?=\n|$))?"),
    re.compile(r"(://)[^\s/:@]+:[^\s/@]+(?=@)"),
    # An HTTP header, and what `kubectl config view --raw` or a Secret shows.
    re.compile(r"(?i)(authorization: )(?:basic|bearer|token) [\w.~+/=-]+"),
    re.compile(r"(?i)((?:-data|password|token)[\"']?: ?)[\"']?[\w+/=.-]{16,}[\"']?"),
    re.compile(r"()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*KEY-----|\Z)", re.S),
    # JSON Web Tokens, as a service account has; base64 of a PEM file or of a kubeconfig.
    re.compile(r"()\beyJ[\w-]{10,}\.[\w-]+\.[\w-]+"),
    re.compile(r"()\b(?:LS0tLS1CRUdJTi|YXBpVmVyc2lvbjog)[\w+/=]{16,}"),
)
"""That no page holds a secret is tested with those of the live lab that the pages are made of."""


def of_all_labs(source: Path) -> dict[str, NotebookNode]:
    """Return each lab's notebook for a page, by the lab's name, in the catalogue's order.

    `source` is the folder that a run of the suite has written, or its folder `notebooks`. Labs
    that it has not come to are left out. Raises LabError if there is none at all.
    """
    folder = source / "notebooks" if (source / "notebooks").is_dir() else source
    found = {
        lab.name: folder / f"{Path(lab.notebook).stem}.both-ways.ipynb" for lab in catalogue.LABS
    }
    there = {name: path for name, path in found.items() if path.is_file()}
    if not there:
        raise LabError(
            f"no notebook with outputs in {folder}",
            expected=f"what a run of the suite keeps, such as {found['welcome'].name}",
            todo="`make test` first, or name the folder of another run: `make docs FROM=folder`",
        )
    return {name: for_readers(catalogue.lab_named(name), path) for name, path in there.items()}


def for_readers(lab: Lab, path: Path) -> NotebookNode:
    """Return a lab's notebook of the suite as a reader's: each cell's metadata says its `role`."""
    kept = cast(NotebookNode, nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call]
    steps = {step.id: step for step in lab.steps}
    cells = [_told(cell) for cell in _chosen(kept.cells, steps)]
    if not any(cell.metadata.get("role") == "check" for cell in cells):
        raise LabError(
            f"{path} has no step that was done",
            expected="the cells of the pass 'first', as tests/cluster/test_notebooks.py keeps them",
            todo="`make test` makes it anew",
        )
    new = nbformat.v4.new_notebook(cells=cells, metadata=deepcopy(kept.metadata))  # type: ignore[no-untyped-call]
    new.metadata.title = lab.heading
    return cast(NotebookNode, new)


def _chosen(cells: Sequence[NotebookNode], steps: dict[str, Step]) -> Iterator[NotebookNode]:
    for original in cells:
        cell = deepcopy(original)
        tags = notebook_form.tags_of(cell)
        step = steps.get(cell.metadata.get("step", ""))
        passed = cell.metadata.get("pass")
        if notebook_form.PARAMETERS in tags or "injected-parameters" in tags:
            continue
        if passed == "undone" and notebook_form.EXERCISE in tags:
            cell.outputs = []  # what an untouched cell says is not what this page is about
            yield _as(cell, "exercise", step)
        elif passed == "first" and step is None:
            yield _as(cell, "words" if cell.cell_type == "markdown" else "cell", None)
        elif passed == "first" and notebook_form.CHECK in tags:
            yield _as(cell, "check", step)
        elif passed == "first" and step is not None:
            yield _as(_solution(cell, step), "solution", step)


def _solution(cell: NotebookNode, step: Step) -> NotebookNode:
    """Show a script in place of the call that ran it, and leave out that it shows itself."""
    if step.in_shell:
        cell.source = step.solution.strip()
        cell.outputs = [one for one in cell.outputs if "text/markdown" not in one.get("data", {})]
    return cell


def _as(cell: NotebookNode, role: str, step: Step | None) -> NotebookNode:
    cell.metadata = nbformat.from_dict({"role": role, "tags": []})  # type: ignore[no-untyped-call]
    if step is not None:
        cell.metadata.update(
            {
                "step": step.id,
                "title": step.title,
                "why": step.why,
                "hints": list(step.hints),
                "language": "bash" if step.in_shell else "python",
                "stretch": step.stretch,
                "predict": step.kind == "predict",
            }
        )
    return cell


def _told(cell: NotebookNode) -> NotebookNode:
    """Return the cell without secrets and without folders of the machine that ran it."""
    for output in cell.get("outputs", []):
        for key in ("text", "evalue"):
            if key in output:
                output[key] = without_secrets(output[key])
        output.update(
            {
                key: [without_secrets(line) for line in output[key]]
                for key in ("traceback",)
                if key in output
            }
        )
        for kind, value in output.get("data", {}).items():
            output["data"][kind] = _cleaned(value)
    return cell


def _cleaned(value: Any) -> Any:
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    return without_secrets(value) if isinstance(value, str) else value


def without_secrets(text: str) -> str:
    """Return a text with what looks like a secret hidden, and the clone's folder named `~/…`."""
    for pattern in SECRETS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return text.replace(str(PROJECT), "~/gitops-hackfest")
