"""JupyterLab as an attendee meets it: opened by its address, a notebook, the editor, Git."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from labs.gitops.config_repo import attendees
from labs.instance import Instance
from labs.run import run
from tests.browser.conftest import LAPTOP, PROJECTOR
from tests.browser.jupyter_page import (
    launcher_card,
    no_pop_up,
    notebook,
    open_lab,
    opened_by,
    run_cell,
)
from tests.browser.readme_pictures import into_readme


def test_it_opens_at_the_first_notebook(page: Page, address: str) -> None:
    open_lab(page, address)
    expect(page).to_have_url(re.compile(r"/lab/tree/notebooks/00-welcome\.ipynb$"))
    panel = notebook(page)
    expect(panel.get_by_role("heading", name=re.compile("Welcome")).first).to_be_visible()
    no_pop_up(page)


def test_diagrams_are_drawn(page: Page, address: str) -> None:
    open_lab(page, address)
    diagram = notebook(page).locator(".jp-RenderedMermaid").first
    diagram.scroll_into_view_if_needed()
    expect(diagram.locator("img")).to_be_visible()
    assert diagram.locator("img").evaluate("image => image.naturalWidth") > 100
    expect(diagram).not_to_have_class(re.compile("jp-mod-warning"))


@pytest.mark.parametrize("size", [LAPTOP, PROJECTOR], ids=["laptop", "projector"])
def test_a_notebook_can_be_read_on_the_screen(
    page: Page, address: str, size: ViewportSize, screenshots: Path
) -> None:
    page.set_viewport_size(size)
    open_lab(page, address)
    panel = notebook(page)
    expect(panel.locator(".jp-RenderedMermaid img").first).to_be_attached()
    page.screenshot(path=screenshots / f"welcome-{size['width']}.png")
    # Nothing is cut off at the right: neither words nor diagrams.
    wide = panel.locator(".jp-RenderedMarkdown").evaluate_all(
        "cells => cells.filter(c => c.scrollWidth > c.clientWidth + 1).map(c => c.innerText)"
    )
    assert wide == []


def test_without_the_token_it_is_refused(
    chromium: Browser, instance: Instance, address: str
) -> None:
    base = address.split("/?")[0]
    page = chromium.new_page()
    page.goto(f"{base}/lab")
    expect(page.get_by_text("Token authentication is enabled")).to_be_visible()
    expect(page.locator("#jp-main-dock-panel")).to_have_count(0)
    page.context.close()
    with httpx.Client(base_url=base, trust_env=False, timeout=30) as client:
        assert client.get("/api/contents").status_code == 403
        assert client.get("/api/contents?token=wrong").status_code == 403
        assert client.get("/git-pages/", follow_redirects=False).status_code in (302, 403)
        assert client.get("/api", headers={"Host": "lab.example.org"}).status_code == 403


def test_another_page_cannot_write_in_the_readers_name(page: Page, address: str) -> None:
    """Requests of a browser that is signed in count only with the page's own XSRF token."""
    open_lab(page, address)
    cookies = {str(c["name"]): str(c["value"]) for c in page.context.cookies()}
    base = address.split("/?")[0]
    with httpx.Client(base_url=base, trust_env=False, cookies=cookies, timeout=30) as client:
        assert client.get("/api/contents").status_code == 200
        refused = client.post("/api/terminals")
    assert refused.status_code == 403
    assert "_xsrf" in refused.text


