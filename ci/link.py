"""The runner's side of the talk with the dispatcher: it asks for work, and tells how it goes."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from ci import secrets_file
from ci.act import Event

PAUSE = 0.25
"""Seconds in which lines are gathered before they are sent."""

HEARTBEAT = 4.0
"""Seconds after which a run that says nothing is said to be alive."""

PATIENCE = 60.0
"""Seconds for which a run goes on while the dispatcher does not answer."""

LONGEST_LOG = 8 * 1024 * 1024

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Gone(Exception):
    """The run is not this runner's any more."""


class Unreachable(Exception):
    """The dispatcher does not answer, or does not (yet) know this runner."""


class Link:
    """Requests to the dispatcher, in the name of one start of the runner."""

    def __init__(self, url: str, session: str) -> None:
        self.url, self.session = url, session

    def ask(self, path: str, **told: object) -> dict[str, Any]:
        """Return the answer. Raises Gone or Unreachable."""
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=json.dumps({"session": self.session, **told}).encode(),
            headers={"Authorization": f"Bearer {secrets_file.read().get('runner', '')}"},
        )
        try:
            with OPENER.open(request, timeout=40) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as refused:
            with refused:
                said = refused.read().decode(errors="replace")
            if refused.code == 410:
                raise Gone(said) from refused
            raise Unreachable(f"{refused.code}: {said}") from refused
        except (OSError, ValueError) as trouble:
            raise Unreachable(str(trouble)) from trouble


class Reporter:
    """Sends a run's events in order, from a thread of its own; `stop` is called when it is lost."""

    def __init__(self, link: Link, number: int, stop: Callable[[str], None]) -> None:
        self.link, self.number, self.lost = link, number, ""
        self._stop = stop
        self._waiting: list[Event] = []
        self._length = 0
        self._ended = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def tell(self, event: Event) -> None:
        """Add an event; a log that is endless is cut, and says so."""
        with self._news:
            if "log" in event:
                before, self._length = self._length, self._length + len(str(event["log"]))
                if before > LONGEST_LOG:
                    return
                if self._length > LONGEST_LOG:
                    event = {"log": f"(the log is cut here, after {LONGEST_LOG} characters)"}
            self._waiting.append(event)
            self._news.notify()

    def finish(self) -> None:
        """Send what is left, and end."""
        with self._news:
            self._ended = True
            self._news.notify()
        self._thread.join()

    def _send(self) -> None:
        heard = time.monotonic()
        while not self.lost:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._ended, timeout=HEARTBEAT)
                if not self._ended:
                    self._news.wait_for(lambda: self._ended, timeout=PAUSE)
                batch, ended = self._waiting[:2000], self._ended
            if ended and not batch:
                return
            try:
                self.link.ask(f"/runner/runs/{self.number}/events", events=batch)
            except Gone as gone:
                self.lost = f"the dispatcher has given the run up: {gone}"
            except Unreachable as trouble:
                if time.monotonic() - heard > PATIENCE:
                    self.lost = f"the dispatcher does not answer: {trouble}"
                with self._news:
                    self._news.wait(1)
                continue
            heard = time.monotonic()
            with self._news:
                del self._waiting[: len(batch)]
        self._stop(self.lost)
