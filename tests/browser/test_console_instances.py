"""The instance in a browser: created, waited for, connected by the command that the page shows."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labs.gitops import instances
from labs.instance import Instance
from labs.platform import console as platform
from labs.platform import flux, kubernetes
from labs.platform.environment import environment
from labs.run import run
from labs.wait import NotYet
from tests.browser.console_page import looks_well
from tests.cluster.automation import until
from tests.cluster.connected import connect

pytestmark = pytest.mark.usefixtures("connected")

WAIT = 120_000


@pytest.fixture
def unnamed(instance: Instance, console: Page) -> str:
    """A lab whose agents somebody has taken away, and which has lost its name; return the name."""
    name = instances.state(instance).name
    run(
        *("kubectl", "delete", "deployment", *flux.COMPONENTS, "--namespace", flux.NAMESPACE),
        env=environment(instance),
        timeout=60,
    )
    (instance.root / "instance.json").unlink()
    return name


@pytest.mark.long
def test_it_turns_from_waiting_to_connected_by_the_command_of_the_page(
    console: Page, instance: Instance, unnamed: str
) -> None:
    console.goto("/instances")
    until(lambda: _absent(instance), "no agent")
    expect(console.get_by_role("heading", name="Create an instance")).to_be_visible()
    console.get_by_role("textbox", name="Name").fill("alps")
    console.locator("#for-name").click()
    expect(console.locator("#create-command code")).to_have_text("lab instance create alps")
    expect(console.locator("#create-with-git")).to_contain_text("clusters/alps/flux-system")
    looks_well(console, "instances-none")
    console.get_by_role("textbox", name="Name").fill(unnamed)
    console.get_by_role("button", name="Create the instance").click()
    badge = console.locator("#instance .state")
    expect(badge).to_contain_text("waiting for agents", timeout=WAIT)
    looks_well(console, "instances-waiting")
    command = console.locator("#install-command code").text_content() or ""
    assert command.startswith("flux install")
    console.evaluate("window.mark = 1")
    run("bash", "-euc", command, env=environment(instance), cwd=instance.work, timeout=180)
    expect(badge).to_contain_text("connected", timeout=WAIT)
    assert console.evaluate("window.mark") == 1, "it turned by itself"
    expect(console.locator("#install-command")).to_have_count(0)
    told = instances.state(instance)
    for line in told.lines[:2]:
        expect(console.locator("#instance")).to_contain_text(line)
    looks_well(console, "instances-connected")
    connect(instance)


def test_a_name_that_cannot_be_one_is_refused_in_words(
    console: Page, instance: Instance, unnamed: str
) -> None:
    console.goto("/instances")
    field = console.get_by_role("textbox", name="Name")
    field.fill("No Name")
    field.evaluate("field => field.removeAttribute('pattern')")
    console.get_by_role("button", name="Create the instance").click()
    expect(console.get_by_role("alert").first).to_contain_text("lower-case letters")
    instances.create(instance, unnamed)
    command = instances.command_by_address(instance)
    run("bash", "-euc", command, env=environment(instance), cwd=instance.work, timeout=180)
    connect(instance)
    assert platform.running(instance)


def _absent(instance: Instance) -> None:
    there = [
        name for name, state in flux.agents(kubernetes.api(instance)).items() if state != "absent"
    ]
    if there:
        raise NotYet(f"{there} are there")
