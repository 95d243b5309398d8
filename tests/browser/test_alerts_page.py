"""The page that alerts are told to, in a real browser: readable anywhere, alive, by keyboard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from labs.platform.alertmanager import Client
from labs.receiver import web
from labs.receiver.board import Board
from labs.receiver.web import Site
from tests.unit.alertmanager_server import Served, fires, serving
from tests.unit.test_receiver import notification

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LONG = "Deployment-hello-in-an-environment-with-a-name-that-is-longer-than-a-telephone-is-wide"


class Lab:
    """The page's program, and an Alertmanager in which a test has fire what it likes."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.site = Site(Board(), Client(served.url), threading.Event())
        self.server = web.serve(0, self.site)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def fire(self, *names: str) -> None:
        self.served.alerts[:] = [fires(name, app="hello") for name in names]
        self.site.look()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(tmp_path) as served:
        running = Lab(served)
        yield running
        running.server.shutdown()
        running.server.server_close()


def opened(
    chromium: Browser, lab: Lab, width: int = 1280, scheme: Literal["light", "dark"] = "light"
) -> Page:
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(lab.url)
    return page


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen(
    chromium: Browser, lab: Lab, width: int, scheme: Literal["light", "dark"], screenshots: Path
) -> None:
    lab.site.board.tell(notification("resolved", fires("AppAway")))
    lab.fire("ErrorBudgetBurn", "NotAsGitSays", "KustomizationSuspended", LONG)
    client = lab.site.alertmanager
    client.silence({"alertname": "NotAsGitSays"}, 600, "attendee", "the talk")
    lab.site.look()
    page = opened(chromium, lab, width, scheme)
    page.locator("summary").first.click()
    expect(page.get_by_role("status")).to_contain_text("3 firing · 1 silenced")
    expect(page.locator("#ended")).to_contain_text("AppAway")
    page.screenshot(path=screenshots / f"alerts-{width}-{scheme}.png", full_page=True)
    assert page.evaluate(OVERFLOW) == 0
    page.context.close()


def test_it_silences_and_ends_a_silence_without_a_mouse(chromium: Browser, lab: Lab) -> None:
    lab.fire("AppSlow")
    page = opened(chromium, lab)
    page.keyboard.press("Tab")  # the copy button of the alert's command
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for words in ("", "the talk"):
        page.keyboard.press("Tab")
        page.keyboard.type(words)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="the talk")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("✓ Nothing fires · 1 silenced")
    expect(page.locator("article:target")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("▲ 1 firing")
    page.context.close()


def test_what_changes_takes_neither_the_focus_nor_what_is_typed(
    chromium: Browser, lab: Lab
) -> None:
    lab.fire("AppSlow")
    page = opened(chromium, lab)
    page.locator("summary").click()
    why = page.locator("article").filter(has_text="AppSlow").get_by_label("Why")
    why.fill("half a sen")
    lab.fire("AppSlow", "Another")
    expect(page.get_by_role("heading", name="Another")).to_be_visible()
    expect(page).to_have_title("(2) Alerts")
    expect(why).to_be_focused()
    # The very alert that is typed about changes, too.
    lab.site.board.tell(notification("firing", lab.served.alerts[0]))
    expect(page.locator("#firing")).to_contain_text("told")
    expect(why).to_be_focused()
    page.keyboard.type("tence")
    expect(why).to_have_value("half a sentence")
    lab.fire()
    expect(page.get_by_role("status")).to_have_text("✓ Nothing fires")
    page.context.close()


def test_a_page_whose_server_is_gone_says_so(chromium: Browser, lab: Lab) -> None:
    lab.fire("AppSlow")
    page = opened(chromium, lab)
    expect(page.locator("#silent")).to_be_hidden()
    page.route("**/*", lambda route: route.abort())
    expect(page.locator("#silent")).to_be_visible()
    page.unroute_all()
    expect(page.locator("#silent")).to_be_hidden()
    page.context.close()
