"""When an alert fired, by Prometheus' own record, and which moves of the app stand beside it.

The record is kept for some days, and goes with its volume: a check that has once seen it says so by
the reader's progress.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from labs.errors import LabError
from labs.exercises.monitoring_evidence import Additions
from labs.exercises.releases import Move, State, moves, state
from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import prometheus
from labs.platform.flux import moment
from labs.progress import Progress
from labs.wait import NotYet

GOOD, BAD = "2.0.0", "2.1.0"
"""What lab 10 brings: a version with a new feature, and one that fails under traffic."""
LAB = "incident"
STEP = 5.0
"""Seconds from one value to the next that is looked at; rules are evaluated as often."""
MOST = timedelta(minutes=60)
"""For how long after a release its alert is looked for."""


@dataclass(frozen=True)
class Span:
    """When an alert began to fire, and when it was last seen to."""

    first: datetime
    last: datetime

    @property
    def over(self) -> bool:
        return (datetime.now(UTC) - self.last).total_seconds() > 3 * STEP


def fired(instance: Instance, alert: str, since: datetime, labels: str = "") -> Span | None:
    """Return when an alert fired after a moment; None where it did not.

    `labels` are further matchers, as PromQL writes them. Raises NotYet where Prometheus is away.
    """
    more = f",{labels}" if labels else ""
    promql = f'ALERTS{{alertname="{alert}",alertstate="firing"{more}}}'
    end = min(datetime.now(UTC), since + MOST)
    if end <= since:
        return None
    try:
        found = prometheus.query_range(instance, promql, since, end, STEP)
    except LabError as away:
        raise NotYet(away.found) from away
    times = sorted(when for series in found.series for when, _ in series.points)
    return Span(times[0], times[-1]) if times else None


def alerts(repo: ConfigRepo) -> list[str]:
    """Return the names of the reader's own alerts, as the Git server has them."""
    return [rule.name for rule in Additions(repo).rules("alert")]


def released(repo: ConfigRepo, version: str) -> list[Move]:
    """Return the moves to a version, newest first."""
    return [move for move in moves(repo) if move.after == version]


def rolled_back(repo: ConfigRepo) -> list[Move]:
    """Return the moves by which a person took the bad version back for good, newest first."""
    return [
        move
        for move in moves(repo)
        if move.before == BAD and not move.by_bot and _safe(state(repo, move.commit.sha))
    ]


def begun(instance: Instance) -> datetime:
    """Return when the reader began the lab; now, before that."""
    told = Progress(instance).read()["labs"].get(LAB, {}).get("started")
    return datetime.fromtimestamp(moment(told) if told else time.time(), UTC)


def _safe(after: State) -> bool:
    """Return whether nobody brings the bad version back: the bot rests, or may not choose it."""
    return not after.automated or not after.takes(BAD)
