"""What a page may reach: the lab, and what is known of each of its parts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.requests import Request

from labs.console.doing import Proposals
from labs.console.feeds.alerts import Alerts
from labs.console.feeds.ci import Ci
from labs.console.feeds.git import Git
from labs.console.feeds.progress import Labs
from labs.console.feeds.registry import Registry
from labs.console.feeds.ticks import Ticks
from labs.console.following import Following
from labs.console.hub import Hub
from labs.console.seat import Seat
from labs.errors import LabError
from labs.gitops import images
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.desk import WRITERS, Desk
from labs.platform import kubernetes
from labs.platform.watched import WatchedCluster

T = TypeVar("T")


@dataclass(frozen=True)
class Asked(Generic[T]):
    """What a part answered, or what is the matter with it; a template shows one or the other."""

    value: T | None
    trouble: LabError | None = None


def asked(question: Callable[[], T]) -> Asked[T]:
    """Ask a part; what it cannot answer is for the page to show, beside all the rest."""
    try:
        return Asked(question())
    except LabError as trouble:
        return Asked(None, trouble)


class Site:
    """The lab behind the pages. Its feeds run until the process ends."""

    def __init__(self, seat: Seat, token: str) -> None:
        self.seat = seat
        self.token = token
        self.hub = Hub()
        self._making = threading.Lock()
        self._kept: dict[Callable[[Site], Any], Any] = {}
        self.cluster = WatchedCluster(seat.kubeconfig, lambda kind: self.hub.tell("cluster"))
        kubernetes.keep(seat, self.cluster)
        self.git = Git(seat, self.hub)
        self.registry = Registry(seat, self.hub)
        self.ci = Ci(seat, self.hub)
        self.alerts = Alerts(seat, self.hub)
        self.labs = Labs(seat, self.hub)
        self.ticks = Ticks(seat, self.hub, 0)
        self.following = Following(seat, self.hub)
        self.proposals = Proposals(self.desk)

    def start(self) -> None:
        """Begin to look at everything, in the background."""
        self.cluster.start()
        for feed in (self.git, self.registry, self.ci, self.alerts, self.labs, self.ticks):
            feed.start()

    def kept(self, make: Callable[[Site], T]) -> T:
        """Return what a page keeps of this site from look to look; the first that asks makes it."""
        with self._making:
            if make not in self._kept:
                self._kept[make] = make(self)
            found: T = self._kept[make]
            return found

    def repo(self) -> ConfigRepo:
        """Return the console's own clone of the config repo. Raises LabError without one."""
        return self.git.repo()

    def desk(self, by: str = WRITERS[0]) -> Desk:
        """Return the desk from which a change is made: as the attendee, in the console's clone."""
        return Desk(self.repo(), by, lambda image: images.versions(self.seat, image))


def site(request: Request) -> Site:
    """Return the site that a request is for."""
    found: Site = request.app.state.site
    return found
