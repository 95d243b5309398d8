"""The console by keyboard alone: every control is reached, each stop is seen, a lock is made so."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from labs.instance import Instance
from tests.browser.console_lab import PATH, PLACE, at, committed, live, made, said

STOPS = 500
"""More than any page has."""
STOP = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const ring = getComputedStyle(one);
  return {
    name: NAME(one),
    seen: ring.outlineStyle !== "none" && parseFloat(ring.outlineWidth) >= 2,
  };
}"""
CONTROLS = """() => [...document.querySelectorAll(
  "a[href], button:enabled, input:enabled:not([type=hidden]), select, textarea, summary"
)].filter(one => one.checkVisibility()).map(NAME)"""
NAME = """(one => `${one.localName} ${one.id || one.getAttribute("href") || one.name ||
  one.textContent.trim().slice(0, 40)}`)"""
"""What a control is called here: a page that is updated in place may have made it anew."""
PAGES = (
    *("", "instances", "workloads", PATH.lstrip("/"), "history", "ci", "metrics", "alerts"),
    "progress",
)


def stop(page: Page) -> str:
    """Press Tab; return what has the focus now, '' at the page's end. It must be seen there."""
    page.keyboard.press("Tab")
    found = page.evaluate(STOP.replace("NAME", NAME))
    if found is None:
        return ""
    assert found["seen"], f"nothing shows that the focus is at: {found['name']}"
    return str(found["name"])


def reach(page: Page, wanted: Locator) -> None:
    """Press Tab until a control has the focus."""
    for _ in range(STOPS):
        stop(page)
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{STOPS} times Tab, and never at {wanted}")


@pytest.mark.parametrize(
    "path", [PAGES[0], *(pytest.param(one, marks=pytest.mark.long) for one in PAGES[1:])]
)
def test_every_control_of_a_page_is_reached_and_none_holds_the_focus(
    console: Page, versions: tuple[str, str], path: str
) -> None:
    at(console, path)
    expect(console.locator("main")).to_be_visible()
    reached: list[str] = []
    while (name := stop(console)) and len(reached) < STOPS:
        reached.append(name)
    assert name == "", f"the focus does not leave the page; at last: {reached[-3:]}"
    assert reached[0] == "a #main", "the first stop skips what is the same on all pages"
    controls = console.evaluate(CONTROLS.replace("NAME", NAME))
    assert len(controls) > 10
    assert set(controls) - set(reached) == set()


def test_the_first_stop_leads_past_the_navigation(console: Page) -> None:
    at(console, "workloads")
    assert stop(console) == "a #main"
    console.keyboard.press("Enter")
    expect(console.locator("main")).to_be_focused()
    inside = "document.activeElement.closest('main') !== null"
    stop(console)
    assert console.evaluate(inside), "the next stop is in the page, not in the navigation"


@pytest.mark.long
def test_a_workload_is_locked_and_unlocked(
    console: Page, instance: Instance, versions: tuple[str, str], unlocked: None
) -> None:
    reach(console, console.get_by_role("navigation").get_by_role("link", name="Workloads"))
    console.keyboard.press("Enter")
    expect(console).to_have_title(re.compile("^Workloads"))
    reach(console, console.locator(f'main a[href$="{PATH}"]').first)
    console.keyboard.press("Enter")
    expect(console.locator("#do-lock")).to_be_visible()
    for verb, locked in (("lock", True), ("unlock", False)):
        reach(console, console.locator(f"#do-{verb}"))
        console.keyboard.press("Enter")
        reason = console.get_by_role("textbox", name="Reason")
        expect(reason).to_be_visible()
        reach(console, reason)
        console.keyboard.type(f"{verb} by keyboard")
        console.keyboard.press("Enter")
        expect(console.locator("#do .diff")).to_be_visible()
        reach(console, console.locator("#commit"))
        console.keyboard.press("Enter")
        committed(instance, made(console), verb, f"{verb} by keyboard")
        assert said(instance).workload.locked is locked, PLACE
        live(console)
