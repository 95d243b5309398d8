"""Followers: one thread looks at one thing, however many people look at its page.

A commit on its way, a run of CI, a pod's log: each changes while somebody looks, and is told by
nobody. A follower begins when a page asks for it, tells the page's topic of each change, and ends
when there is nothing more to come, or when no page has asked for a while and none listens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from labs.bugs import bug
from labs.console.hub import Hub
from labs.console.seat import Seat
from labs.errors import LabError
from labs.gitops import ci, sync
from labs.gitops.ci import CiRun
from labs.gitops.commits import Commit
from labs.gitops.stages import STAGES, Reached
from labs.gitops.sync_text import SAYS
from labs.platform import kubernetes

T = TypeVar("T")
LIFE_SECONDS = 600.0
"""How long a follower goes on after a page last asked for it, or listened to its topic."""
MOST = 16
"""How many look at once, beside those that a page listens to, which are as many as open pages;
of more, the one that was not asked for the longest ends."""
FIRST_SECONDS = 4.0
"""How long a page waits for a follower's first look."""
SLOW_SECONDS = 2.0
"""From one look to the next while a part is in trouble."""
COMMIT_SECONDS = 0.4
RUN_SECONDS = 0.5
POD_SECONDS = 1.0
LOG_SECONDS = 900
"""How far back a pod's log is shown."""


@dataclass(frozen=True)
class Step:
    """One stage of a commit's way: `at` in Unix seconds, `took` in seconds since the one before."""

    name: str
    says: str
    at: float | None
    took: float | None


@dataclass(frozen=True)
class Way:
    """How far a commit is: what it has reached, what it waits for, and when Flux looks again."""

    commit: Commit
    reached: dict[str, Reached]
    waits_for: str = ""
    asks_again: float | None = None
    """When Flux asks the Git server next, in Unix seconds, where the commit waits for that."""

    @property
    def live(self) -> bool:
        return len(self.reached) == len(STAGES)

    @property
    def steps(self) -> list[Step]:
        """The stages, each with when it was reached and how long it took, if it was."""
        found = []
        before: Reached | None = None
        for name in STAGES:
            reached = self.reached.get(name)
            took = max(0.0, reached.at - before.at) if reached and before else None
            found.append(Step(name, SAYS[name], reached.at if reached else None, took))
            before = reached
        return found

    @property
    def seconds(self) -> float:
        """The seconds from push to live."""
        return max(0.0, self.reached["live"].at - self.reached["pushed"].at)


@dataclass(frozen=True)
class RunLog:
    """A run of CI and what it has said so far."""

    run: CiRun
    text: str


class Follower(Generic[T]):
    """What was seen last, and what is the matter, if anything."""

    def __init__(
        self, hub: Hub, topic: str, look: Callable[[], tuple[T, bool]], interval: float
    ) -> None:
        self.topic = topic
        self.seen: T | None = None
        self.trouble: LabError | None = None
        self.ended = False
        """Whether there is nothing more to come."""
        self.asked = time.monotonic()
        self._hub = hub
        self._look = look
        self._interval = interval
        self._looked = threading.Event()
        self._stop = threading.Event()

    @property
    def gone(self) -> bool:
        """Return whether it looks no more, although there may be more to come."""
        return self._stop.is_set()

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"follow-{self.topic}", daemon=True).start()

    @property
    def wanted(self) -> bool:
        """Return whether an open page listens to what it tells."""
        return self._hub.listens(self.topic)

    def stop(self) -> None:
        """Look no more. A page that shows what it saw is told, and asks for another follower."""
        if not self.gone:
            self._stop.set()
            self._hub.tell(self.topic)

    def wait(self) -> None:
        """Wait until it has looked once, within reason."""
        self._looked.wait(FIRST_SECONDS)

    def _run(self) -> None:
        while not self.ended and not self.gone:
            if self.wanted:
                self.asked = time.monotonic()
            if time.monotonic() - self.asked > LIFE_SECONDS:
                self.stop()
            elif self._hub.wait_until_watched(SLOW_SECONDS):
                self._take()
                self._stop.wait(SLOW_SECONDS if self.trouble else self._interval)

    def _take(self) -> None:
        before = (self.seen, str(self.trouble or ""), self.ended)
        try:
            self.seen, self.ended = self._look()
            self.trouble = None
        except LabError as trouble:
            self.trouble = trouble
        except Exception as found:  # noqa: BLE001 - told, and looked at again
            self.trouble = bug(f"following {self.topic}", found)
        self._looked.set()
        if (self.seen, str(self.trouble or ""), self.ended) != before:
            self._hub.tell(self.topic)


class Following:
    """The followers of a console, each by its topic."""

    def __init__(self, seat: Seat, hub: Hub) -> None:
        self._seat = seat
        self._hub = hub
        self._lock = threading.Lock()
        self._followers: dict[str, Follower[Any]] = {}

    def commit(self, sha: str) -> Follower[Way]:
        """Return who follows a commit, by its whole name; the topic is `commit-<sha>`."""

        def look() -> tuple[Way, bool]:
            found = sync.look(self._seat, sha)
            poll = found.poll
            asks_again = None if poll is None else poll.last + poll.interval
            way = Way(found.commit, found.reached, found.waits_for, asks_again)
            return way, way.live

        return self._follower(f"commit-{sha}", look, COMMIT_SECONDS)

    def run(self, number: int) -> Follower[RunLog]:
        """Return who follows a run of CI; the topic is `ci-<number>`."""

        def look() -> tuple[RunLog, bool]:
            run = ci.run(self._seat, number)  # before the log: what ends it is in the log then
            return RunLog(run, ci.log(self._seat, number)), run.has_ended

        return self._follower(f"ci-{number}", look, RUN_SECONDS)

    def pod(self, name: str, namespace: str) -> Follower[str]:
        """Return who follows a pod's log; the topic is `log-<namespace>-<name>`."""

        def look() -> tuple[str, bool]:
            return kubernetes.api(self._seat).logs(name, namespace, LOG_SECONDS), False

        return self._follower(f"log-{namespace}-{name}", look, POD_SECONDS)

    def _follower(
        self, topic: str, look: Callable[[], tuple[T, bool]], interval: float
    ) -> Follower[T]:
        with self._lock:
            found = self._followers.get(topic)
            if found is None or found.gone:
                self._make_room()
                found = self._followers[topic] = Follower(self._hub, topic, look, interval)
                found.start()
            found.asked = time.monotonic()
        found.wait()
        return found

    def _make_room(self) -> None:
        """Forget those that look no more, and end those that are too many."""
        idle = [(topic, one) for topic, one in self._followers.items() if not one.wanted]
        idle.sort(key=lambda each: each[1].asked)
        for topic, one in idle[: max(0, len(idle) - MOST + 1)]:
            one.stop()
            del self._followers[topic]
