"""A workload's dialogues: each looks well, and those of the automation do what they say."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labs.gitops.config_repo import attendees
from labs.instance import Instance
from tests.browser.console_lab import (
    PATH,
    PLACE,
    at,
    automated,
    committed,
    differs,
    kubectl,
    lab,
    lines,
    live,
    press,
    said,
    shown_diff,
)
from tests.browser.console_page import looks_well
from tests.cluster.automation import until

pytestmark = pytest.mark.long

POLICY = (
    *("get", "imagepolicy", PLACE.name, "--namespace=flux-system", "--output"),
    "jsonpath={.spec.policy.semver.range}",
)
BOT = (
    *("get", "imageupdateautomation", PLACE.name, "--namespace=flux-system", "--output"),
    "jsonpath={.spec.suspend}",
)


def test_automation_is_resumed_bound_and_suspended(
    console: Page, instance: Instance, versions: tuple[str, str], unlocked: None
) -> None:
    newest = max(versions)
    with automated(instance):
        for name, path in {
            "policy": f"{PATH}?do=policy&range=%3E%3D{newest}",
            "automate": f"{PATH}?do=automate",
        }.items():
            at(console, path)
            expect(console.locator("#do .diff")).to_be_visible()
            looks_well(console, name)
        at(console, PATH)
        console.locator("#do-policy").click()
        console.get_by_label("Range").fill(f">={newest}")
        console.locator("#show").click()
        expect(console.locator("#do .remark")).to_contain_text(f"chooses {newest}")
        console.get_by_role("textbox", name="Reason").fill("the newest alone")
        committed(instance, press(console), "policy", "the newest alone")
        expect(console.locator("#now")).to_contain_text(f">={newest}")
        assert said(instance).automation.range == f">={newest}"
        live(console)
        until(lambda: differs(kubectl(*POLICY), f">={newest}"), "the policy to have its range")
        console.locator("#do-automate").click()
        console.get_by_role("textbox", name="Reason").fill("the talk is over")
        committed(instance, press(console), "automate", "the talk is over")
        expect(console.locator("#now")).to_contain_text("at work")
        live(console)
        # Not before the bot's commit: it would move the workload under the next dialogue.
        until(lambda: differs(str(said(instance).workload.version), newest), "the bot's commit")
        made = attendees(instance).fetch().short
        expect(console.locator("#lately")).to_contain_text(made, timeout=120_000)
        console.locator("#do-deautomate").click()
        expect(console.locator("#commit")).to_have_count(0)
        console.get_by_role("textbox", name="Reason").fill("until the next talk")
        console.locator("#show").click()
        expect(console.locator("#command-lab code")).to_have_text(
            "lab deautomate hello --env production --reason 'until the next talk'"
        )
        by_command = lab(
            *("deautomate", "hello", "--env", "production", "--dry-run"),
            *("--reason", "until the next talk"),
        )
        assert lines(shown_diff(console)) == lines(by_command)
        committed(instance, press(console), "deautomate", "until the next talk")
        expect(console.locator("#now")).to_contain_text("rests")
        assert said(instance).automation.suspended
        live(console)
        until(lambda: differs(kubectl(*BOT), "true"), "the bot to rest")


def test_the_pages_are_accessible_and_fit(
    console: Page, instance: Instance, versions: tuple[str, str], unlocked: None
) -> None:
    version = next(one for one in versions if one != said(instance).workload.version)
    sha = attendees(instance).fetch().sha
    for name, path in {
        "workloads": "/workloads",
        "workload": f"{PATH}?commit={sha}",
        "release": f"{PATH}?do=release&version={version}",
        "rollback": f"{PATH}?do=rollback",
        "lock": f"{PATH}?do=lock",
        "lock-shown": f"{PATH}?do=lock&reason=until+the+talk+is+over",
        "unlock-impossible": f"{PATH}?do=unlock",
        "commit": f"/commits/{sha}",
    }.items():
        at(console, path)
        looks_well(console, name)
    console.goto("workloads/production/hallo")
    expect(console.get_by_role("alert")).to_be_visible()
    looks_well(console, "error")
    at(console, PATH)
    console.locator("#pods a").first.click()
    expect(console.locator("#log")).to_be_visible()
    looks_well(console, "pod")
