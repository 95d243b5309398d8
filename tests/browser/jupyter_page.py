"""What a person does in JupyterLab, by what they see: open, run, type, read."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect


def open_lab(page: Page, address: str, path: str = "") -> None:
    """Open JupyterLab, at a file if one is given, and wait until it can be worked with."""
    if path:
        base, token = address.split("/?")
        address = f"{base}/lab/tree/{path}?{token}"
    page.goto(f"{address}&reset")  # the layout that an earlier test left is not wanted
    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=60_000)
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    # The file comes to the front some time after the rest: who opens another before is overtaken.
    expect(page.locator(".jp-Document:not(.lm-mod-hidden)")).to_be_visible(timeout=60_000)


def notebook(page: Page) -> Locator:
    """Return the notebook in front, once its kernel is idle."""
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(panel.locator(".jp-KernelName")).to_contain_text("Python 3", timeout=120_000)
    expect(panel.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute(
        "data-status", "idle", timeout=120_000
    )
    return panel


def start_cell(cell: Locator) -> None:
    """Run a cell, and do not wait."""
    cell.locator(".jp-InputArea-editor, .jp-RenderedMarkdown").first.click()
    cell.page.keyboard.press("Control+Enter")


def write_cell(cell: Locator, text: str) -> None:
    """Write something in the place of what stands in a cell."""
    cell.locator(".jp-InputArea-editor .cm-content").click()
    cell.page.keyboard.press("Control+a")
    cell.page.keyboard.insert_text(text)


def to_tab(page: Page, name: str) -> None:
    """Bring a notebook or a terminal to the front, by its tab's name."""
    page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=name).first.click()


def run_cell(panel: Locator, cell: Locator) -> Locator:
    """Run a cell and return its output area, once it has ended."""
    start_cell(cell)
    prompt = cell.locator(".jp-InputPrompt")
    expect(prompt).to_have_text(re.compile(r"^\[\d+\]:$"), timeout=180_000)
    return cell.locator(".jp-OutputArea")


def launcher_card(page: Page, title: str) -> Locator:
    """Open the launcher and return one of its cards."""
    page.get_by_role("button", name="New Launcher (Ctrl+Shift+L)").click()
    return page.locator(".jp-LauncherCard", has_text=title)


def opened_by(card: Locator) -> Page:
    """Click a card that leads to a part of the lab, and return the tab that it opens."""
    with card.page.context.expect_page() as opened:
        card.click()
    return opened.value


def open_terminal(page: Page) -> Locator:
    """Open a terminal from the launcher and return its text, once it shows a prompt."""
    launcher_card(page, "Terminal").click()
    terminal = page.locator(".jp-Terminal:not(.lm-mod-hidden)")
    text = terminal.locator(".xterm-accessibility-tree")
    expect(text).to_contain_text("$", timeout=60_000)
    terminal.locator(".xterm").click()
    return text


def enter(page: Page, line: str) -> None:
    """Type a line in the terminal and press Enter."""
    page.keyboard.type(line)
    page.keyboard.press("Enter")


def no_pop_up(page: Page) -> None:
    """Nothing asks, announces or advises."""
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    expect(page.locator(".Toastify__toast")).to_have_count(0)
