"""A real Chromium on the shared lab. A page that complains, or asks the network, fails its test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from labs.instance import Instance
from labs.platform import jupyter, jupyter_config
from tests.browser.complaints import listen
from tests.browser.console_lab import unlocked, versions
from tests.browser.console_page import connected, console, console_address, visitor

__all__ = ["connected", "console", "console_address", "unlocked", "versions", "visitor"]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
LAPTOP = ViewportSize(width=1280, height=800)
PROJECTOR = ViewportSize(width=1024, height=768)


@pytest.fixture(scope="session")
def screenshots(output: Path) -> Path:
    folder = output / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium or Chrome (LAB_BROWSER names another), else Playwright's."""
    found = os.environ.get("LAB_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(instance: Instance) -> str:
    """JupyterLab's address. Its terminal is told to write its text where a test can read it."""
    url = jupyter.ensure(instance)
    _settings(instance, "@jupyterlab/terminal-extension:plugin", '{"screenReaderMode": true}')
    return url


@pytest.fixture
def page(chromium: Browser, address: str, instance: Instance) -> Iterator[Page]:
    """A page of a browser that nobody has used, which must end without a complaint."""
    context = chromium.new_context(viewport=LAPTOP)
    page = context.new_page()
    complaints = listen(page)
    yield page
    context.close()
    _end_all(instance)
    assert not complaints, "\n".join(complaints)


def _settings(instance: Instance, plugin: str, raw: str) -> None:
    with _api(instance) as api:
        api.put(f"/lab/api/settings/{plugin}", json={"raw": raw}).raise_for_status()


def _end_all(instance: Instance) -> None:
    """End the terminals and kernels that a test opened."""
    with _api(instance) as api:
        for terminal in api.get("/api/terminals").raise_for_status().json():
            api.delete(f"/api/terminals/{terminal['name']}").raise_for_status()
        for session in api.get("/api/sessions").raise_for_status().json():
            api.delete(f"/api/sessions/{session['id']}").raise_for_status()


def _api(instance: Instance) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{instance.port('jupyter')}",
        headers={"Authorization": f"token {jupyter_config.token(instance)}"},
        trust_env=False,
        timeout=30,
    )
