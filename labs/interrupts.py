"""Ctrl-C and its like, where something has to be put back: heard once, then not any more."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def politely() -> Iterator[None]:
    """Treat the end of the terminal, and a plain kill, as Ctrl-C: all is put back."""
    if not _hears_signals():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Have an impatient second Ctrl-C pass by, also for the commands that are run meanwhile."""
    if not _hears_signals():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _hears_signals() -> bool:
    """Return whether this is the main thread: signals are none of another's business."""
    return threading.current_thread() is threading.main_thread()
