"""Times a commit of the app: from its push to the image, and from the image to the live version."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from labs.errors import LabError
from labs.gitops import bench, ci, manifests, spare_versions, sync
from labs.gitops.asking import Crowd
from labs.gitops.commits import Message
from labs.gitops.config_repo import attendees
from labs.gitops.draft import Draft
from labs.gitops.image_automation import MARKED, connection
from labs.gitops.loan import AUTOMATION, lent, pinned
from labs.gitops.own_clone import own_clone
from labs.instance import Instance
from labs.platform import flux, kubernetes, registry
from labs.wait import NotYet, wait_for

APP, POLICY = "hello", "hello-production"
STAGES = (
    ("pushed", "the commit is on the Git server"),
    ("begun", "CI begins"),
    ("image", "the image is in the registry"),
    ("policy", "the policy has chosen it"),
    ("commit", "the bot's commit is on the Git server"),
    ("first", "the new version first answers"),
    ("live", "all pods are new, the old ones ended"),
)
LONGEST = 300.0


@dataclass(frozen=True)
class Run:
    """One commit; when it came to each stage, in seconds from the start of its push."""

    version: str
    at: dict[str, float]


def runs(instance: Instance, number: int, say: Callable[[str], None]) -> list[Run]:
    """Push `number` commits of the app, one after the other, and time each to its end.

    The app and its automation come back as they were, also after Ctrl-C. Raises LabError before
    image automation is connected.
    """
    if not connection.is_connected(instance):
        raise LabError(
            "image automation is not connected: nothing would deploy what CI builds",
            expected="image automation as lab 06 sets it up",
            todo="`lab automation files`, commit and push, `lab automation connect`",
        )
    done = []
    with lent(instance, "a measurement", say), Crowd(instance) as crowd:
        version = spare_versions.next_version(instance)
        _let_it_choose(instance)
        for count in range(number):
            done.append(_run(instance, version, crowd))
            shown = "  ".join(f"{stage} {done[-1].at[stage]:.1f}" for stage, _ in STAGES)
            say(f"{count + 1:3} of {number}  {version}  {shown}")
            version = spare_versions.after(version)
    return done


def table(instance: Instance, found: list[Run]) -> str:
    """Return the medians of each stage as a Markdown table, above it the conditions."""
    conditions = (
        f"commits of the app: {len(found)}, one after the other, each on a branch, CI started as "
        f"`lab ci run` does; {bench.machine(instance)}"
    )
    lines = [
        conditions,
        "",
        "| seconds from the push until | median | smallest | largest | stage alone, median |",
        "|---|---|---|---|---|",
    ]
    before: str | None = None
    for stage, words in STAGES:
        values = [one.at[stage] for one in found]
        alone = [one.at[stage] - (one.at[before] if before else 0.0) for one in found]
        lines.append(
            f"| {words} | {statistics.median(values):.1f} | {min(values):.1f} | "
            f"{max(values):.1f} | {statistics.median(alone):.1f} |"
        )
        before = stage
    to_live = [one.at["first"] - one.at["image"] for one in found]
    lines += ["", f"image in the registry to first answer: {statistics.median(to_live):.1f} s"]
    return "\n".join(lines)


def _run(instance: Instance, version: str, crowd: Crowd) -> Run:
    start = time.monotonic()
    at: dict[str, float] = {}

    def begin() -> None:
        nonlocal start
        start = time.monotonic()

    def reached(stage: str, condition: Callable[[], object]) -> None:
        wait_for(
            condition,
            what=dict(STAGES)[stage],
            timeout=LONGEST,
            interval=0.1,
            todo="`lab ci runs` and `lab automation status` show where it stops",
        )
        at[stage] = time.monotonic() - start

    sha = spare_versions.commit(instance, version, spare_versions.GOOD, begin)
    at["pushed"] = time.monotonic() - start
    number = spare_versions.start(instance, sha).number
    reached("begun", lambda: _begun(instance, number))
    reached("image", lambda: _image(instance, version, number))
    reached("policy", lambda: _chosen(instance, version))
    reached("commit", lambda: _written(instance, version))
    reached("first", lambda: crowd.first(version, start))
    sync.follow(instance, attendees(instance).fetch().sha, timeout=LONGEST)
    at["live"] = time.monotonic() - start
    return Run(version, at)


def _begun(instance: Instance, number: int) -> None:
    if ci.run(instance, number).started is None:
        raise NotYet(f"run {number} is queued")


def _image(instance: Instance, version: str, number: int) -> None:
    if version in registry.tags(instance, APP):
        return
    seen = ci.run(instance, number)
    if seen.has_ended and seen.state != "success":
        spare_versions.built(instance, number)
    raise NotYet(f"run {number}: {seen.state} {seen.stage}")


def _chosen(instance: Instance, version: str) -> None:
    policy = kubernetes.api(instance).get(flux.IMAGE_API, "ImagePolicy", POLICY, flux.NAMESPACE)
    chosen = (policy or {}).get("status", {}).get("latestRef", {}).get("tag")
    if chosen != version:
        raise NotYet(f"the policy has {chosen}")


def _written(instance: Instance, version: str) -> None:
    repo = attendees(instance)
    found = manifests.workload(repo.text(MARKED, repo.fetch().sha), APP)
    if found is None or found.version != version:
        raise NotYet(f"Git says {found.version if found else 'nothing'}")


def _let_it_choose(instance: Instance) -> None:
    """Set the automation free, on the spare versions alone."""

    def change(draft: Draft) -> None:
        text = manifests.with_range(draft.read(AUTOMATION), spare_versions.RANGE)
        draft.write(AUTOMATION, text)
        pinned(draft, False)

    with own_clone(instance) as repo:
        trailers = {"Lab-Event": "policy", "Lab-App": APP, "Lab-Environment": "production"}
        trailers |= {"Lab-By": "attendee", "Lab-Reason": "a measurement"}
        message = Message(f"Let {APP} take the versions of a measurement", "", trailers)
        commit = repo.write(message, change).commit
    attendees(instance).fetch()
    sync.follow(instance, commit.sha, timeout=LONGEST)
