"""The registry: each image's versions, when and from which commit they were built."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from labs.console.feeds.feed import Feed
from labs.console.hub import Hub
from labs.console.seat import Seat
from labs.gitops import images
from labs.gitops.images import Image
from labs.platform import registry

CHECK_SECONDS = 10.0
"""So often the digest of each tag is asked for; a tag that comes or goes is seen at once."""
Names = Mapping[str, tuple[str, ...]]


class Registry(Feed[Mapping[str, tuple[Image, ...]]]):
    """Each image's tags, the newest version first, by the image's name."""

    topic = "registry"
    interval = 2.0

    def __init__(self, seat: Seat, hub: Hub, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(seat, hub, {})
        self._known: dict[tuple[str, str], Image] = {}
        self._names: Names = {}
        self._checked = 0.0
        self._clock = now

    def look(self) -> Mapping[str, tuple[Image, ...]]:
        names = {
            name: tuple(images.newest_first(registry.tags(self.seat, name)))
            for name in images.repositories(self.seat)
        }
        if names != self._names or self._clock() - self._checked >= CHECK_SECONDS:
            self._check(names)
        return {
            name: tuple(self._known[name, tag] for tag in tags if (name, tag) in self._known)
            for name, tags in names.items()
        }

    def _check(self, names: Names) -> None:
        # The gate keeps a version's tag in its place, but a reset makes the registry anew: there,
        # the same tag is another image.
        found = (
            (name, tag, self._image(name, tag)) for name, tags in names.items() for tag in tags
        )
        self._known = {(name, tag): one for name, tag, one in found if one is not None}
        self._names, self._checked = names, self._clock()

    def _image(self, name: str, tag: str) -> Image | None:
        known = self._known.get((name, tag))
        if known is not None and registry.digest(self.seat, name, tag) == known.digest:
            return known
        return images.image(self.seat, name, tag)
