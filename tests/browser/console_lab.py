"""A lab on which the console's buttons can be pressed, and what Git and the cluster say of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, expect

from labs.gitops import image_automation, instances
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import attendees
from labs.gitops.draft import Draft
from labs.gitops.image_automation import connection
from labs.gitops.workloads import Found, Place, find
from labs.instance import PROJECT, Instance
from labs.platform import registry
from labs.run import run
from labs.wait import NotYet
from tests.cluster.automation import deployed, newer_versions, push_image, until, write
from tests.cluster.connected import connect

PLACE = Place("hello", "production")
PATH = "/workloads/production/hello"
LIVE_MILLISECONDS = 180_000


def prepare(instance: Instance) -> tuple[str, str]:
    """Have agents, no lock, an automation that rests, and return two versions to release."""
    connect(instance)
    unlock(instance)
    rest(instance)
    older, newer = newer_versions(instance)
    push_image(instance, older)
    push_image(instance, newer)
    return older, newer


def said(instance: Instance) -> Found:
    """Return what Git says of the workload."""
    repo = attendees(instance)
    return find(repo.tree(repo.fetch().sha), PLACE.app, PLACE.environment)


def lab(*words: str) -> str:
    """Run a `lab` command; return what it prints."""
    return run(sys.executable, "-m", "labs.cli", *words, cwd=PROJECT, timeout=240)


def unlock(instance: Instance) -> None:
    if said(instance).workload.locked:
        lab("unlock", PLACE.app, "--env", PLACE.environment, "--no-wait")


def rest(instance: Instance) -> None:
    if said(instance).automation.active:
        lab("deautomate", PLACE.app, "--env", PLACE.environment, "--no-wait")


@pytest.fixture(scope="module")
def versions(instance: Instance) -> tuple[str, str]:
    """Two versions that the registry has and nothing runs: the older, the newer."""
    return prepare(instance)


@pytest.fixture
def unlocked(instance: Instance) -> Iterator[None]:
    """Have no lock, before and after."""
    unlock(instance)
    yield
    unlock(instance)


@contextmanager
def automated(instance: Instance) -> Iterator[None]:
    """Have image automation in the lab, at rest for the workload."""
    repo = attendees(instance)
    folder = instances.folder(instance)

    def install(draft: Draft) -> None:
        image_automation.install(draft, folder)

    if repo.propose(install):
        write(instance, "Keep images up to date", install)
    connection.connect(instance)
    rest(instance)
    for name in image_automation.COMPONENTS:
        until(lambda name=name: deployed(instance, name), f"{name} to be ready")  # type: ignore[misc]
    try:
        yield
    finally:
        rest(instance)


def kubectl(*words: str) -> str:
    return run("kubectl", *words, timeout=30).strip()


def running_image() -> str:
    """Return the image that the Deployment names, by kubectl."""
    path = "jsonpath={.spec.template.spec.containers[?(@.name=='hello')].image}"
    return kubectl("get", "deployment", "hello", "--namespace=production", "--output", path)


def pods() -> set[str]:
    """Return the names of the workload's pods, by kubectl."""
    return set(kubectl("get", "pods", "--namespace=production", "--output=name").split())


def at(page: Page, path: str) -> None:
    """Open a page of the console."""
    answer = page.goto(path.lstrip("/"))
    assert answer is not None
    assert answer.ok, f"{path}: {answer.status}: {page.inner_text('main')[:300]}"


def shown_diff(page: Page) -> str:
    """Return the difference that a dialogue shows."""
    return page.locator("#do .diff").inner_text().strip()


def lines(diff: str) -> list[str]:
    """Return the lines that come and go, in order."""
    return [one for one in diff.splitlines() if one[:1] in "+-" and one[:3] not in ("+++", "---")]


def press(page: Page) -> str:
    """Press the dialogue's button; return the commit that was made."""
    page.locator("#commit").click()
    return made(page)


def made(page: Page) -> str:
    """Return the commit that a dialogue's button has made, once the page tells it."""
    # Not until all of it has loaded: pictures of metrics may take their time.
    page.wait_for_url(re.compile(r"[?&]commit=[0-9a-f]{40}"), wait_until="commit", timeout=60_000)
    return page.url.rpartition("commit=")[2][:40]


def committed(instance: Instance, sha: str, event: str, reason: str) -> None:
    """Assert that Git has what a button has done: by whom, what it was, and why."""
    repo = attendees(instance)
    repo.fetch()
    commit = repo.commit(sha)
    assert repo.contains(UPSTREAM, sha)
    assert commit.author.name == "Attendee"
    assert (commit.trailers["Lab-Event"], commit.trailers["Lab-Reason"]) == (event, reason)
    assert commit.trailers["Lab-By"] == "attendee"


def live(page: Page) -> Locator:
    """Wait until the page says that its commit is live, and return the commit's way."""
    way = page.locator("#way")
    expect(way.get_by_role("heading")).to_contain_text("Live:", timeout=LIVE_MILLISECONDS)
    return way


def tags(instance: Instance) -> set[str]:
    return set(registry.tags(instance, PLACE.app))


def differs(text: str, wanted: str) -> None:
    """Raise NotYet unless a text has what is wanted."""
    if wanted not in text:
        raise NotYet(f"{wanted!r} is not in {text!r}")
