"""The reader's progress: what of the labs is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labs.console.feeds.feed import Feed
from labs.console.hub import Hub
from labs.console.seat import Seat
from labs.progress import Progress, nothing


class Labs(Feed[Mapping[str, Any]]):
    """What `labs.progress` has written down."""

    topic = "progress"

    def __init__(self, seat: Seat, hub: Hub) -> None:
        super().__init__(seat, hub, nothing())

    def look(self) -> Mapping[str, Any]:
        return Progress(self.seat).read()
