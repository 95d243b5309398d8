"""The pages of `make docs`, of this run's own notebooks: readable, printable, without a secret."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, PdfMargins, ViewportSize

from labs.instance import Instance
from labs.platform import console, credentials, jupyter_config
from scripts.docs import outputs, pages, sheets
from tests.browser.complaints import listen
from tests.browser.console_page import OVERFLOW, axe

SIZES = {"light": 1280, "dark": 400}
AXE: dict[str, Any] = {
    "preload": False,  # of style sheets, which a browser does not give out of a file
    "rules": {"empty-table-header": {"enabled": False}},  # a table that a cell has printed
}
A4 = ViewportSize(width=688, height=1017)
"""A4 less the margins of style.css, in CSS pixels."""
BROKEN = """
[...document.querySelectorAll('.picture, .jp-Mermaid, .picture :is(svg, img, tr)')]
  .filter(one => {
    const box = one.getBoundingClientRect();
    const parts = one.matches('.wide'); // a dashboard or a table: it goes on on the next page
    return box.right > innerWidth + 1 || (box.height > innerHeight && !parts);
  }).length
"""


@pytest.fixture(scope="module")
def written(output: Path) -> list[Path]:
    """The pages of the notebooks that tests/cluster/test_notebooks.py has left."""
    return pages.write(outputs.of_all_labs(output), output / "docs")


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of the folder as it lies there, which must end without a complaint."""
    context = chromium.new_context()
    page = context.new_page()
    complaints = listen(page)
    yield page
    context.close()
    assert not complaints, "\n".join(complaints)


def opened(page: Page, path: Path) -> None:
    page.goto(path.as_uri())
    if path.name not in ("index.html", *sheets.SHEETS):
        page.wait_for_function("document.documentElement.dataset.drawn")


def test_every_page_reads_well_and_prints_well(
    written: list[Path], page: Page, screenshots: Path
) -> None:
    assert len(written) > 3
    for path in written:
        for scheme, width in SIZES.items():
            page.emulate_media(color_scheme=scheme, media="screen")  # type: ignore[arg-type]
            page.set_viewport_size(ViewportSize(width=width, height=900))
            opened(page, path)
            assert page.evaluate(OVERFLOW) == 0, f"{path.name} is wider than {width} pixels"
            if scheme == "light" or path in (written[1], *written[-2:]):
                assert axe(page, **AXE) == [], f"{path.name}, {scheme}"
            # Its beginning alone: to paint all of a lab's page, many windows high, takes minutes.
            page.screenshot(path=screenshots / f"docs-{path.stem}-{width}.png")
        diagrams = path.read_text().count('<pre class="mermaid">')
        assert page.locator(".jp-Mermaid svg").count() == diagrams, path.name
        page.emulate_media(color_scheme="dark", media="print")
        page.set_viewport_size(A4)
        assert page.evaluate(BROKEN) == 0, f"{path.name}: a picture is larger than a printed page"
        ground = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(ground) == "rgba(0, 0, 0, 0)", "paper is white, whatever the screen is"


@pytest.mark.parametrize("name", sheets.SHEETS)
def test_a_sheet_is_one_printed_page(name: str, written: list[Path], page: Page) -> None:
    [path] = [one for one in written if one.name == name]
    opened(page, path)
    for paper in ("A4", "Letter"):
        printed = page.pdf(format=paper, margin=PdfMargins(top="14mm", bottom="14mm"))
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1, f"{name} on {paper}"


def test_solutions_are_folded_until_asked_for(written: list[Path], page: Page) -> None:
    [path] = [one for one in written if one.name == "01-your-cluster.html"]
    opened(page, path)
    answer = page.locator("details.solution pre", has_text="ReplicaSet").first
    assert not answer.is_visible()
    page.locator("details.solution summary", has_text="Who brought it back").click()
    assert answer.is_visible()
    button = page.get_by_role("button", name="Unfold all solutions")
    button.click()
    assert page.locator("details.solution:not([open])").count() == 0
    page.get_by_role("button", name="Fold all solutions").click()
    assert page.locator("details.solution[open]").count() == 0


def test_no_secret_of_the_lab_is_in_a_page(written: list[Path], instance: Instance) -> None:
    secrets = secrets_of(instance)
    assert len(secrets) > 8
    told = {path.name: path.read_text() for path in written}
    assert any("127.0.0.1" in text for text in told.values())
    for name, secret in secrets.items():
        encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
        # A line of a table or of a log may hold a part of it alone.
        for form in (secret[:12], secret[-12:], secret[::-1][:12], encoded[:16]):
            assert [page for page, text in told.items() if form in text] == [], name


def secrets_of(instance: Instance) -> dict[str, str]:
    """Return all that opens something in this lab: passwords, tokens, the cluster's key."""
    found = dict(credentials.credentials(instance))
    found["JupyterLab's token"] = jupyter_config.token(instance)
    found["the console's token"] = console.token(instance)
    for file in [instance.root / "ci.json", *instance.root.glob("typical-ci.json")]:
        found |= {f"{file.stem}: {name}": key for name, key in json.loads(file.read_text()).items()}
    for file in instance.root.glob("webhook-token"):
        found[file.name] = file.read_text().strip()
    for file in (instance.kubeconfig, console.home(instance) / "kubeconfig"):
        keys = re.findall(r'(?:client-key-data|token)"?: "?([^\s"]+)', file.read_text())
        assert keys, file
        # Its middle: the lines of a key that nobody else has.
        found |= {f"{file}: key": keys[0][200:260] if len(keys[0]) > 300 else keys[0]}
    return found
