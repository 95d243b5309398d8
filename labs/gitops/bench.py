"""Measures the way of a commit again and again, and names the conditions of its numbers."""

from __future__ import annotations

import os
import platform
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from labs.errors import LabError
from labs.gitops import sync
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit, Message
from labs.gitops.config_repo import attendees
from labs.gitops.draft import Draft
from labs.gitops.stages import STAGES
from labs.gitops.untold import untold
from labs.instance import Instance
from labs.platform import flux, kubernetes
from labs.platform.flux import Poll
from labs.wait import NotYet, wait_for

FILE = "apps/production/hello.yaml"
GREETING = re.compile(r"(name: GREETING\n\s*value: )(.*)")
LATER = STAGES[1:]


@dataclass(frozen=True)
class Run:
    """One push: the seconds from it to each later stage, and to the poll that was due."""

    commit: Commit
    due: float
    seconds: dict[str, float]


def pushes(instance: Instance, runs: int, say: Callable[[str], None]) -> list[Run]:
    """Push `runs` new greetings, spread evenly over the poll's interval, and follow each.

    Flux is told of none of them: it is the poll that is measured. The greeting that was there comes
    back with the last commit.
    """
    repo = attendees(instance)
    repo.fetch()
    before = _greeting(repo.read(FILE, UPSTREAM))
    done = []
    with untold(instance):
        for number in range(runs):
            poll = wait_for_phase(instance, number / runs)
            commit = _greet(instance, f"Hello, push {number + 1} of {runs}")
            seen = sync.follow(instance, commit.sha)
            due = (poll.last + poll.interval - seen.reached["pushed"].at) % poll.interval
            seconds = {stage: seen.seconds(stage) for stage in LATER}
            done.append(Run(commit, due, seconds))
            shown = "  ".join(f"{stage} {seconds[stage]:5.1f} s" for stage in LATER)
            say(f"{number + 1:3} of {runs}  {commit.short}  poll due in {due:4.1f} s  {shown}")
    sync.follow(instance, _greet(instance, before).sha)
    return done


def table(instance: Instance, runs: list[Run]) -> str:
    """Return medians and spread in seconds as a Markdown table, above it the conditions."""
    repository = flux.source(kubernetes.api(instance)) or {"spec": {"interval": "?"}}
    conditions = (
        f"{len(runs)} pushes, spread evenly over the poll's {repository['spec']['interval']}; "
        f"looked at every {sync.LOOK_SECONDS} s; one new greeting each, two pods; "
        f"{machine(instance)}"
    )
    lines = [
        conditions,
        "",
        "| seconds from push to | median | smallest | largest |",
        "|---|---|---|---|",
    ]
    for stage in LATER:
        values = [run.seconds[stage] for run in runs]
        lines.append(
            f"| {stage} | {statistics.median(values):.1f} | {min(values):.1f} | {max(values):.1f} |"
        )
    after = [run.seconds["live"] - run.seconds["fetched"] for run in runs]
    lines.append(
        f"| live, from fetched | {statistics.median(after):.1f} "
        f"| {min(after):.1f} | {max(after):.1f} |"
    )
    return "\n".join(lines)


def machine(instance: Instance) -> str:
    """Return what the figures were measured on, in words."""
    return (
        f"Kubernetes {kubernetes.api(instance).version()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    )


def wait_for_phase(instance: Instance, part: float) -> Poll:
    """Wait until this part of the poll's interval has passed; return the poll before it."""

    def reached() -> Poll:
        repository = flux.source(kubernetes.api(instance))
        poll = flux.poll(instance, repository) if repository else None
        if poll is None:
            raise NotYet("no poll of Flux is known yet")
        passed = time.time() - poll.last
        wanted = part * poll.interval
        if not wanted <= passed <= wanted + 1.0:
            raise NotYet(f"{passed:.1f} s after the poll")
        return poll

    return wait_for(reached, what="the time to push", timeout=60, interval=0.1)


def _greet(instance: Instance, greeting: str) -> Commit:
    def change(draft: Draft) -> None:
        draft.write(FILE, GREETING.sub(lambda found: found[1] + greeting, draft.read(FILE)))

    message = Message(f"Greet: {greeting}", "", {"Lab-Event": "commit", "Lab-By": "attendee"})
    return attendees(instance).write(message, change).commit


def _greeting(text: str) -> str:
    found = GREETING.search(text)
    if found is None:
        raise LabError(
            f"no GREETING in {FILE}",
            expected="the line that the lab came with",
            todo=f"see `git log -p -- {FILE}` for what took it away",
        )
    return found[2]
