"""A feed goes on looking, whatever it met, and tells what is the matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.bugs import Bug
from labs.console.feeds.feed import Feed
from labs.console.hub import Hub
from labs.console.seat import Seat
from labs.errors import LabError


class Counts(Feed[int]):
    """Raises what it is given, else counts its looks."""

    topic = "counts"

    def __init__(self, hub: Hub, folder: Path) -> None:
        super().__init__(Seat("lab", folder), hub, 0)
        self.raises: Exception | None = None

    def look(self) -> int:
        if self.raises is not None:
            raise self.raises
        return self.seen + 1


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def feed(hub: Hub, tmp_path: Path) -> Counts:
    return Counts(hub, tmp_path)


@pytest.mark.parametrize(
    "raised", [LabError("away", expected="e", todo="t"), ValueError("strange")]
)
def test_trouble_of_any_kind_is_told_once_and_ends(
    hub: Hub, feed: Counts, raised: Exception
) -> None:
    feed._take()
    feed.raises = raised
    feed._take()
    feed._take()
    assert hub.number == 2, "the same trouble is no news"
    assert isinstance(feed.trouble, Bug) is isinstance(raised, ValueError)
    assert feed.seen == 1, "what was seen before stays"
    with pytest.raises(LabError):
        feed.value()
    feed.raises = None
    feed._take()
    assert feed.value() == 2
    assert hub.number == 3
