"""The runs of CI and their queue, kept in files: whatever is killed, no run is lost or forgotten.

A run that was cut off ends as `interrupted`, says so in its log, and is queued again as a new run
in the place of the old one.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

MOST_ATTEMPTS = 3
"""A run that ends the runner three times over is not tried again."""

ENDED = ("success", "failure", "interrupted")


class Gone(Exception):
    """A report about a run that is not (or no longer) this runner's; the text says why."""


@dataclass
class Run:
    """One run of the workflow for one commit. Times are Unix seconds."""

    number: int
    repo: str
    ref: str
    commit: str
    subject: str
    pusher: str
    reason: str
    queued: float
    order: int
    """Its place in the queue: the number of the run that it repeats, else its own."""
    attempt: int = 1
    state: str = "queued"
    started: float | None = None
    ended: float | None = None
    why: str = ""
    again: int | None = None
    """The run that repeats this one, which was interrupted."""
    stages: list[dict[str, object]] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    session: str = ""

    def shown(self) -> dict[str, object]:
        """Return what the world sees of it, its duration included."""
        told = asdict(self)
        del told["session"], told["order"]
        end = self.ended if self.ended is not None else time.time()
        told["seconds"] = None if self.started is None else round(end - self.started, 3)
        return told


class Runs:
    """All runs, in a folder; the newest has the highest number. Safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changed = threading.Condition(threading.RLock())
        self.heard = 0.0
        """When a runner was last heard of, in Unix seconds."""
        self._all: dict[int, Run] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*/run.json"):
            run = Run(**json.loads(path.read_text()))
            self._all[run.number] = run
        for run in self.all():
            if run.state == "running":
                self.interrupt(run, "the dispatcher was restarted")

    def all(self) -> list[Run]:
        """Return every run, oldest first."""
        with self.changed:
            return [self._all[number] for number in sorted(self._all)]

    def get(self, number: int) -> Run | None:
        with self.changed:
            return self._all.get(number)

    def queue(self) -> list[Run]:
        """Return the runs that wait, the next one first."""
        waiting = (run for run in self.all() if run.state == "queued")
        return sorted(waiting, key=lambda run: (run.order, run.number))

    def running(self) -> Run | None:
        return next((run for run in self.all() if run.state == "running"), None)

    def add(self, repo: str, ref: str, commit: str, subject: str, pusher: str, reason: str) -> Run:
        """Queue a run and return it; it is on the disk when this returns."""
        with self.changed:
            number = max(self._all, default=0) + 1
            run = Run(number, repo, ref, commit, subject, pusher, reason, time.time(), number)
            self._put(run)
            return run

    def take(self, session: str, timeout: float) -> Run | None:
        """Return the next run, now this runner's; None if there is none within `timeout` s."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                self.heard = time.time()
                waiting = self.queue()
                if waiting and self.running() is None:
                    run = waiting[0]
                    run.state, run.started, run.session = "running", time.time(), session
                    self._put(run)
                    return run
                left = end - time.monotonic()
                if left <= 0:
                    return None
                self.changed.wait(left)

    def greet(self, session: str) -> None:
        """A runner has started: what an earlier one had in hand is interrupted."""
        with self.changed:
            self.heard = time.time()
            run = self.running()
            if run is not None and run.session != session:
                self.interrupt(run, "the runner was restarted")

    def expire(self, silence: float) -> None:
        """Interrupt the run whose runner has said nothing for `silence` seconds."""
        with self.changed:
            run = self.running()
            if run is not None and time.time() - self.heard > silence:
                self.interrupt(run, f"nothing was heard of the runner for {silence:.0f} s")

    def report(self, number: int, session: str, events: list[dict[str, object]]) -> None:
        """Take in what the runner tells of its run. Raises Gone if it is not its run."""
        with self.changed:
            run = self._mine(number, session)
            lines = [str(event["log"]) for event in events if "log" in event]
            self._log(number, "".join(f"{line}\n" for line in lines))
            for event in events:
                if isinstance(stage := event.get("stage"), dict):
                    run.stages = [s for s in run.stages if s["name"] != stage["name"]] + [stage]
                if isinstance(output := event.get("output"), dict):
                    run.outputs.update({str(key): str(value) for key, value in output.items()})
            if any("log" not in event for event in events):
                self._put(run)
            self.changed.notify_all()

    def end(self, number: int, session: str, result: str, why: str) -> None:
        """Take in how the run ended. Raises Gone if it is not this runner's."""
        with self.changed:
            run = self._mine(number, session)
            if result == "interrupted":
                self.interrupt(run, why)
                return
            run.state, run.ended, run.why = result, time.time(), why
            self._put(run)

    def interrupt(self, run: Run, why: str) -> None:
        """End the run as interrupted, and queue it again in its place."""
        with self.changed:
            run.state, run.ended, run.why = "interrupted", time.time(), why
            for stage in run.stages:
                if stage.get("result") == "running":
                    stage["result"] = "interrupted"
            said = f"interrupted: {why}; "
            if run.attempt < MOST_ATTEMPTS:
                repeat = self.add(
                    *(run.repo, run.ref, run.commit, run.subject, run.pusher),
                    f"again, since run {run.number} was interrupted ({why})",
                )
                repeat.order, repeat.attempt = run.order, run.attempt + 1
                run.again = repeat.number
                self._put(repeat)
                said += f"queued again as run {repeat.number}"
            else:
                run.state = "failure"
                said += f"not queued again after {run.attempt} attempts"
            self._log(run.number, f"{said}\n")
            self._put(run)

    def read_log(self, number: int, offset: int = 0) -> bytes:
        """Return the log from a byte on."""
        path = self.folder / str(number) / "log"
        if not path.exists():
            return b""
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()

    def follow(self, number: int) -> Iterator[bytes]:
        """Yield the log as it grows, until the run has ended; nothing at times, to keep awake."""
        offset = 0
        while True:
            with self.changed:
                run = self._all[number]
                ended = run.state in ENDED
                part = self.read_log(number, offset)
                if not part and not ended:
                    self.changed.wait(5)
                    part = self.read_log(number, offset)
            offset += len(part)
            yield part
            if ended and not part:
                return

    def _mine(self, number: int, session: str) -> Run:
        run = self._all.get(number)
        if run is None or run.state != "running" or run.session != session:
            raise Gone(f"run {number} is {run.state if run else 'unknown'}, and not yours")
        self.heard = time.time()
        return run

    def _log(self, number: int, text: str) -> None:
        if text:
            with (self.folder / str(number) / "log").open("a") as file:
                file.write(text)

    def _put(self, run: Run) -> None:
        """Write the run: whole or not at all, and on the disk before anybody hears of it."""
        self._all[run.number] = run
        place = self.folder / str(run.number)
        place.mkdir(exist_ok=True)
        temporary = place / ".run.json"
        with temporary.open("w") as file:
            json.dump(asdict(run), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place / "run.json")
        self.changed.notify_all()
