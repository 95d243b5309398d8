"""The console as the README shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console_lab import PATH
from tests.browser.readme_pictures import into_readme

pytestmark = pytest.mark.usefixtures("connected")
WAIT = 60_000


def test_the_console_of_the_readme(console: Page, screenshots: Path) -> None:
    """LAB_PICTURE=1 puts the pictures into the README: `make picture`."""
    console.emulate_media(color_scheme="light")
    expect(console.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    console.screenshot(path=screenshots / "console-overview.png")
    into_readme(screenshots / "console-overview.png")
    console.goto(PATH)
    expect(console.get_by_role("heading", level=1)).to_contain_text("hello")
    console.screenshot(path=screenshots / "console-workload.png")
    into_readme(screenshots / "console-workload.png")
