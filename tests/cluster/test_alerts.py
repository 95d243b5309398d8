"""Each divergence has a cause here, an alert that says what differs, and a remedy that ends it.

Normal rollouts come first: nothing may fire meanwhile. Then the causes, together where they
do not touch: each alert's text, as Alertmanager has it, says what differs and names the command.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from labs.gitops import desk, release, sync
from labs.gitops.desk import Desk
from labs.gitops.loan import lent
from labs.gitops.wager import pair
from labs.instance import Instance, write_json
from labs.platform import flux, kubernetes, registry
from labs.shell import visible
from labs.wait import NotYet, wait_for
from tests.cluster.automation import until
from tests.cluster.by_hand import at_once, right
from tests.cluster.causes import Broken, Cause, production
from tests.cluster.monitored import alerts, brought_in, series

pytestmark = pytest.mark.long

ROLLOUTS = 20
SECONDS = 240.0
EVALUATED = 5
"""Seconds from one evaluation of the rules to the next."""
FIGURES: dict[str, Any] = {"divergences": {}}


@pytest.fixture(scope="module", autouse=True)
def figures(output: Path) -> Iterator[None]:
    yield
    write_json(output / "alerts.json", FIGURES)


@pytest.fixture(scope="module", autouse=True)
def lab(instance: Instance, figures: None) -> Iterator[Instance]:
    """The lab, watched, with nothing to tell; in the end it is as it was."""
    with brought_in(instance):
        wait_for(lambda: quiet(instance), what="no alert", timeout=SECONDS)
        yield instance


def quiet(instance: Instance) -> None:
    """Raise NotYet until the exporter is scraped, and no alert fires or is about to."""
    if not series(instance, "gitops_workload_as_git_says == 1"):
        raise NotYet("the exporter does not say that all is as Git says")
    if known := [one["metric"] for one in series(instance, "ALERTS")]:
        raise NotYet(f"{known}")


def versions(instance: Instance) -> tuple[str, str]:
    """Return two versions to roll out in turn; where a lab has but one, CI builds another."""
    if len(registry.tags(instance, "hello")) < 2:
        visible(instance, "lab app commit 1.0.0 --wait")
    return pair(instance)


def told(instance: Instance, causes: Sequence[Cause]) -> None:
    """Wait until each cause has its alert, note how long it took, and read its text."""
    missing = list(causes)

    def come() -> None:
        known = alerts(instance)
        for cause in missing.copy():
            wanted = {"alertname": cause.alert, **cause.labels}
            found = [one for one in known if wanted.items() <= one["labels"].items()]
            if not found:
                continue
            [one] = found
            took = round(time.monotonic() - cause.at, 1)
            FIGURES["divergences"][cause.name] = {"cause to alert, in seconds": took}
            FIGURES["divergences"][cause.name] |= one["annotations"]
            assert re.fullmatch(cause.summary, one["annotations"]["summary"]), one["annotations"]
            assert one["annotations"]["command"] == cause.command
            missing.remove(cause)
        if missing:
            raise NotYet(f"no {', '.join(one.name for one in missing)}")

    wait_for(come, what="an alert for each cause", timeout=SECONDS, interval=0.3)


def ended(instance: Instance, causes: Sequence[Cause], remedied: float) -> None:
    """Wait until each cause's alert is over, and note how long after the remedy that was."""
    left = list(causes)

    def over() -> None:
        known = alerts(instance)
        for cause in left.copy():
            wanted = {"alertname": cause.alert, **cause.labels}
            if not any(wanted.items() <= one["labels"].items() for one in known):
                took = round(time.monotonic() - remedied, 1)
                FIGURES["divergences"][cause.name]["remedy to clear, in seconds"] = took
                left.remove(cause)
        if left:
            raise NotYet(f"{', '.join(one.name for one in left)} still told")

    wait_for(over, what="no alert without a cause", timeout=SECONDS, interval=0.3)


def test_nothing_fires_during_normal_rollouts(lab: Instance) -> None:
    took: list[float] = []
    arrived = 'sum(gitops_commit_to_live_seconds_count{kustomization="apps"})'
    known = float(series(lab, arrived)[0]["value"][1])
    turns = versions(lab)
    began = time.time()
    with lent(lab, "a test of rollouts", print):
        office = Desk.of(lab)
        for _ in range(ROLLOUTS):
            now = office.find("hello", "production").workload.version
            version = turns[0] if now != turns[0] else turns[1]
            start = time.monotonic()
            done = desk.carry_out(office, release.release(office, "hello", version), show=print)
            assert done is not None
            flux.reconcile(kubernetes.api(lab), flux.SOURCE_API, "GitRepository", flux.SOURCE)
            sync.follow(lab, done.commit.sha, timeout=SECONDS)
            took.append(round(time.monotonic() - start, 1))
    wait_for(lambda: quiet(lab), what="nothing on its way to an alert", timeout=SECONDS)
    # Every evaluation since the first push, not what a look now and then would have met.
    span = round(time.time() - began)
    said = {
        state: {
            one["metric"]["alertname"]: EVALUATED * int(one["value"][1])
            for one in series(
                lab,
                f'sum by (alertname) (count_over_time(ALERTS{{alertstate="{state}"}}[{span}s]))',
            )
        }
        for state in ("pending", "firing")
    }
    FIGURES["rollouts"] = {
        "number": len(took),
        "push to live, median in seconds": statistics.median(took),
        "from the first push to quiet, in seconds": span,
        "alerts pending, in seconds": said["pending"],
        "alerts firing, in seconds": said["firing"],
    }
    assert float(series(lab, arrived)[0]["value"][1]) - known >= ROLLOUTS  # each was looked at
    assert said["firing"] == {}


CORRECTED: list[Cause] = []
"""The corrections that were told, and are to be forgotten while other things happen."""


def test_what_is_changed_deleted_and_added_by_hand_is_put_right_and_told(lab: Instance) -> None:
    pods = production(lab)["replicas"]
    causes = at_once(lab, pods)
    took = until(lambda: right(lab, pods), "Flux to put all of it right") - causes[0].at
    told(lab, causes)
    CORRECTED.extend(causes)
    for cause in causes:
        FIGURES["divergences"][cause.name]["cause to correction, in seconds"] = round(took, 1)


def test_each_divergence_is_told_and_ends_with_its_remedy(lab: Instance) -> None:
    other = next(one for one in versions(lab) if one not in str(production(lab)["template"]))
    broken = Broken(lab)
    try:
        lasting = broken.by_commit_and_hand(other)
        at_once = broken.agent_and_server_away()
        told(lab, [*lasting, *at_once])
        ended(lab, at_once, broken.mend_agent_and_server())
        ended(lab, lasting, broken.mend_by_commit())
    finally:
        broken.take_back()


def test_a_correction_is_told_for_three_minutes(lab: Instance) -> None:
    assert CORRECTED
    ended(lab, CORRECTED, CORRECTED[0].at)
    for cause in CORRECTED:
        said = FIGURES["divergences"][cause.name]
        until_over = said.pop("remedy to clear, in seconds") - (cause.at - CORRECTED[0].at)
        said["told for, in seconds"] = round(until_over - said["cause to alert, in seconds"], 1)
    wait_for(lambda: quiet(lab), what="no alert at all", timeout=SECONDS)