def test_cells_run_and_a_failed_check_says_three_lines(
    page: Page, address: str, screenshots: Path
) -> None:
    open_lab(page, address)
    panel = notebook(page)
    cells = panel.locator(".jp-CodeCell")
    run_cell(panel, cells.filter(has_text="TIMEOUT =").first)
    started = run_cell(panel, cells.filter(has_text="lab.start(").first)
    expect(started).to_contain_text("It changes")
    expect(started.locator("[data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)
    run_cell(panel, cells.filter(has_text="name = ...").first)
    failed = run_cell(panel, cells.filter(has_text='lab.check("first-cell"').first)
    lines = [line for line in failed.inner_text().splitlines() if line.strip()]
    assert [line.split(":")[0].strip() for line in lines] == ["found", "expected", "next"]
    page.screenshot(path=screenshots / "failed-check.png")


def test_the_editor_saves_a_file(
    page: Page, address: str, instance: Instance, screenshots: Path
) -> None:
    edited = instance.work / "config-repo" / "apps/production/hello.yaml"
    before = edited.read_text()
    open_lab(page, address, "config-repo/apps/production/hello.yaml")
    editor = page.locator(".jp-FileEditor .cm-content")
    expect(editor).to_contain_text("kind: Deployment")
    expect(page.get_by_text("Spaces: 2")).to_be_visible()
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("# saved by the browser test")
    page.keyboard.press("Control+s")
    expect(page.locator(".lm-TabBar-tab.jp-mod-current")).not_to_have_class(
        re.compile("jp-mod-dirty")
    )
    page.screenshot(path=screenshots / "editor.png")
    try:
        assert edited.read_text().rstrip() == f"{before.rstrip()}\n# saved by the browser test"
        # JupyterLab's checkpoint of the file is nobody's change.
        changed = run("git", "status", "--porcelain", cwd=instance.work / "config-repo")
        assert changed == " M apps/production/hello.yaml\n"
    finally:
        edited.write_text(before)


def test_the_git_panel_shows_the_repo(
    page: Page, address: str, instance: Instance, screenshots: Path
) -> None:
    edited = instance.work / "config-repo" / "apps/production/hello.yaml"
    before = edited.read_text()
    edited.write_text(before + "# changed\n")
    try:
        open_lab(page, address, "config-repo/apps/production/hello.yaml")
        page.get_by_role("tab", name="Git").click()
        panel = page.locator("#jp-git-sessions")
        expect(panel).to_contain_text("config-repo")
        expect(panel).to_contain_text("main")
        expect(panel).to_contain_text("hello.yaml")
        page.screenshot(path=screenshots / "git-panel.png")
        # The history shows the newest commits; the first one may be far below.
        expect(panel).to_contain_text(attendees(instance).commit().subject)
    finally:
        edited.write_text(before)


def test_the_git_pages_open_from_the_launcher(
    page: Page, address: str, instance: Instance, screenshots: Path
) -> None:
    open_lab(page, address)
    card = launcher_card(page, "Git pages")
    expect(card).to_be_visible()
    page.screenshot(path=screenshots / "launcher.png")
    pages = opened_by(card)
    expect(pages).to_have_url(re.compile(r":\d+/git-pages/$"))
    pages.get_by_role("link", name="config", exact=True).click()
    expect(pages.locator("body")).to_contain_text(attendees(instance).fetch().subject)
    pages.get_by_role("link", name="tree", exact=True).click()
    pages.get_by_role("link", name="clusters").click()
    expect(pages.get_by_role("link", name="hackfest")).to_be_visible()
    pages.screenshot(path=screenshots / "git-pages.png")
    # The style sheet comes through the proxy, too.
    assert pages.evaluate("document.styleSheets[0].cssRules.length") > 10


def test_the_picture_of_the_readme(page: Page, address: str, screenshots: Path) -> None:
    """LAB_PICTURE=1 puts it into the README: `make picture`."""
    open_lab(page, address)
    panel = notebook(page)
    cells = panel.locator(".jp-CodeCell")
    run_cell(panel, cells.filter(has_text="TIMEOUT =").first)
    run_cell(panel, cells.filter(has_text="lab.start(").first)
    expect(panel.locator(".jp-RenderedMermaid img").first).to_be_attached()
    panel.get_by_role("heading", name="What you have").scroll_into_view_if_needed()
    panel.locator(".jp-RenderedMermaid img").first.scroll_into_view_if_needed()
    page.screenshot(path=screenshots / "jupyterlab.png")
    into_readme(screenshots / "jupyterlab.png")
