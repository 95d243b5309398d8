"""Alertmanager: what fires, in groups, what is silenced, and what has ended of late."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from labs.console.feeds.feed import Feed
from labs.console.hub import Hub
from labs.console.seat import Seat
from labs.platform import alertmanager
from labs.platform.alertmanager import Group, Silence
from labs.platform.loopback import fetch
from labs.receiver.board import Ended
from labs.wait import NotYet


@dataclass(frozen=True)
class Firing:
    """What Alertmanager knows at one moment."""

    groups: tuple[Group, ...] = ()
    silences: tuple[Silence, ...] = ()
    ended: tuple[Ended, ...] = ()
    """What has ended, the newest first, as far as the alerts' page was told of it."""
    untold: str = ""
    """Why that is not known, or ''."""


class Alerts(Feed[Firing]):
    """What fires and what is silenced; trouble where monitoring was not brought in yet."""

    topic = "alerts"
    interval = 2.0

    def __init__(self, seat: Seat, hub: Hub) -> None:
        super().__init__(seat, hub, Firing())

    def look(self) -> Firing:
        client = alertmanager.client(self.seat)
        ended, untold = _ended(self.seat)
        return Firing(tuple(client.groups()), tuple(client.silences()), ended, untold)


def _ended(seat: Seat) -> tuple[tuple[Ended, ...], str]:
    """Ask the alerts' page in the cluster, which alone is told of what ends."""
    url = f"http://127.0.0.1:{seat.port('alerts')}/api/notifications"
    try:
        answer = fetch(url, timeout=5)
        told = json.loads(answer.body)["resolved"]
        return tuple(
            Ended(
                one["labels"],
                one["annotations"],
                datetime.fromisoformat(one["since"]),
                datetime.fromisoformat(one["until"]),
            )
            for one in told
        ), ""
    except NotYet as silent:
        return (), f"the alerts' page does not answer: {silent}"
    except (ValueError, KeyError, TypeError) as strange:
        return (), f"{url} answers, and not as the alerts' page: {strange!r}"
