"""Shows what changes: beside the notebook's cells (watch), or until it is done (follow, wait)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from labs import catalogue, readiness, show
from labs.errors import LabError
from labs.instance import Instance
from labs.step import Frame
from labs.wait import NotYet, TimedOut, wait_for

INTERVAL = 1.0
"""Seconds from one look to the next."""
BUILD_SECONDS = 3600.0
"""How long a reader may wait for parts that are still being made: a first build takes its time."""

_watches: dict[str, threading.Event] = {}


def watch(name: str, seconds: float = BUILD_SECONDS) -> None:
    """Show something as it changes, in place, without holding up the notebook."""
    view = catalogue.view_named(name)
    instance = Instance.current()
    if name in _watches:
        _watches[name].set()  # run again: the new display takes over
    _watches[name] = ended = threading.Event()
    first = view(instance)
    live = show.Live(first.text)
    if first.done:
        return

    def follow_it() -> None:
        try:
            _follow(lambda: view(instance), live, ended, seconds)
        except TimedOut:
            live.update("This view has ended. Run its cell again to go on watching.")
        except LabError as failed:  # a thread has no cell to fail: the view says it
            live.update(f"{failed}\n\nRun the cell again to go on watching.")

    threading.Thread(target=follow_it, name=f"watch-{name}", daemon=True).start()


def follow(name: str, seconds: float = BUILD_SECONDS) -> None:
    """Show something as it changes, until it is done: `lab watch`. Raises TimedOut."""
    view = catalogue.view_named(name)
    instance = Instance.current()
    first = view(instance)
    live = show.Live(first.text)
    if not first.done:
        _follow(lambda: view(instance), live, threading.Event(), seconds)


def wait(name: str | int | None = None, seconds: float = BUILD_SECONDS) -> None:
    """Wait until the parts that a lab needs are there; without a name, those of all labs.

    Raises LabError at once if a part failed. May be interrupted, and run again.
    """
    chosen = catalogue.LABS if name is None else (catalogue.lab_named(name),)
    needs = tuple(dict.fromkeys(stage for lab in chosen for stage in lab.needs))
    instance = Instance.current()
    passing = show.Passing()

    def there() -> None:
        parts = readiness.missing(instance, needs)
        if parts:
            raise NotYet("; ".join(str(part) for part in parts[:2]))

    try:
        wait_for(
            there,
            what="every part",
            timeout=seconds,
            interval=INTERVAL,
            todo="run the cell again; `lab status` shows which part is not well",
            on_wait=lambda seen, waited: passing.update(f"… {waited:.0f} s: {seen}"),
        )
    finally:
        passing.end()
    show.line("Every part is there.")


def _follow(
    look: Callable[[], Frame], live: show.Live, ended: threading.Event, seconds: float
) -> None:
    def done() -> None:
        if ended.is_set():
            return
        frame = look()
        live.update(frame.text)
        if not frame.done:
            raise NotYet(frame.text)

    wait_for(done, what="the end of what is watched", timeout=seconds, interval=INTERVAL)
