"""The one way to wait: for a condition, with a bound, telling what was last seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from labs.errors import LabError

T = TypeVar("T")


class NotYet(Exception):
    """Raised by a condition that does not hold yet; its text is the state that was seen."""


class TimedOut(LabError):
    """The condition did not come true within the time."""


def wait_for(
    condition: Callable[[], T],
    *,
    what: str,
    timeout: float,
    interval: float = 0.5,
    todo: str = "run it again; `make status` shows which part is not well",
    on_wait: Callable[[str, float], None] | None = None,
) -> T:
    """Return what `condition` returns, as soon as it no longer raises NotYet.

    `timeout` and `interval` are seconds. `on_wait(state, seconds)` is told each state that was
    seen, so that a caller can show it. Raises TimedOut with the last state.
    """
    start = time.monotonic()
    while True:
        try:
            return condition()
        except NotYet as state:
            waited = time.monotonic() - start
            if on_wait is not None:
                on_wait(str(state), waited)
            if waited >= timeout:
                raise TimedOut(
                    f"{state} (after {waited:.0f} s)",
                    expected=f"{what} within {timeout:.0f} s",
                    todo=todo,
                ) from None
        time.sleep(interval)
