"""What a page says of what is gone or away, and that it becomes true again by itself."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from labs.gitops import app_versions, ci
from labs.instance import Instance
from labs.platform import console as server
from labs.platform import kubernetes
from tests.browser.console_lab import PATH, at, kubectl
from tests.browser.console_page import Visitor
from tests.browser.test_console_overview import away
from tests.cluster.automation import until

pytestmark = pytest.mark.usefixtures("connected")
WAIT = 60_000
LONG = 120_000
"""As long as a connection may be dead before it is noticed, and a node needs to be well again."""


def open_pod(page: Page) -> str:
    """Open the page of one of the workload's pods; return its name."""
    at(page, PATH)
    page.locator("#pods a").first.click()
    expect(page.locator("#pod")).to_contain_text("Ready", timeout=WAIT)
    return page.get_by_role("heading", level=1).inner_text()


def test_a_pod_that_is_deleted_is_told_as_gone(console: Page, instance: Instance) -> None:
    name = open_pod(console)
    kubectl("delete", "pod", name, "--namespace=production", "--wait=false")
    expect(console.locator("#error")).to_contain_text("it may have ended", timeout=WAIT)
    expect(console.locator("#error")).to_contain_text(name)
    expect(console.locator("#pod")).to_have_count(0)
    until(lambda: kubernetes.api(instance).pods_ready("production"), "another pod to be ready")


@pytest.mark.long
def test_a_cluster_that_is_away_is_told_on_a_pods_page(
    console: Page, visitor: Visitor, instance: Instance
) -> None:
    name = open_pod(console)
    log = console.locator("#log")
    seen = log.inner_text().strip().splitlines()[-1]
    with away(f"{instance.name}-control-plane", "pause"):
        trouble = console.locator("#pod .trouble")
        expect(trouble).to_be_visible(timeout=LONG)
        expect(console.locator("#pod")).not_to_contain_text("Ready")
        expect(log).to_contain_text(seen)
        late = visitor()
        at(late, f"{PATH}/pods/{name}")
        expect(late.locator("#pod .trouble")).to_be_visible()
    for page in (console, late):
        expect(page.locator("#pod .trouble")).to_have_count(0, timeout=LONG)
        expect(page.locator("#pod")).to_contain_text("Ready", timeout=LONG)
    until(lambda: kubernetes.api(instance).pods_ready("production"), "the pods to be ready")


@pytest.fixture
def unread(instance: Instance, console_address: str) -> int:
    """A run of CI at which the console has not looked: it knows nothing that it could show."""
    if not ci.runs(instance, 1):
        app_versions.ensure_image(instance, app_versions.coming(instance))
    server.stop(instance)
    server.ensure(instance)
    return ci.runs(instance, 1)[0].number


def test_a_page_that_was_first_opened_in_an_outage_becomes_what_was_asked_for(
    unread: int, visitor: Visitor, instance: Instance
) -> None:
    page = visitor()
    with away(instance.container("ci"), "stop"):
        page.goto(f"ci/{unread}")
        expect(page.locator("#error")).to_be_visible()
    expect(page.locator("#run")).to_be_visible(timeout=WAIT)
    expect(page).to_have_title(re.compile(str(unread)))
    expect(page.locator("#error")).to_have_count(0)


def test_what_was_typed_comes_back_with_the_page(console: Page) -> None:
    """Its address leads to an error for a while, as it does while a part is away."""
    at(console, f"{PATH}?do=lock")
    reason = console.get_by_role("textbox", name="Reason")
    reason.fill("until the talk is over")
    own, elsewhere = re.compile("do=lock"), console.url.replace("hello?do=lock", "hallo")
    assert elsewhere != console.url
    console.route(own, lambda route: route.continue_(url=elsewhere))
    look = "document.dispatchEvent(new Event('visibilitychange'))"
    console.evaluate(look)
    expect(console.locator("#error")).to_contain_text("the nearest is 'hello'")
    expect(reason).to_have_count(0)
    console.unroute(own)
    console.evaluate(look)
    expect(reason).to_have_value("until the talk is over")
    expect(reason).to_be_focused()
