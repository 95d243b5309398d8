"""The console from JupyterLab's launcher: behind its proxy, live, and with forms that work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from labs.gitops.config_repo import attendees
from labs.instance import Instance
from tests.browser.console_page import holds
from tests.browser.jupyter_page import launcher_card, open_lab, opened_by
from tests.browser.test_console_overview import greet

pytestmark = pytest.mark.usefixtures("connected")
WAIT = 60_000


def test_the_console_works_behind_jupyterlabs_proxy(
    page: Page, address: str, instance: Instance, screenshots: Path
) -> None:
    open_lab(page, address)
    console = opened_by(launcher_card(page, "Console"))
    expect(console).to_have_url(re.compile(r":\d+/console/$"))
    expect(console.locator("#box-git")).to_contain_text(attendees(instance).fetch().short)
    holds(console, "document.styleSheets[0]?.cssRules.length > 50", "the style sheet")

    words = f"Seen through the proxy, after {attendees(instance).fetch().short}"
    commit = greet(instance, words)
    expect(console.locator("#box-git")).to_contain_text(commit[:7], timeout=WAIT)
    expect(console.locator("#silent")).to_be_hidden()

    console.get_by_role("button", name="Sync now").click()
    expect(console).to_have_url(re.compile(r":\d+/console/"))
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    console.get_by_role("link", name="History").click()
    expect(console).to_have_url(re.compile(r":\d+/console/history$"))
    expect(console.locator("main")).to_contain_text(words)
    console.screenshot(path=screenshots / "console-in-jupyterlab.png")
