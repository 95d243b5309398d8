"""Sends requests at a steady rate, whatever becomes of those before: an open loop.

A visitor does not wait for the answers of others. Who sends the next request only when the last
was answered sends fewer of them the slower the app is, and so hides what is to be seen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from labs.traffic.target import NO_ANSWER

MOST = 512
"""Requests that may be under way at once; one more is not sent, and is counted as such."""
NOT_SENT = "unsent"
BEHIND = 1.0
"""Seconds that a held-up process makes up for; what it missed before that, nobody asked."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Load:
    """A steady stream of requests, and what became of them."""

    def __init__(self, ask: Callable[[], Awaitable[str]], rate: float, most: int = MOST) -> None:
        self._ask = ask
        self._pause = 1 / rate
        self._most = most
        self._under_way: set[asyncio.Task[None]] = set()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._answers = Counter(
            "traffic_requests",
            f"Requests by the code of their answer; '{NO_ANSWER}': no answer in time, "
            f"'{NOT_SENT}': too many were under way.",
            ["code"],
            registry=self.registry,
        )
        self._answers.labels("200")  # a counter that begins with its first value would hide it
        self._seconds = Histogram(
            "traffic_request_duration_seconds",
            "Seconds from a request to the end of its answer, or to giving it up.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        waiting = Gauge(
            "traffic_requests_under_way", "Requests without an answer yet.", registry=self.registry
        )
        waiting.set_function(lambda: len(self._under_way))
        wanted = Gauge(
            "traffic_wanted_rate", "Requests a second that are to be sent.", registry=self.registry
        )
        wanted.set(rate)

    async def run(self, ended: asyncio.Event) -> None:
        """Send until told to end; then wait for the answers that are still to come."""
        due = time.monotonic()
        while not ended.is_set():
            self._send()
            due = max(due + self._pause, time.monotonic() - BEHIND)
            try:
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await ended.wait()
            except TimeoutError:
                continue
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _send(self) -> None:
        if len(self._under_way) >= self._most:
            self._answers.labels(NOT_SENT).inc()
            return
        task = asyncio.get_running_loop().create_task(self._one())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _one(self) -> None:
        start = time.monotonic()
        code = await self._ask()
        self._seconds.observe(time.monotonic() - start)
        self._answers.labels(code).inc()
