"""How a page stays as the console has it: its stream, hidden pages, a console that went away."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Request, Route, expect

from labs.catalogue import LABS
from labs.gitops.config_repo import attendees
from labs.instance import Instance
from labs.platform import console as server
from labs.platform import flux
from labs.progress import Progress
from tests.browser.console_lab import at
from tests.browser.console_page import Visitor, holds
from tests.browser.test_console_overview import greet

pytestmark = pytest.mark.usefixtures("connected")
WAIT = 60_000
AWAY = (re.compile(r"net::ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)"),)
"""A browser says so of a console that is away."""
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def newest(instance: Instance) -> str:
    return attendees(instance).fetch().short


def is_stream(request: Request) -> bool:
    return "/stream?" in request.url


def is_look(request: Request) -> bool:
    return request.resource_type == "fetch"


def test_a_hidden_page_holds_no_stream_and_catches_up(visitor: Visitor, instance: Instance) -> None:
    page = visitor()
    with page.expect_request(is_stream):
        page.reload()
    with page.expect_event("requestfailed", is_stream):
        page.evaluate(HIDE, True)
    commit = greet(instance, f"Nobody looks, after {newest(instance)}")
    with page.expect_request(is_stream):
        page.evaluate(HIDE, False)
    expect(page.locator("#box-git")).to_contain_text(commit[:7], timeout=WAIT)


def test_a_console_that_went_away_is_told_and_heals(visitor: Visitor, instance: Instance) -> None:
    page = visitor(harmless=AWAY)
    expect(page.locator("#silent")).to_be_hidden()
    server.stop(instance)
    expect(page.locator("#silent")).to_be_visible()
    expect(page.locator("#box-git")).to_be_visible()
    server.ensure(instance)
    expect(page.locator("#silent")).to_be_hidden(timeout=WAIT)
    commit = greet(instance, f"It is back, after {newest(instance)}")
    expect(page.locator("#box-git")).to_contain_text(commit[:7], timeout=WAIT)


def test_a_page_looks_when_it_is_shown_although_it_is_told_of_no_change(console: Page) -> None:
    """What it shows may have ended to be looked at while it was hidden."""
    with console.expect_request(is_stream):
        at(console, "/progress")
    with console.expect_event("requestfailed", is_stream):
        console.evaluate(HIDE, True)
    with console.expect_request(is_look):
        console.evaluate(HIDE, False)


LIVE = '<div id="standing" data-live>'
FIELD = f'{LIVE}<label for="words">Words</label><input id="words">'


def with_a_field(route: Route) -> None:
    """Serve a page as the console does, and with a field in the part that is replaced."""
    answer = route.fetch()
    body = answer.text()
    assert LIVE in body
    route.fulfill(response=answer, body=body.replace(LIVE, FIELD))


def test_focus_words_and_what_is_open_survive_a_live_update(
    console: Page, instance: Instance
) -> None:
    console.route(re.compile("/progress$"), with_a_field)
    at(console, "/progress")
    lab = LABS[-1]
    steps = console.locator(f"#lab-{lab.name}")
    steps.evaluate("details => { details.open = true; }")
    link = steps.get_by_role("link", name=f"Open {lab.notebook}")
    expect(link).to_be_visible()
    words = console.get_by_label("Words")
    words.click()
    console.keyboard.type("unne")

    def update() -> None:
        """Have the part replaced: a check of a lab's step that did not pass."""
        console.evaluate("document.getElementById('standing').firstChild.mark = 1")
        Progress(instance).tried(LABS[-1].steps[0].id, passed=False)
        holds(console, "!document.getElementById('standing').firstChild.mark", "another part")

    console.keyboard.press("ArrowLeft")
    update()
    expect(words).to_be_focused()
    console.keyboard.type("ss")
    expect(words).to_have_value("unnsse")
    expect(link).to_be_visible()
    link.focus()
    update()
    expect(link).to_be_focused()
    expect(words).to_have_value("unnsse")


def test_after_back_a_button_can_be_pressed_again(console: Page) -> None:
    """A browser keeps the page that was left, with the button as it was."""
    button = console.get_by_role("button", name="Sync now")
    console.evaluate("addEventListener('submit', (event) => event.preventDefault())")
    button.click()
    expect(button).to_be_disabled()
    console.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(button).to_be_enabled()


def test_what_changes_is_said_aloud(visitor: Visitor, instance: Instance) -> None:
    overview, way = visitor(), visitor()
    expect(overview.locator("#verdict-words")).to_contain_text("In sync", timeout=WAIT)
    said = overview.get_by_role("status")
    with flux.left_alone(instance, "apps"):  # so that nothing is over before it is looked at
        expect(said).to_contain_text("Held back", timeout=WAIT)
        commit = greet(instance, f"Said aloud, after {newest(instance)}")
        expect(overview.locator("#box-git")).to_contain_text(commit[:7], timeout=WAIT)
        at(way, f"/commits/{commit}")
    expect(way.get_by_role("status")).to_have_text(f"{commit[:7]} is live", timeout=WAIT)
    expect(said).to_contain_text("In sync", timeout=WAIT)
