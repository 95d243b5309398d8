"""Dashboards and a line of PromQL in a browser, on a lab that is watched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from labs.gitops.monitoring import NAMESPACE, files
from labs.gitops.monitoring.dashboards import DASHBOARDS, read
from labs.instance import Instance
from labs.platform import flux
from labs.platform.environment import environment
from labs.run import run
from labs.wait import NotYet
from tests.browser.console_page import axe, looks_well
from tests.browser.jupyter_page import launcher_card, open_lab, opened_by
from tests.cluster.automation import until
from tests.cluster.monitored import brought_in, value

pytestmark = pytest.mark.usefixtures("connected")

WAIT = 60_000


@pytest.fixture(scope="module")
def watched(instance: Instance) -> Iterator[None]:
    with brought_in(instance):
        until(lambda: value(instance, 'count(up{job="apps"})'), "a first look at the app")
        yield


DRAWN = "all => all.every(one => one.complete && one.naturalWidth > 100)"


def all_drawn(pictures: Locator) -> None:
    if not pictures.evaluate_all(DRAWN):
        raise NotYet("some are not there yet")


def test_a_dashboard_is_drawn_as_its_file_says(
    watched: None, console: Page, instance: Instance
) -> None:
    console.goto("/metrics?board=app&minutes=5")
    board = read("app", files()[f"{DASHBOARDS}/app.json"])
    for number, panel in enumerate(board.panels):
        expect(console.locator(f"#panel-{number} h3")).to_have_text(panel.title)
    drawn = console.locator("#panels img")
    expect(drawn.first).to_be_visible(timeout=WAIT)
    # Pictures are drawn one after the other: they come a while after their page.
    until(lambda: all_drawn(drawn), "the pictures")
    pods = value(instance, 'sum(up{job="apps"})')
    number = [one.title for one in board.panels].index("Pods that answer")
    expect(console.locator(f"#panel-{number} .stats")).to_contain_text(f"{pods:g}")
    looks_well(console, "metrics")


def test_it_refreshes_by_itself(watched: None, console: Page) -> None:
    console.goto("/metrics?board=app&minutes=5")
    first = console.locator("#panels img").first
    before = first.get_attribute("src")
    assert before is not None
    expect(first).not_to_have_attribute("src", before, timeout=WAIT)


def test_a_query_is_drawn_and_its_mistake_is_marked(watched: None, console: Page) -> None:
    console.goto("/metrics")
    console.get_by_role("textbox", name="Query").fill('up{job="apps"}')
    console.get_by_role("combobox", name="Over").select_option("5m")
    console.get_by_role("button", name="Ask").click()
    expect(console).to_have_url(re.compile(r"query=up.*range=5m"))
    expect(console.locator("#answer img")).to_be_visible()
    expect(console.locator("#answer tbody tr").first).to_contain_text("1")
    looks_well(console, "metrics-query")
    console.get_by_role("textbox", name="Query").fill("sum(up))")
    console.get_by_role("button", name="Ask").click()
    said = console.locator("#answer .trouble pre")
    expect(said).to_contain_text("sum(up))")
    lines = (said.text_content() or "").splitlines()
    # Prometheus tells the place behind what it did not expect.
    assert lines[-1].index("^") == lines[-2].rindex(")") + 1
    assert axe(console) == []
    console.get_by_role("textbox", name="Query").fill("up == 5")
    console.get_by_role("combobox", name="Over").select_option("")
    console.get_by_role("button", name="Ask").click()
    expect(console.locator("#answer")).to_contain_text("nothing matches it now")


@pytest.mark.long
def test_prometheus_away_is_said_and_heals(
    watched: None, console: Page, instance: Instance
) -> None:
    console.goto("/metrics?board=app")
    scale = ("kubectl", "scale", "deployment/prometheus", "--namespace", NAMESPACE)
    with flux.left_alone(instance, "monitoring"):
        run(*scale, "--replicas=0", env=environment(instance), timeout=60)
        expect(console.locator("#board-trouble .trouble")).to_be_visible(timeout=WAIT)
    expect(console.locator("#board-trouble .trouble")).to_have_count(0, timeout=120_000)
    expect(console.locator("#panels img").first).to_be_visible(timeout=120_000)


@pytest.mark.long
def test_prometheus_own_pages_open_from_jupyterlab(
    watched: None, page: Page, address: str, screenshots: Path
) -> None:
    open_lab(page, address)
    pages = opened_by(launcher_card(page, "Prometheus"))
    expect(pages).to_have_url(re.compile(r":\d+/prometheus/query"))
    pages.get_by_role("textbox").first.fill('up{job="apps"}')
    pages.get_by_role("button", name="Execute").click()
    expect(pages.locator("main")).to_contain_text('namespace="production"')
    pages.screenshot(path=screenshots / "prometheus-in-jupyterlab.png")
    pages.goto(pages.url.partition("/query")[0] + "/targets")
    expect(pages.locator("main")).to_contain_text("apps")
