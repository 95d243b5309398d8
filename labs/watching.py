"""Shows what changes: beside the notebook's cells (watch), or until it is done (follow, wait)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from labs import catalogue, readiness, show
from labs.errors import LabError
from labs.instance import Instance
from labs.step import Frame, View
from labs.wait import NotYet, TimedOut, wait_for

INTERVAL = 1.0
"""Seconds from one look to the next."""
DRAW_INTERVAL = 3.0
"""Seconds from one picture to the next: Prometheus has new values every 5 s at most."""
BUILD_SECONDS = 3600.0
"""How long a reader may wait for parts that are still being made: a first build takes its time."""

_watches: dict[str, threading.Event] = {}


def view_named(name: str) -> View:
    """Return what `lab.watch(name)` shows: a lab's own, or what there is in all of them."""
    if name == "alerts":
        from labs import alerting

        return alerting.view
    return catalogue.view_named(name)


def watch(
    name: str = "",
    seconds: float = BUILD_SECONDS,
    *,
    promql: str = "",
    title: str = "",
    minutes: float = 5,
) -> None:
    """Show something as it changes, in place, without holding up the notebook.

    With `promql`, a picture of its last minutes, drawn anew for as many minutes. Raises LabError
    where nothing, or both, is asked for, and what the first look raises.
    """
    if bool(name) == bool(promql):
        raise LabError(
            "a view and a query at once" if name else "nothing to watch",
            expected="the name of a view, or a query of Prometheus",
            todo='`lab.watch("alerts")`, or `lab.watch(promql="up")`',
        )
    if promql:
        from labs.metrics import live as pictures

        name = title or promql
        view, seconds, interval = pictures.view(promql, title, minutes), minutes * 60, DRAW_INTERVAL
    else:
        view, interval = view_named(name), INTERVAL
    instance = Instance.current()
    if name in _watches:
        _watches[name].set()  # run again: the new display takes over
    _watches[name] = ended = threading.Event()
    first = view(instance)
    live = show.Live(first.text, first.drawing)
    if first.done:
        return

    def follow_it() -> None:
        try:
            _follow(lambda: view(instance), live, ended, seconds, interval)
        except TimedOut:
            if not promql:  # the last picture stays: it is what was to be seen
                live.update("This view has ended. Run its cell again to go on watching.")
        except LabError as failed:  # a thread has no cell to fail: the view says it
            live.update(f"{failed}\n\nRun the cell again to go on watching.")

    threading.Thread(target=follow_it, name=f"watch-{name}", daemon=True).start()


def follow(name: str, seconds: float = BUILD_SECONDS) -> None:
    """Show something as it changes, until it is done: `lab watch`. Raises TimedOut."""
    view = view_named(name)
    instance = Instance.current()
    first = view(instance)
    live = show.Live(first.text, first.drawing)
    if not first.done:
        _follow(lambda: view(instance), live, threading.Event(), seconds, INTERVAL)


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
    look: Callable[[], Frame],
    live: show.Live,
    ended: threading.Event,
    seconds: float,
    interval: float,
) -> None:
    def done() -> None:
        if ended.is_set():
            return
        frame = look()
        live.update(frame.text, frame.drawing)
        if not frame.done:
            raise NotYet(frame.text)

    wait_for(done, what="the end of what is watched", timeout=seconds, interval=interval)
