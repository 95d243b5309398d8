"""The sample app's page in a real browser: readable on any screen, and alive."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from labs.instance import PROJECT

GREETING = "Grüß Gott from the Wörthersee"
NEXT_VERSION = 'VERSION = "10.20.30-rc.1"\nWORDS = "Next."\nSHAPE = "triangle"\nCOLOUR = "teal"\n'
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
VERSION_FITS = """() => {
    const words = document.querySelector(".version strong"), range = document.createRange();
    range.selectNodeContents(words);
    return range.getBoundingClientRect().width < document.querySelector(".version").clientWidth;
}"""


class App:
    """The app in a process of its own, from a copy of its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(shutil.copytree(PROJECT / "sample-app", folder))
        self.port = "0"
        self.start()

    def start(self) -> None:
        environment = {"PORT": self.port, "GREETING": GREETING, "COLOUR": "blue"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hello"],
            cwd=self.folder,
            env={**os.environ, **environment, "DRAIN_SECONDS": "0"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        # A start that hangs ends here instead of holding up the suite.
        late = threading.Timer(30, self.process.kill)
        late.start()
        said = next((line for line in self.process.stdout if "port" in line), "")
        late.cancel()
        found = re.search(r"port (\d+)", said)
        assert found is not None, "the app ended before it listened"
        self.port = found[1]

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    running = App(tmp_path / "app")
    yield running
    running.stop()


def opened(
    chromium: Browser, app: App, width: int = 1280, scheme: Literal["light", "dark"] = "light"
) -> Page:
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(app.address)
    return page


@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen(
    chromium: Browser, app: App, width: int, scheme: Literal["light", "dark"], screenshots: Path
) -> None:
    page = opened(chromium, app, width, scheme)
    expect(page.get_by_role("heading", name=GREETING)).to_be_visible()
    expect(page.locator("#answers li")).to_have_count(2)
    page.screenshot(path=screenshots / f"app-{width}-{scheme}.png")
    assert page.evaluate(OVERFLOW) == 0
    page.context.close()


def test_a_new_version_shows_itself_to_a_page_that_is_open(
    chromium: Browser, app: App, screenshots: Path
) -> None:
    page = opened(chromium, app)
    expect(page.locator("#answers li")).to_have_count(1)
    app.stop()
    expect(page.locator("#answers .failed").first).to_be_visible()
    (app.folder / "hello/version.py").write_text(NEXT_VERSION)
    app.start()
    expect(page.locator(".version strong")).to_have_text("10.20.30-rc.1")
    expect(page.locator(".version use")).to_have_attribute("href", "#triangle")
    assert page.evaluate(VERSION_FITS)
    # Once only the new version answers, its own page is taken; what was seen is remembered.
    expect(page.locator("html")).to_have_attribute("data-version", "10.20.30-rc.1")
    expect(page.locator("#answers .failed").first).to_be_visible()
    expect(page.locator("#tally")).to_contain_text("failed")
    page.screenshot(path=screenshots / "app-next-version.png")
    page.context.close()
