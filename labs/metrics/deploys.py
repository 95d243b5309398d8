"""Which versions were brought in and taken back in a span of time, as the config repo tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from labs.gitops.config_repo import attendees
from labs.gitops.history import MOVES, Event, history
from labs.instance import Instance

MOST = 1000
"""Events that are looked through, the newest first."""


@dataclass(frozen=True)
class Deploy:
    """A commit that moved a workload to a version. `when` is the commit's time, not Flux's."""

    when: datetime
    app: str
    environment: str
    version: str
    kind: str
    commit: str

    @property
    def label(self) -> str:
        """What stands beside its line; what is no plain release says what it is."""
        back = "" if self.kind in ("release", "autorelease") else f" ({self.kind})"
        return f"{self.app} {self.version}{back}"


def deploys(instance: Instance, start: datetime, end: datetime) -> list[Deploy]:
    """Return the deploys between two moments, the oldest first. Raises LabError."""
    return among(history(attendees(instance), most=MOST), start, end)


def among(events: Sequence[Event], start: datetime, end: datetime) -> list[Deploy]:
    """Return the deploys between two moments among events, newest first; the oldest comes first."""
    return [
        Deploy(one.commit.when, one.app, one.environment, one.version, one.kind, one.commit.short)
        for one in reversed(events)
        if one.version and one.kind in MOVES and start <= one.commit.when <= end
    ]
