"""A feed: looks at one part of the lab again and again, while anybody looks at a page."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from labs.bugs import bug
from labs.console.hub import Hub
from labs.console.seat import Seat
from labs.errors import LabError

T = TypeVar("T")
IDLE_SECONDS = 3600.0


class Feed(ABC, Generic[T]):
    """What was seen last of a part, and what is the matter with it, if anything.

    A part that does not answer leaves what was seen before it went; `trouble` says so.
    """

    topic = ""
    interval = 1.0
    """Seconds from one look to the next."""

    def __init__(self, seat: Seat, hub: Hub, nothing: T) -> None:
        self.seat = seat
        self._hub = hub
        self._now = threading.Event()
        self.seen = nothing
        self.trouble: LabError | None = None
        self.looked = threading.Event()
        """Set once the part was asked at all."""

    @abstractmethod
    def look(self) -> T:
        """Return the part as it is now. Raises LabError where it does not answer."""

    def value(self) -> T:
        """Return what was seen last. Raises LabError while the part does not answer."""
        self.looked.wait(5.0)
        if self.trouble is not None:
            raise self.trouble
        return self.seen

    def hurry(self) -> None:
        """Look at once: something is known to have happened."""
        self._now.set()

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"feed-{self.topic}", daemon=True).start()

    def _run(self) -> None:
        while True:
            if not self._hub.wait_until_watched(IDLE_SECONDS):
                continue
            self._now.clear()
            self._take()
            self._now.wait(self.interval)

    def _take(self) -> None:
        before = (self.seen, str(self.trouble or ""))
        try:
            self.seen, self.trouble = self.look(), None
        except LabError as away:
            self.trouble = away
        except Exception as found:  # noqa: BLE001 - told, and looked at again
            self.trouble = bug(f"looking at {self.topic}", found)
        self.looked.set()
        if (self.seen, str(self.trouble or "")) != before:
            self._hub.tell(self.topic)
