"""People who ask the app while something happens to it, and what each of them was answered.

A new connection for each question, so that it reaches whichever pod a visitor would reach.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass

from labs.instance import Instance
from labs.platform import app
from labs.platform.loopback import fetch
from labs.wait import NotYet

PEOPLE = 3
PAUSE = 0.05
"""Seconds from an answer to the next question of the same person."""
PATIENCE = 10.0
"""Seconds after which nobody waits for an answer any more."""


@dataclass(frozen=True)
class Answer:
    """One question: when its answer was there, in seconds of `time.monotonic`, and what it said."""

    at: float
    version: str
    failure: str = ""


class Crowd:
    """Some people who ask the app from the beginning of a `with` block to its end."""

    def __init__(self, instance: Instance, people: int = PEOPLE, pause: float = PAUSE) -> None:
        self.people, self.pause = people, pause
        self._url = f"{app.address(instance)}api"
        self._answers: list[Answer] = []
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, name=f"asks-{number}", daemon=True)
            for number in range(people)
        ]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=PATIENCE + 1)

    def answers(self, since: float = 0.0) -> list[Answer]:
        """Return what was answered since then, in order of time."""
        found = [answer for answer in self._answers.copy() if answer.at >= since]
        return sorted(found, key=lambda answer: answer.at)

    def first(self, version: str, since: float) -> float:
        """Return when a version first answered. Raises NotYet."""
        for answer in self.answers(since):
            if answer.version == version:
                return answer.at
        raise NotYet(f"version {version} has not answered yet")

    def last_of_others(self, version: str, since: float) -> float:
        """Return when another version than this last answered; `since` where none did."""
        others = [
            answer.at
            for answer in self.answers(since)
            if not answer.failure and answer.version != version
        ]
        return max(others, default=since)

    def _ask(self) -> None:
        while not self._ended.is_set():
            answer = ask(self._url)
            self._answers.append(answer)
            self._ended.wait(self.pause)


def ask(url: str) -> Answer:
    """Return one answer; whoever was refused, or told of an error, has a failure."""
    try:
        found = fetch(url, timeout=PATIENCE)
    except NotYet as silent:
        return Answer(time.monotonic(), "", str(silent))
    now = time.monotonic()
    if found.status != 200:
        return Answer(now, "", f"{url} answered {found.status}")
    try:
        return Answer(now, str(json.loads(found.body)["version"]))
    except (ValueError, KeyError, TypeError):
        return Answer(now, "", f"{url} answered, and not as the app does")
