"""The moments at which pages with numbers look again."""

from __future__ import annotations

from labs.console.feeds.feed import Feed

REFRESH_SECONDS = 10.0


class Ticks(Feed[int]):
    """Tells pages with numbers that it is time: Prometheus tells nobody of a new value."""

    topic = "metrics"
    interval = REFRESH_SECONDS

    def look(self) -> int:
        return self.seen + 1
