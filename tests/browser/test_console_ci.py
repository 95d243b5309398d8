"""CI's pages: the runs as CI has them, a log as it comes, and the image that came out."""

from __future__ import annotations

import re
import shlex

import pytest
from playwright.sync_api import Page, expect

from labs.gitops import app_versions, ci
from labs.instance import Instance
from labs.platform import registry
from tests.browser.console_lab import at, lab
from tests.browser.console_page import Visitor, looks_well

BUILD_MILLISECONDS = 240_000


@pytest.fixture(scope="module")
def built(instance: Instance) -> int:
    """A run that made an image: CI's newest, or one that is done now."""
    if not (made := _made(instance)):
        app_versions.ensure_image(instance, app_versions.coming(instance))
        made = _made(instance)
    return made[0]


def _made(instance: Instance) -> list[int]:
    return [one.number for one in ci.runs(instance, 50) if one.state == "success" and one.version]


def test_the_runs_are_those_that_ci_knows(console: Page, instance: Instance, built: int) -> None:
    at(console, "/ci")
    known = ci.runs(instance, 50)
    rows = console.locator("#runs tbody tr")
    expect(rows).to_have_count(len(known))
    for row, one in zip(rows.all_inner_texts(), known, strict=True):
        assert one.state in row
        assert one.commit[:7] in row
        assert one.subject in row


def test_a_run_has_its_stages_its_log_and_the_image_in_the_registry(
    console: Page, instance: Instance, built: int
) -> None:
    at(console, f"/ci/{built}")
    run = ci.run(instance, built)
    names = console.locator("#stages .name").all_inner_texts()
    assert names == [stage.name for stage in run.stages]
    assert ci.log(instance, built).strip().splitlines()[-1] in console.inner_text("#log")
    digest = registry.digest(instance, "hello", run.version) or "none"
    expect(console.locator("#run")).to_contain_text(digest.removeprefix("sha256:")[:12])


@pytest.mark.long
def test_a_run_is_watched_by_two_while_it_builds(
    visitor: Visitor, instance: Instance, built: int
) -> None:
    first, second = visitor(), visitor()
    at(first, f"/ci/{built}")
    command = shlex.split(first.locator("#command-again code").inner_text())
    assert command == ["lab", "ci", "run", ci.run(instance, built).commit]
    lab(*command[1:])
    number = ci.newest(instance).number
    assert number > built
    for page in (first, second):
        at(page, f"/ci/{number}")
    for page in (first, second):
        expect(page.locator("#stages")).to_contain_text("Unit tests", timeout=BUILD_MILLISECONDS)
        expect(page.locator("#run")).to_contain_text(re.compile("running|success|failure"))
    ended = ci.wait(instance, number, timeout=BUILD_MILLISECONDS / 1000)
    for page in (first, second):
        expect(page.locator("#run")).to_contain_text(ended.state)
        expect(page.locator("#stages .name")).to_have_text([one.name for one in ended.stages])
        last = ci.log(instance, number).strip().splitlines()[-1].strip()
        expect(page.locator("#log")).to_contain_text(last)


def test_an_unknown_run_is_told(console: Page, built: int) -> None:
    answer = console.goto("ci/99999")
    assert answer is not None
    assert answer.status == 404
    expect(console.get_by_role("alert")).to_contain_text("one of the runs")


def test_no_button_has_ci_run_without_a_commit(console: Page, built: int) -> None:
    for path in ("/ci", f"/ci/{built}"):
        at(console, path)
        expect(console.locator("main form")).to_have_count(0)
    at(console, "/ci")
    expect(console.locator("#command-run code")).to_have_text("lab ci run")


def test_the_pages_are_accessible_and_fit(console: Page, built: int) -> None:
    at(console, "/ci")
    looks_well(console, "ci")
    at(console, f"/ci/{built}")
    looks_well(console, "ci-run")
