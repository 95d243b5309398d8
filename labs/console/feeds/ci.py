"""CI: its runs, of which the newest may change."""

from __future__ import annotations

from labs.console.feeds.feed import Feed
from labs.console.hub import Hub
from labs.console.seat import Seat
from labs.gitops import ci
from labs.gitops.ci import CiRun

RUNS = 50
"""Runs that are asked for again and again."""
ALL = 1000
"""Runs that are asked for once: an image may be of an old one."""


class Ci(Feed[tuple[CiRun, ...]]):
    """The runs, the newest first."""

    topic = "ci"

    def __init__(self, seat: Seat, hub: Hub) -> None:
        super().__init__(seat, hub, ())

    def look(self) -> tuple[CiRun, ...]:
        newest = tuple(ci.runs(self.seat, RUNS))
        if len(newest) < RUNS:
            return newest
        last = newest[-1]
        older = tuple(one for one in self.seen if one.number < last.number)
        # What has ended stays as it is, as long as these are runs of the same CI.
        follows = any((one.number, one.queued) == (last.number, last.queued) for one in self.seen)
        if follows and all(one.has_ended for one in older):
            return (*newest, *older)
        return tuple(ci.runs(self.seat, ALL))
