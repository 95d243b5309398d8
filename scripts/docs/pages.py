"""Each lab as a page, with what its cells printed in the suite's run, and an index of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from traitlets.config import Config

from labs import catalogue
from labs.catalogue import LABS, Lab
from labs.errors import LabError
from scripts.docs import sheets
from scripts.docs.mermaid import Bundle

TEMPLATES = Path(__file__).with_name("templates")
COPIED = ("style.css", "page.js")


@dataclass(frozen=True)
class Link:
    """A page of another lab."""

    file: str
    title: str


def write(notebooks: Mapping[str, NotebookNode], out: Path) -> list[Path]:
    """Write a page for each lab, the index and the sheets; return them, the index first.

    `notebooks` are those of scripts.docs.outputs, by the lab's name. A lab without one is in the
    index, and says so. Raises LabError if `out` is a lab's, or JupyterLab's Mermaid is another.
    """
    printed = begin(out)
    (out / "mermaid.js").write_text(Bundle().script())
    labs = [lab for lab in LABS if lab.name in notebooks]
    written = [out / "index.html"]
    written[0].write_text(index(labs))
    for number, lab in enumerate(labs):
        before = labs[number - 1] if number else None
        after = labs[number + 1] if number + 1 < len(labs) else None
        path = out / page_of(lab)
        path.write_text(html(lab, notebooks[lab.name], before, after))
        written.append(path)
    return [*written, *printed]


def begin(out: Path) -> list[Path]:
    """Write what needs no run of the suite, the sheets, and return them; take old pages away.

    Raises LabError if `out` is a lab's folder.
    """
    if (out / "ports.json").exists():
        raise LabError(
            f"{out} is the folder of the lab {out.name!r}",
            expected="a folder for the pages alone",
            todo="name another: `make docs OUT=folder`",
        )
    out.mkdir(parents=True, exist_ok=True)
    for lab in LABS:  # of an earlier run, which may have come further
        (out / page_of(lab)).unlink(missing_ok=True)
    (out / "index.html").unlink(missing_ok=True)
    for name in COPIED:
        (out / name).write_text((TEMPLATES / name).read_text())
    return sheets.write(out)


def page_of(lab: Lab) -> str:
    """Return the name of a lab's page."""
    return f"{Path(lab.notebook).stem}.html"


def html(lab: Lab, notebook: NotebookNode, before: Lab | None, after: Lab | None) -> str:
    """Return a lab's page; links to notebooks become links to their pages."""
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        # A line that was printed at once is an output of its own, until it is joined to the others.
        config=Config({"CoalesceStreamsPreprocessor": {"enabled": True}}),
        template_name="lab-page",
        extra_template_basedirs=[str(TEMPLATES)],
    )
    told = {
        "before": _link(before),
        "after": _link(after),
        "about": "What the cells printed is from a run of the project's own tests: names, times "
        "and commits are others in your lab.",
    }
    text, _ = exporter.from_notebook_node(notebook, resources={"page": told})
    return _relinked(str(text))


def index(labs: list[Lab]) -> str:
    """Return the index: the catalogue, and where the sheets are."""
    rows = [
        {
            "number": f"{lab.number:02d}",
            "title": lab.title,
            "file": page_of(lab) if lab in labs else "",
            "minutes": lab.minutes,
            "steps": catalogue.steps_told(lab),
            "changes": lab.changes,
        }
        for lab in LABS
    ]
    return render("index.html.j2", rows=rows, minutes=sum(lab.minutes for lab in LABS))


def render(template: str, **values: object) -> str:
    """Return one of this folder's templates, filled in."""
    return sheets.environment().get_template(template).render(**values)


def _link(lab: Lab | None) -> Link | None:
    return Link(page_of(lab), lab.heading) if lab is not None else None


def _relinked(text: str) -> str:
    notebooks = "|".join(re.escape(Path(lab.notebook).stem) for lab in LABS)
    return re.sub(rf'href="(?:[^"]*/)?({notebooks})\.ipynb', r'href="\1.html', text)
