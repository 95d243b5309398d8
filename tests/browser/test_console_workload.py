"""The workload's page on a live lab: every button is a commit, and what it says is true."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from labs.gitops.config_repo import attendees
from labs.instance import Instance
from labs.platform import git_server
from labs.run import run
from labs.wait import NotYet, wait_for
from tests.browser.console_lab import (
    PATH,
    PLACE,
    at,
    committed,
    differs,
    kubectl,
    lab,
    lines,
    live,
    pods,
    press,
    running_image,
    said,
    shown_diff,
    tags,
)
from tests.browser.console_page import Visitor

KUSTOMIZATIONS = (
    *("get", "kustomizations.kustomize.toolkit.fluxcd.io", "--namespace=flux-system", "--output"),
    "jsonpath={.items[?(@.spec.sourceRef.name=='config')].metadata.name}",
)


def asked_at(name: str) -> tuple[str, ...]:
    """Return how kubectl is asked when a Kustomization was asked to look."""
    path = "jsonpath={.metadata.annotations.reconcile\\.fluxcd\\.io/requestedAt}"
    kind = "kustomizations.kustomize.toolkit.fluxcd.io"
    return ("get", kind, name, "--namespace=flux-system", "--output", path)


def test_a_release_is_shown_committed_and_followed_until_it_is_live(
    console: Page, instance: Instance, versions: tuple[str, str], unlocked: None
) -> None:
    before, version = said(instance).workload.version, versions[0]
    at(console, PATH)
    console.locator(f'[id="release-{version}"]').click()
    expect(console.get_by_role("heading", name=f"Release {version}")).to_be_visible()
    by_command = lab("release", "hello", version, "--env", "production", "--dry-run")
    assert lines(shown_diff(console)) == lines(by_command)
    assert len(lines(by_command)) == 2
    expect(console.locator("#command-lab code")).to_have_text(
        f"lab release hello {version} --env production"
    )
    console.get_by_role("textbox", name="Reason").fill("a test in a browser")
    console.locator("#with-reason").click()
    expect(console.locator("#command-lab code")).to_have_text(
        f"lab release hello {version} --env production --reason 'a test in a browser'"
    )
    console.locator("#with-git summary").click()
    expect(console.locator("#command-with-git")).to_contain_text("Lab-Reason: a test in a browser")
    sha = press(console)
    assert attendees(instance).fetch().sha == sha
    committed(instance, sha, "release", "a test in a browser")
    way = live(console)
    assert re.findall(r"^(pushed|fetched|applied|live)$", way.inner_text(), re.MULTILINE) == [
        *("pushed", "fetched", "applied", "live")
    ]
    expect(way).to_contain_text(re.compile(r"From push to live: \d+\.\d s"))
    assert running_image() == f"registry:5000/hello:{version}"
    now = console.locator("#now")
    expect(now).to_contain_text(version)
    expect(now).to_contain_text("as Git says")
    expect(now).to_contain_text("healthy")
    assert before != version


def test_going_back_pins_and_the_page_proposes_the_version_before(
    console: Page, instance: Instance, versions: tuple[str, str], unlocked: None
) -> None:
    older, newer = versions
    for version in (older, newer):
        if said(instance).workload.version != version:
            lab("release", "hello", version, "--env", "production", "--no-wait")
    at(console, PATH)
    console.locator("#do-rollback").click()
    assert (
        f"+              image: registry:5000/hello:{older}".split()
        == [word for line in lines(shown_diff(console)) if line[0] == "+" for word in line.split()][
            :3
        ]
    )
    sha = press(console)
    live(console)
    newest = attendees(instance).fetch()
    assert (newest.sha, newest.trailers["Lab-Event"]) == (sha, "rollback")
    assert running_image() == f"registry:5000/hello:{older}"


def test_a_lock_refuses_a_release_and_says_who_and_why(
    console: Page, instance: Instance, versions: tuple[str, str], unlocked: None
) -> None:
    at(console, PATH)
    console.locator("#do-lock").click()
    expect(console.locator("#commit")).to_have_count(0)
    console.get_by_role("textbox", name="Reason").fill("until the test is over")
    console.locator("#show").click()
    by_command = lab(
        *("lock", "hello", "--env", "production", "--dry-run"),
        *("--reason", "until the test is over"),
    )
    assert lines(shown_diff(console)) == lines(by_command)
    committed(instance, press(console), "lock", "until the test is over")
    expect(console.locator("#now")).to_contain_text("locked by attendee: until the test is over")
    live(console)
    version = next(one for one in versions if one != said(instance).workload.version)
    console.locator(f'[id="release-{version}"]').click()
    expect(console.locator("#do").get_by_role("alert")).to_contain_text(
        "hello in production is locked by attendee: until the test is over"
    )
    expect(console.locator("#commit")).to_have_count(0)
    console.locator("#do-unlock").click()
    console.get_by_role("textbox", name="Reason").fill("the test is over")
    committed(instance, press(console), "unlock", "the test is over")
    expect(console.locator("#now")).to_contain_text(re.compile(r"Lock\s*none"))
    live(console)


@pytest.mark.long
def test_a_lock_that_comes_while_a_release_is_looked_at_stops_it(
    console: Page, instance: Instance, versions: tuple[str, str], unlocked: None
) -> None:
    version = next(one for one in versions if one != said(instance).workload.version)
    at(console, f"{PATH}?do=release&version={version}")
    lab(*("lock", "hello", "--env", "production", "--reason", "faster", "--no-wait"))
    before = attendees(instance).fetch().sha
    console.locator("#commit").click()
    told = console.locator("#do").get_by_role("alert")
    expect(told.first).to_contain_text("was changed while you looked at it: attendee: Lock hello")
    expect(told.nth(1)).to_contain_text("locked by attendee: faster")
    assert attendees(instance).fetch().sha == before


def test_a_form_that_was_tampered_with_does_nothing(
    console: Page, instance: Instance, versions: tuple[str, str], unlocked: None
) -> None:
    version = next(one for one in versions if one != said(instance).workload.version)
    at(console, f"{PATH}?do=release&version={version}")
    before = attendees(instance).fetch().sha
    console.locator("#press input[name=base]").evaluate(
        "(field) => { field.value = '--output=/tmp/x'; }"
    )
    console.locator("#commit").click()
    expect(console.locator("#do").get_by_role("alert")).to_contain_text("which is no commit")
    assert attendees(instance).fetch().sha == before


@pytest.mark.long
def test_two_people_at_once(
    visitor: Visitor, instance: Instance, versions: tuple[str, str], unlocked: None
) -> None:
    now = said(instance).workload.version
    free = sorted({*versions, "1.0.0", "0.9.0"} & tags(instance) - {now})
    slow, fast = visitor(), visitor()
    at(slow, f"{PATH}?do=release&version={free[0]}")
    at(fast, f"{PATH}?do=release&version={free[1]}")
    first = press(fast)
    expect(slow.locator("#now")).to_contain_text(free[1])  # it is told at once, without a reload
    slow.locator("#commit").click()
    told = slow.locator("#do").get_by_role("alert")
    expect(told).to_contain_text(f"attendee: Release hello {free[1]} to production ({first[:7]})")
    assert attendees(instance).fetch().sha == first
    assert f"hello:{free[1]}" in lines(shown_diff(slow))[0]
    second = press(slow)
    assert attendees(instance).fetch().sha == second
    assert attendees(instance).commit(second).parents == (first,)
    for page in (slow, fast):
        live(page)
        expect(page.locator("#now")).to_contain_text(free[0])


@pytest.mark.long
def test_the_page_says_what_git_and_kubectl_say_while_it_changes(
    visitor: Visitor, instance: Instance, versions: tuple[str, str], unlocked: None
) -> None:
    page = visitor()
    at(page, PATH)
    seen = set()
    for version in (*versions, "0.9.0"):
        if said(instance).workload.version == version:
            continue
        lab("release", "hello", version, "--env", "production", "--no-wait")

        def same(version: str = version) -> None:
            """The page, then what is true, then the page: what does not change is to be equal."""
            image, names = running_image(), pods()
            now, listed = page.inner_text("#now"), page.inner_text("#pods")
            if (image, names) != (running_image(), pods()):
                raise NotYet("it changes")
            seen.add(image)
            differs(now, image.rpartition(":")[2])
            for name in names:
                differs(listed, name.removeprefix("pod/"))
            differs(now, "as Git says")
            differs(now, "healthy")
            if image != f"registry:5000/hello:{version}":
                raise NotYet(f"{image} still")

        wait_for(same, what="the page to say what kubectl says", timeout=120, interval=0.2)
        url = git_server.url(instance, "config")
        head = run("git", "ls-remote", url, "refs/heads/main").split()[0]
        text = run("git", "show", f"{head}:{PLACE.path}", cwd=attendees(instance).path)
        assert f"hello:{version}" in text
        expect(page.locator("#now")).to_contain_text(head[:7])
        # One that is ending, as those of before do for a while, runs what nobody says any more.
        listed = json.loads(kubectl("get", "pods", "--namespace=production", "--output=json"))
        going = [one for one in listed["items"] if "deletionTimestamp" not in one["metadata"]]
        digest = str(going[0]["status"]["containerStatuses"][0]["imageID"])
        expect(page.locator("#now")).to_contain_text(digest.partition("@sha256:")[2][:12])
    assert len(seen) > 1


@pytest.mark.long
def test_it_all_works_without_script(
    visitor: Visitor, instance: Instance, versions: tuple[str, str], unlocked: None
) -> None:
    page = visitor(script=False)
    at(page, PATH)
    version = next(one for one in versions if one != said(instance).workload.version)
    page.locator("#do-release").click()
    page.get_by_label("Version", exact=True).select_option(version)
    page.locator("#show").click()
    assert f"hello:{version}" in lines(shown_diff(page))[1]
    sha = press(page)
    assert attendees(instance).fetch().sha == sha

    def there() -> None:
        page.reload()
        differs(page.inner_text("#way"), "Live:")

    wait_for(there, what="the commit to be live", timeout=120, interval=1)
    differs(page.inner_text("#now"), version)


def test_a_pods_log_is_what_kubectl_shows_and_goes_on(console: Page, versions: None) -> None:
    at(console, PATH)
    console.locator("#pods a").first.click()
    name = console.get_by_role("heading", level=1).inner_text()
    log = console.locator("#log")
    expect(log).not_to_have_text("Nothing written in that time.")
    last = kubectl("logs", "--namespace=production", "--tail=1", name)
    expect(log).to_contain_text(last)


def test_sync_now_asks_flux_and_says_that_it_is_no_commit(
    console: Page, instance: Instance, versions: None
) -> None:
    before = attendees(instance).fetch().sha
    path = "jsonpath={.metadata.annotations.reconcile\\.fluxcd\\.io/requestedAt}"
    words = ("get", "gitrepository", "config", "--namespace=flux-system", "--output", path)
    asked = kubectl(*words)
    at(console, PATH)
    expect(console.locator("#actions")).to_contain_text("no commit: Flux is asked to look at once")
    command = console.locator("#command-sync code").inner_text()
    names = kubectl(*KUSTOMIZATIONS).split()
    for name in names:
        assert f"flux reconcile kustomization {name}" in command
    before_all = {name: kubectl(*asked_at(name)) for name in names}
    console.locator("#sync-now").click()
    expect(console).to_have_url(re.compile(f"{PATH}$"))
    assert kubectl(*words) != asked
    for name in names:
        assert kubectl(*asked_at(name)) != before_all[name], name
    assert attendees(instance).fetch().sha == before


def test_an_unknown_workload_is_told_with_the_known_ones(console: Page, versions: None) -> None:
    answer = console.goto("workloads/production/hallo")
    assert answer is not None
    assert answer.status == 404
    expect(console.get_by_role("alert")).to_contain_text("the nearest is 'hello'")
