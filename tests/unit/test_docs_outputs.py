"""The pages of labs: what is taken from a run of the suite, what is folded, what is left out."""

from __future__ import annotations

import json
import sys
from html import unescape
from pathlib import Path

import nbformat
import pytest

from labs import catalogue, notebook_form
from labs.errors import LabError
from labs.instance import PROJECT
from labs.run import CommandFailed, run
from scripts.docs import mermaid, outputs, pages, sheets

CLUSTER = catalogue.lab_named("your-cluster")
TOKEN = "AYqLGGxY-B1lv9tlLrAq-Q"


def as_the_suite_keeps_it(lab: catalogue.Lab, folder: Path, printed: str = "said\n") -> Path:
    """Write the notebook that a run of the suite leaves, each cell with an output."""
    form = notebook_form.read(catalogue.notebooks_folder() / lab.notebook, lab.steps)
    notebook = notebook_form.both_ways(form)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            text = f"{cell.metadata['pass']}: {printed}"
            cell.outputs = [
                nbformat.v4.new_output("stream", text=part)  # type: ignore[no-untyped-call]
                for part in (text, "and more\n")
            ]
    path = folder / "notebooks" / f"{Path(lab.notebook).stem}.both-ways.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    return path


def test_where_no_run_was_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LabError) as none:
        outputs.of_all_labs(tmp_path)
    assert str(tmp_path) in none.value.found
    assert "00-welcome.both-ways.ipynb" in none.value.expected
    assert "make test" in none.value.todo
    assert "FROM=" in none.value.todo


def test_the_sheets_are_there_before_any_run(tmp_path: Path) -> None:
    words = ["pages", "--from", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    with pytest.raises(CommandFailed, match="make test` first"):
        run(sys.executable, "-m", "scripts.docs", *words, cwd=PROJECT)
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {*sheets.SHEETS, *pages.COPIED}


def test_a_reader_is_shown_the_first_pass_alone(tmp_path: Path) -> None:
    as_the_suite_keeps_it(CLUSTER, tmp_path)
    [(name, notebook)] = outputs.of_all_labs(tmp_path).items()
    assert name == CLUSTER.name
    for role in ("check", "solution"):
        told = [cell.metadata.step for cell in notebook.cells if cell.metadata.role == role]
        assert told == [step.id for step in CLUSTER.steps], role
    said = {out.text for cell in notebook.cells for out in cell.get("outputs", [])}
    assert said == {"first: said\n", "and more\n"}
    todo = [cell for cell in notebook.cells if cell.metadata.role == "exercise"]
    assert [cell.metadata.step for cell in todo] == [
        step.id for step in CLUSTER.steps if not step.in_shell
    ]
    assert all("# TODO" in cell.source and not cell.outputs for cell in todo)
    script = next(step for step in CLUSTER.steps if step.in_shell)
    shown = next(
        cell
        for cell in notebook.cells
        if cell.metadata.role == "solution" and cell.metadata.step == script.id
    )
    assert shown.source == script.solution.strip(), "the script, not the call that runs it"


def test_solutions_and_hints_are_folded(tmp_path: Path) -> None:
    as_the_suite_keeps_it(CLUSTER, tmp_path)
    [notebook] = outputs.of_all_labs(tmp_path).values()
    html = unescape(pages.html(CLUSTER, notebook, None, catalogue.lab_named("agents")))
    assert html.count('<details class="solution"') == len(CLUSTER.steps)
    assert "<details open" not in html
    folded = "".join(part.partition("</details>")[0] for part in html.split("<details")[1:])
    left = html
    for part in html.split("<details")[1:]:
        left = left.replace(part.partition("</details>")[0], "")
    assert '>"ReplicaSet"<' in folded
    assert '>"ReplicaSet"<' not in left, "a solution stands open"
    assert 'href="02-agents.html"' in html
    assert "first: said\nand more" in html, "what was printed at once is one block"
    assert html.count('class="mermaid"') == 2


def test_all_labs_have_a_page_and_the_index_says_which_are_missing(tmp_path: Path) -> None:
    for lab in catalogue.LABS[:-1]:
        as_the_suite_keeps_it(lab, tmp_path)
    out = tmp_path / "pages"
    written = pages.write(outputs.of_all_labs(tmp_path), out)
    assert len(written) == 1 + len(catalogue.LABS) - 1 + 2
    assert all(path.stat().st_size > 1000 for path in written)
    index = (out / "index.html").read_text()
    for lab in catalogue.LABS[:-1]:
        assert f'href="{pages.page_of(lab)}"' in index
        assert "<h1" in (out / pages.page_of(lab)).read_text()
    assert index.count("not in this run") == 1
    as_the_suite_keeps_it(CLUSTER, tmp_path / "later")
    pages.write(outputs.of_all_labs(tmp_path / "later"), out)
    assert not (out / "00-welcome.html").exists(), "a page of the run before"


def test_the_folder_of_a_lab_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{}")
    with pytest.raises(LabError, match="folder of the lab"):
        pages.write({}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ports.json"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"http://127.0.0.1:8888/?token={TOKEN}", TOKEN),
        (f"http://127.0.0.1:8604/?token={TOKEN[:1]}   \n     {TOKEN[1:]}    \n", TOKEN[1:]),
        (f"http://attendee:{TOKEN}@127.0.0.1:8300/config.git", TOKEN),
        (f"Authorization: Basic {TOKEN}==", TOKEN),
        (f"    client-key-data: {TOKEN}{TOKEN}\n", TOKEN),
        (f'{{"password": "{TOKEN}"}}', TOKEN),
        (f"-----BEGIN RSA PRIVATE KEY-----\n{TOKEN}\n-----END RSA PRIVATE KEY-----", TOKEN),
        (f"-----BEGIN PRIVATE KEY-----\n{TOKEN}\ncut off", TOKEN),
        ("eyJhbGciOiJSUzI1NiIsIm.eyJpc3MiOiJrd.abc-def", "abc-def"),
        (f"KUBE_CONFIG=YXBpVmVyc2lvbjog{TOKEN.replace('-', '')}", TOKEN.replace("-", "")),
    ],
)
def test_what_looks_like_a_secret_is_hidden(tmp_path: Path, text: str, secret: str) -> None:
    as_the_suite_keeps_it(CLUSTER, tmp_path, printed=f"{PROJECT}/labs: {text}\n")
    [notebook] = outputs.of_all_labs(tmp_path).values()
    told = json.dumps(notebook)
    assert secret not in told
    assert outputs.HIDDEN in json.dumps(notebook, ensure_ascii=False)
    assert str(PROJECT) not in told, "a folder of the machine may have a person's name in it"


def test_words_that_are_no_secret_stay() -> None:
    for text in (
        "kubectl create secret generic token",
        "main@sha1:1fa7d20b5c0e4f0f7f4a2a5f1f5c3b2a1f0e9d8c",
        "registry:5000/hello@sha256:" + "ab" * 32,
        "password: the one of the Git server",
    ):
        assert outputs.without_secrets(text) == text


def test_mermaid_is_put_together_from_jupyterlab(tmp_path: Path) -> None:
    script = mermaid.Bundle().script()
    assert "self.labMermaid" in script
    assert script.count(f"self.{mermaid.CHUNKS}") > 5
    with pytest.raises(LabError, match="not found"):
        mermaid.Bundle(tmp_path).script()
