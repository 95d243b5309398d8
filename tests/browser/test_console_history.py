"""The history's page: what Git tells, with the difference, and the safe way back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from labs.gitops import history
from labs.gitops.commits import Message
from labs.gitops.config_repo import attendees
from labs.gitops.draft import Draft
from labs.instance import Instance
from labs.run import run
from tests.browser.console_lab import PLACE, at, lab, prepare, said, shown_diff
from tests.browser.console_page import looks_well


@pytest.fixture(scope="module")
def released(instance: Instance) -> tuple[str, str, str]:
    """A release: its commit, the version that was before, and the one that is now."""
    versions = prepare(instance)
    before = said(instance).workload.version
    version = next(one for one in versions if one != before)
    lab(
        *("release", "hello", version, "--env", "production", "--no-wait"),
        *("--reason", "the history's test"),
    )
    return attendees(instance).fetch().sha, before, version


def test_it_tells_what_git_tells(
    console: Page, instance: Instance, released: tuple[str, str, str]
) -> None:
    at(console, "/history?app=hello&env=production")
    wanted = history.history(attendees(instance), app="hello", environment="production", most=50)
    rows = console.locator("#audit tbody tr")
    expect(rows.first).to_contain_text(wanted[0].commit.short)
    expect(rows).to_have_count(len(wanted))
    for row, one in list(zip(rows.all_inner_texts(), wanted, strict=True))[:10]:
        for word in (one.commit.short, one.kind, one.what, one.by, one.why):
            assert word in row


def test_a_commit_by_hand_comes_at_once(
    console: Page, instance: Instance, released: tuple[str, str, str]
) -> None:
    at(console, "/history")
    expect(console.locator("#audit tbody tr").first).to_be_visible()

    def change(draft: Draft) -> None:
        draft.write("notes.md", draft.base)

    commit = attendees(instance).write(Message("Note something by hand"), change).commit
    first = console.locator("#audit tbody tr").first
    expect(first).to_contain_text("Note something by hand")
    expect(first).to_contain_text(commit.short)


def test_it_is_filtered_and_an_unknown_name_is_told(
    console: Page, released: tuple[str, str, str]
) -> None:
    at(console, "/history")
    console.get_by_label("Event", exact=True).select_option("release")
    console.get_by_label("Person", exact=True).select_option("attendee")
    console.locator("#filter").click()
    expect(console).to_have_url(re.compile("event=release&by=attendee"))
    expect(console.locator("#audit tbody tr").first).to_be_visible()
    kinds = console.locator("#audit tbody tr td:nth-child(3)").all_inner_texts()
    assert kinds
    assert {kind.split()[-1] for kind in kinds} == {"release"}
    expect(console.locator("#command-lab code")).to_have_text(
        "lab history --event=release --by=attendee"
    )
    at(console, "/history?by=nobody")
    expect(console.get_by_role("alert")).to_contain_text("no author in the history")


def test_an_event_has_its_difference_and_its_undo_is_a_rollback(
    console: Page, instance: Instance, released: tuple[str, str, str]
) -> None:
    sha, before, version = released
    at(console, f"/history/{sha}")
    shown = run("git", "show", "--format=", sha, cwd=attendees(instance).path)
    assert console.locator(".diff").inner_text().strip() == shown.strip()
    expect(console.locator("main")).to_contain_text("the history's test")
    undo = console.locator("#undo a")
    expect(undo).to_have_text(f"Roll hello back to {before}, and pin it…")
    undo.click()
    assert f"hello:{before}" in shown_diff(console)
    assert f"hello:{version}" in shown_diff(console)
    expect(console.locator("#commit")).to_have_text("Roll back and pin")


def test_what_is_no_commit_is_not_found(console: Page, released: None) -> None:
    for name in ("0" * 40, "main", "--all"):
        answer = console.goto(f"history/{name}")
        assert answer is not None
        assert answer.status == 404


def test_the_pages_are_accessible_and_fit(console: Page, released: tuple[str, str, str]) -> None:
    at(console, "/history")
    looks_well(console, "history")
    at(console, f"/history/{released[0]}")
    looks_well(console, "event")
    assert PLACE.app in console.inner_text("main")
