"""Tells open pages that something changed. Threads tell, streams hear; nobody waits for anybody."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterable

GATHER_SECONDS = 0.1
"""A rollout is a dozen changes in a moment: a page is told of those once."""
ASKED_SECONDS = 15.0
"""A page without a stream, as without script, counts as looked at for so long."""


class Hub:
    """What has changed, as numbers that only grow, and the streams that want to know of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._changed: dict[str, int] = {}
        self._streams: dict[asyncio.Event, tuple[asyncio.AbstractEventLoop, frozenset[str]]] = {}
        self._asked = 0.0
        self._wanted = threading.Event()

    @property
    def number(self) -> int:
        """Return how many changes there were; a page notes it before it is drawn."""
        with self._lock:
            return self._number

    @property
    def streams(self) -> int:
        """Return how many pages listen."""
        return len(self._streams)

    def listens(self, topic: str) -> bool:
        """Return whether a page listens that shows this topic."""
        with self._lock:
            return any(topic in topics for _, topics in self._streams.values())

    def asked(self) -> None:
        """Note that somebody looks at a page: what is only looked at on demand begins to look."""
        self._asked = time.monotonic()
        self._wanted.set()

    def wait_until_watched(self, seconds: float) -> bool:
        """Return whether anybody looks, after at most `seconds`."""
        with self._lock:
            if self._streams or time.monotonic() - self._asked < ASKED_SECONDS:
                return True
            self._wanted.clear()
        return self._wanted.wait(seconds)

    def tell(self, topic: str) -> None:
        """Say that something of a topic changed, from whatever thread."""
        with self._lock:
            self._number += 1
            self._changed[topic] = self._number
            streams = list(self._streams.items())
        for woken, (loop, _) in streams:
            if not loop.is_closed():
                loop.call_soon_threadsafe(woken.set)

    async def changes(self, topics: Iterable[str], since: int) -> AsyncIterator[int]:
        """Yield the newest change's number, each time that one of the topics changed."""
        wanted = frozenset(topics)
        woken = asyncio.Event()
        with self._lock:
            self._streams[woken] = (asyncio.get_running_loop(), wanted)
        self._wanted.set()
        try:
            while True:
                newest = self._newest(wanted)
                if newest > since:
                    since = newest
                    yield since
                    await asyncio.sleep(GATHER_SECONDS)
                woken.clear()
                if self._newest(wanted) <= since:
                    await woken.wait()
                    await asyncio.sleep(GATHER_SECONDS / 2)
        finally:
            with self._lock:
                del self._streams[woken]
            self._asked = time.monotonic()

    def _newest(self, topics: frozenset[str]) -> int:
        with self._lock:
            return max((self._changed.get(topic, 0) for topic in topics), default=0)
