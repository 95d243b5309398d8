"""The loop of a controller: objects are watched, and reconciled when they changed or are due."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from labs.understudy.api_server import GONE, ApiAway, ApiRefused, ApiServer, Kind, Object
from labs.understudy.journal import Journal, where
from labs.understudy.objects import Key, generation, requested

FIRST_RETRY = 1.0
LAST_RETRY = 60.0
"""Seconds to the next attempt after a failure: doubled each time, up to the last."""
Mark = Callable[[Object], Hashable]
Wakes = Callable[[Object], Iterable[Key]]


@dataclass(frozen=True)
class Watched:
    """A kind to watch: what of an object counts as a change, and which objects that concerns."""

    kind: Kind
    mark: Mark
    wakes: Wakes


class Again(Exception):
    """Raised by a reconcile that is worth another attempt soon."""


def own(kind: Kind) -> Watched:
    """Watch a kind for its own sake: its spec changed, or somebody asks for a reconcile."""
    return Watched(
        kind, lambda found: (generation(found), requested(found)), lambda found: [Key.of(found)]
    )


class Store:
    """The objects as they were last seen."""

    def __init__(self) -> None:
        self._objects: dict[Key, Object] = {}
        self._lock = threading.Lock()

    def get(self, key: Key) -> Object | None:
        with self._lock:
            return self._objects.get(key)

    def all(self, kind: Kind) -> list[Object]:
        with self._lock:
            found = sorted(self._objects.items())
        return [one for key, one in found if key.kind == kind.kind]

    def put(self, found: Object) -> None:
        with self._lock:
            self._objects[Key.of(found)] = found

    def remove(self, key: Key) -> None:
        with self._lock:
            self._objects.pop(key, None)


class Controller:
    """Reconciles one object after the other; `reconcile` returns the seconds to the next time.

    It returns None for "only when something changes", and raises Again for "soon".
    """

    def __init__(self, api: ApiServer, watched: Iterable[Watched], journal: Journal) -> None:
        self.api = api
        self.store = Store()
        self.journal = journal
        self._watched = list(watched)
        self._wanted: queue.Queue[Key | None] = queue.Queue()
        self._synced = {watch.kind.kind: threading.Event() for watch in self._watched}
        self._stop = threading.Event()
        self._broken: Exception | None = None
        self._marks: dict[Key, Hashable] = {}
        self._due: list[tuple[float, Key]] = []
        self._next: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}

    @property
    def ready(self) -> bool:
        """Whether every kind has been listed once."""
        return all(event.is_set() for event in self._synced.values())

    def wake(self, key: Key) -> None:
        """Have an object reconciled as soon as may be."""
        self._wanted.put(key)

    def stop(self) -> None:
        """Have `run` return."""
        self._stop.set()
        self._wanted.put(None)

    def run(self, reconcile: Callable[[Key], float | None]) -> None:
        """Watch and reconcile until `stop`. Raises what broke a watch beyond repair.

        What breaks the reconcile of one object ends none of the others': the log tells it.
        """
        for watch in self._watched:
            threading.Thread(target=self._follow, args=(watch,), daemon=True).start()
        for event in self._synced.values():
            while not event.wait(1.0) and not self._stop.is_set():
                pass
        while not self._stop.is_set():
            key = self._take()
            if key is not None:
                self._reconcile(key, reconcile)
        if self._broken is not None:
            raise self._broken

    def _reconcile(self, key: Key, reconcile: Callable[[Key], float | None]) -> None:
        self._next.pop(key, None)
        try:
            again = reconcile(key)
            self._failures.pop(key, None)
        except Exception as failure:  # noqa: BLE001 - told, and tried again
            if isinstance(failure, (ApiAway, ApiRefused)):
                self.journal.say("error", f"the API server: {failure}", key)
            elif not isinstance(failure, Again):
                self.journal.say("error", f"a bug of the understudy: {where(failure)}", key)
            count = self._failures[key] = self._failures.get(key, 0) + 1
            again = min(FIRST_RETRY * 2 ** min(count - 1, 10), LAST_RETRY)
        if again is not None:
            self._next[key] = due = time.monotonic() + again
            heapq.heappush(self._due, (due, key))

    def _take(self) -> Key | None:
        """Return the next object to reconcile, or None at the end."""
        while self._due and self._next.get(self._due[0][1]) != self._due[0][0]:
            heapq.heappop(self._due)  # it was reconciled meanwhile, and is due at another time
        wait = max(self._due[0][0] - time.monotonic(), 0) if self._due else None
        try:
            return self._wanted.get(timeout=wait) if wait != 0 else self._wanted.get_nowait()
        except queue.Empty:
            return heapq.heappop(self._due)[1]

    def _follow(self, watch: Watched) -> None:
        """Keep the store up to date with one kind; a lost connection is taken up again."""
        try:
            retry = FIRST_RETRY
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    self._list_and_watch(watch)
                except (ApiAway, ApiRefused) as gone:
                    if isinstance(gone, ApiRefused) and gone.status == GONE:
                        continue
                    self.journal.say("error", f"watching {watch.kind.plural}: {gone}")
                    lasted = time.monotonic() - began > LAST_RETRY
                    retry = FIRST_RETRY if lasted else retry
                    self._stop.wait(retry)
                    retry = min(retry * 2, LAST_RETRY)
        except Exception as broken:  # noqa: BLE001 - handed to run(), which raises it
            self._broken = broken
            self.stop()

    def _list_and_watch(self, watch: Watched) -> None:
        found, version = self.api.list(watch.kind)
        there = {Key.of(one) for one in found}
        for known in self.store.all(watch.kind):
            if Key.of(known) not in there:
                self._gone(known, watch)
        for one in found:
            self._changed(one, watch)
        self._synced[watch.kind.kind].set()
        while not self._stop.is_set():
            for what, one in self.api.watch(watch.kind, version):
                version = one["metadata"]["resourceVersion"]
                if what == "DELETED":
                    self._gone(one, watch)
                elif what != "BOOKMARK":
                    self._changed(one, watch)

    def _changed(self, found: Object, watch: Watched) -> None:
        key, mark = Key.of(found), (found["metadata"]["uid"], watch.mark(found))
        self.store.put(found)
        if self._marks.get(key) != mark:
            self._marks[key] = mark
            self._wake_for(found, watch)

    def _gone(self, found: Object, watch: Watched) -> None:
        key = Key.of(found)
        self.store.remove(key)
        self._marks.pop(key, None)
        self._wake_for(found, watch)

    def _wake_for(self, found: Object, watch: Watched) -> None:
        for key in watch.wakes(found):
            self.wake(key)
