"""Alerts in a browser: one fires, leads to its divergence, is silenced, and ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from labs.instance import Instance
from labs.platform import alertmanager, flux
from labs.platform.environment import environment
from labs.platform.loopback import fetch
from labs.run import run
from labs.wait import NotYet, wait_for
from tests.browser.console_page import looks_well
from tests.cluster.monitored import brought_in

pytestmark = pytest.mark.usefixtures("connected")

WAIT = 120_000
NAME = "KustomizationSuspended"


@pytest.fixture(scope="module")
def watched(instance: Instance) -> Iterator[None]:
    with brought_in(instance):
        yield


@pytest.fixture
def suspended(watched: None, instance: Instance) -> Iterator[None]:
    """A Kustomization that somebody told Flux to leave alone."""
    words = ("kustomization", "apps")
    run("flux", "suspend", *words, env=environment(instance), timeout=60)
    yield
    run("flux", "resume", *words, env=environment(instance), timeout=120)
    for one in alertmanager.silences(instance):
        alertmanager.unsilence(instance, one.id)


def told_of(instance: Instance) -> None:
    """Raise NotYet until the alerts' page has heard of it: only then does it hear of its end."""
    url = f"http://127.0.0.1:{instance.port('alerts')}/api/notifications"
    told = json.loads(fetch(url, timeout=5).body)["notifications"]
    if not any(one["status"] == "firing" and one["group"]["alertname"] == NAME for one in told):
        raise NotYet(f"{len(told)} other notifications")


def test_an_alert_fires_is_silenced_and_ends(
    suspended: None, console: Page, instance: Instance
) -> None:
    console.goto("/alerts")
    group = console.get_by_role("article", name=f"{NAME}, firing")
    expect(group).to_contain_text("apps is suspended", timeout=WAIT)
    told = next(one for one in alertmanager.alerts(instance) if one.name == NAME)
    expect(group).to_contain_text(told.summary)
    expect(group.locator(".command code").first).to_have_text(told.command)
    group.get_by_role("link", name="see the Kustomization apps").click()
    expect(console.locator("#kustomization-apps")).to_contain_text("suspended")
    console.go_back()
    group.locator("summary").click()
    looks_well(console, "alerts")
    console.get_by_role("textbox", name="Why").fill("the console's test")
    console.get_by_role("button", name="Silence it").click()
    silence = console.get_by_role("article", name="A silence: the console's test")
    expect(silence).to_be_visible(timeout=WAIT)
    expect(console.get_by_role("article", name=f"{NAME}, silenced")).to_be_visible(timeout=WAIT)
    [made] = alertmanager.silences(instance)
    assert (made.by, made.reason) == ("attendee", "the console's test")
    looks_well(console, "alerts-silenced")
    silence.get_by_role("button", name="End this silence").click()
    expect(silence).to_have_count(0, timeout=WAIT)
    expect(group).to_be_visible(timeout=WAIT)
    wait_for(partial(told_of, instance), what=f"{NAME} to be told of", timeout=WAIT / 1000)
    run("flux", "resume", "kustomization", "apps", env=environment(instance), timeout=120)
    expect(group).to_have_count(0, timeout=WAIT)
    expect(console.locator("#ended")).to_contain_text(NAME, timeout=WAIT)


@pytest.mark.long
def test_alertmanager_away_is_said_and_heals(
    watched: None, console: Page, instance: Instance
) -> None:
    console.goto("/alerts")
    expect(console.locator("#trouble .trouble")).to_have_count(0, timeout=WAIT)
    scale = ("kubectl", "scale", "deployment/alertmanager", "--namespace", "monitoring")
    with flux.left_alone(instance, "monitoring"):
        run(*scale, "--replicas=0", env=environment(instance), timeout=60)
        expect(console.locator("#trouble .trouble")).to_be_visible(timeout=WAIT)
        expect(console.locator("#none-firing")).to_have_text("Not known.")
    expect(console.locator("#trouble .trouble")).to_have_count(0, timeout=WAIT)
