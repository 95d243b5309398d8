"""What the page knows: what fires, as Alertmanager has it, and what it was told of, and when.

What fires is asked of Alertmanager each time: a receiver that was away for a while, or is new,
shows the same as one that heard everything. What ended is known from being told alone, and is lost
with the process; the end of an alert that is silenced is told to nobody, but seen at a look.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from labs.platform.alertmanager import Alert, Group, Labels, Silence

NOTIFICATIONS = 100
ENDED = 25
UNDER_WAY = timedelta(seconds=30)


class NotUnderstood(Exception):
    """What was sent is no notification of Alertmanager's; the text says what is amiss."""


@dataclass(frozen=True)
class Ended:
    """An alert that fires no more."""

    labels: Labels
    annotations: Labels
    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")


@dataclass(frozen=True)
class Notification:
    """What Alertmanager told at one moment, of one group."""

    when: datetime
    status: str
    group: Labels
    alerts: tuple[Mapping[str, Any], ...]
    """As they were sent."""


@dataclass(frozen=True)
class View:
    """Everything that the page shows, at one moment."""

    groups: tuple[Group, ...] = ()
    silences: tuple[Silence, ...] = ()
    ended: tuple[Ended, ...] = ()
    told: Mapping[str, datetime] = field(default_factory=dict)
    """When one was told of an alert that fires, by its fingerprint."""
    trouble: str = "Alertmanager has not been asked yet"
    """Why Alertmanager cannot be asked, or ''; the rest is then as it was at the last look."""

    def of(self, state: str) -> list[Group]:
        """Return the groups with those of their alerts that are in a state; none is empty."""
        found = (
            Group(group.labels, tuple(one for one in group.alerts if one.state == state))
            for group in self.groups
        )
        return [group for group in found if group.alerts]


class Board:
    """The one place in which notifications, looks and pages meet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: tuple[Group, ...] = ()
        self._silences: tuple[Silence, ...] = ()
        self._trouble = View.trouble
        self._ended: deque[Ended] = deque(maxlen=ENDED)
        self._told: dict[str, datetime] = {}
        self._notifications: deque[Notification] = deque(maxlen=NOTIFICATIONS)

    def tell(self, sent: Any, now: datetime | None = None) -> Notification:
        """Take in what Alertmanager sends. Raises NotUnderstood, and takes in nothing."""
        when = now or datetime.now(UTC)
        try:
            alerts = tuple(dict(one) for one in sent["alerts"])
            told = Notification(when, str(sent["status"]), dict(sent["groupLabels"]), alerts)
            ended = [_ended(one) for one in alerts if one["status"] == "resolved"]
            firing = [str(one["fingerprint"]) for one in alerts if one["status"] == "firing"]
        except (KeyError, TypeError, ValueError, AttributeError) as amiss:
            raise NotUnderstood(f"no notification of Alertmanager's: {amiss!r}") from amiss
        with self._lock:
            self._notifications.appendleft(told)
            self._end(ended)
            self._told.update((one, self._told.get(one, when)) for one in firing)
        return told

    def look(self, groups: Sequence[Group], silences: Sequence[Silence]) -> None:
        """Take in what Alertmanager answered."""
        now = datetime.now(UTC)
        with self._lock:
            fires = {one.fingerprint for group in groups for one in group.alerts}
            # Nobody is told of the end of what was silenced.
            self._end(
                Ended(one.labels, one.annotations, one.since, now)
                for one in self._alerts()
                if one.state == "suppressed" and one.fingerprint not in fires
            )
            self._groups, self._silences, self._trouble = tuple(groups), tuple(silences), ""
            # A look that was under way when one was told may not have it yet.
            self._told = {
                one: when
                for one, when in self._told.items()
                if one in fires or now - when < UNDER_WAY
            }

    def away(self, trouble: str) -> None:
        """Take in that Alertmanager could not be asked."""
        with self._lock:
            self._trouble = trouble

    def view(self) -> View:
        """Return what there is to show."""
        with self._lock:
            ended = sorted(self._ended, key=lambda one: one.until, reverse=True)
            return View(self._groups, self._silences, tuple(ended), dict(self._told), self._trouble)

    def notifications(self) -> list[Notification]:
        """Return what was told, the newest first."""
        with self._lock:
            return list(self._notifications)

    def alert(self, fingerprint: str) -> Alert | None:
        """Return an alert that fires."""
        with self._lock:
            return next((one for one in self._alerts() if one.fingerprint == fingerprint), None)

    def _alerts(self) -> list[Alert]:
        return [one for group in self._groups for one in group.alerts]

    def _end(self, found: Iterable[Ended]) -> None:
        """Note ends; one that is known by a look is told better."""
        for one in found:
            for each in [each for each in self._ended if _same(each, one)]:
                self._ended.remove(each)
            self._ended.appendleft(one)


def _same(one: Ended, other: Ended) -> bool:
    # Alertmanager's API tells moments to the millisecond, its notifications to the nanosecond.
    return one.labels == other.labels and abs(one.since - other.since) < timedelta(seconds=1)


def _ended(sent: Mapping[str, Any]) -> Ended:
    return Ended(
        dict(sent["labels"]),
        dict(sent.get("annotations") or {}),
        datetime.fromisoformat(sent["startsAt"]),
        datetime.fromisoformat(sent["endsAt"]),
    )
