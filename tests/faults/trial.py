"""One fault: a lab that is well, something done to it, and how long until all is well again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from labs.instance import Instance
from tests.faults import judge, ledger

Record = Callable[[str, object], None]
PROPERTY = "fault"


@dataclass(frozen=True)
class Outcome:
    """A row of the table."""

    fault: str
    lost: str
    seconds: float | None
    """From the fault until all was well; None where that was not measured."""
    by: str
    """Who mended it."""
    seen: str
    """What else there was to see meanwhile."""


class Trial:
    """Used with `with`: judged well before, `begin` at the fault, judged and counted afterwards.

    `costs` is what the fault takes by its nature, in words, for the table; `loses` are words of the
    ledger that are meant to go, as a reset takes later versions' tags off the registry.
    """

    def __init__(
        self,
        instance: Instance,
        record: Record,
        fault: str,
        *,
        by: str = "itself",
        looks: Sequence[judge.Look] = judge.WHOLE,
        costs: tuple[str, ...] = (),
        loses: tuple[str, ...] = (),
    ) -> None:
        self.instance = instance
        self.seen: list[str] = []
        self._record, self._fault, self._by, self._looks = record, fault, by, looks
        self._costs, self._loses = costs, loses
        self._since: float | None = None
        self.passed = False
        """Whether all was well again and nothing lost: else who knows in what state the lab is."""

    def __enter__(self) -> Trial:
        # The slow looks were the last thing that the trial before this one did.
        quick = [look for look in self._looks if look in judge.QUICK]
        judge.well_again(self.instance, time.monotonic(), quick)
        self.count()
        return self

    def count(self) -> None:
        """Count anew what there is to lose."""
        self._before = ledger.take(self.instance)

    def begin(self) -> None:
        """Say that the fault happens now; of one that lasts: that what caused it is taken away."""
        self._since = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._tell("?", None)
            return
        assert self._since is not None, "a fault begins"
        seconds = judge.well_again(self.instance, self._since, self._looks)
        lost = [one for one in self._before.lost(self.instance) if not self._excused(one)]
        self._tell("; ".join([*lost, *self._costs]) or "nothing", round(seconds, 1))
        assert not lost, f"lost: {lost}"
        self.passed = True

    def _excused(self, lost: str) -> bool:
        return any(word in lost for word in self._loses)

    def _tell(self, lost: str, seconds: float | None) -> None:
        told = Outcome(self._fault, lost, seconds, self._by, "; ".join(self.seen))
        self._record(PROPERTY, asdict(told))
