"""Is what Flux has applied what Git says, since when, and how long did each commit take?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labs.exporter.cluster import Kustomization, Name

Times = Callable[[str, str], list[float]]
"""Given two commits: the times (Unix seconds) of those after the first, up to the second."""


@dataclass(frozen=True)
class State:
    """Whether a Kustomization is in sync, and since when (Unix seconds) this was seen."""

    in_sync: bool
    since: float


class Syncs:
    """The state of each Kustomization over time."""

    def __init__(self) -> None:
        self.states: dict[Name, State] = {}

    def look(
        self,
        found: list[Kustomization],
        newest: Mapping[Name, str],
        committed: Mapping[str, float],
        now: float,
    ) -> None:
        """Take in a look: each source's newest commit, and the times of those that are known.

        What is behind when it is first seen has been so since the commit that it lacks.
        """
        states = {}
        for one in found:
            wanted = newest.get(one.source, "")
            in_sync = bool(wanted) and one.applied == wanted and not one.failing
            before = self.states.get(one.name)
            if before is not None and before.in_sync == in_sync:
                states[one.name] = before
            else:
                first = before is None and not in_sync
                states[one.name] = State(
                    in_sync, min(committed.get(wanted, now), now) if first else now
                )
        self.states = states


@dataclass(frozen=True)
class _Arrival:
    name: Name
    before: str
    after: str
    when: float


class Arrivals:
    """Measures how long a commit took until it was applied, and ready if Flux waits for that.

    The commit's own time counts, so what its author waited before the push is in it. A commit that
    came live together with a later one is measured as well. To the second, as Flux notes it.
    """

    def __init__(self, observe: Callable[[Name, float], None]) -> None:
        self._observe = observe
        self._applied: dict[Name, str] = {}
        self._waiting: list[_Arrival] = []
        self._last = 0.0

    def look(self, found: list[Kustomization], now: float) -> None:
        """Take in a look: note which commits are live that were not."""
        for one in found:
            before = self._applied.get(one.name, "")
            if before and one.applied and one.applied != before:
                told = one.reconciled
                exact = told is not None and self._last - 1 <= told <= now
                when = told if exact and told is not None else now
                self._waiting.append(_Arrival(one.name, before, one.applied, when))
        self._applied = {one.name: one.applied for one in found if one.applied}
        self._last = now

    def measure(self, times: Times) -> None:
        """Measure what was noted. What `times` raises leaves it noted, for the next look."""
        while self._waiting:
            one = self._waiting[0]
            for committed in times(one.before, one.after):
                self._observe(one.name, max(0.0, one.when - committed))
            del self._waiting[0]
