"""Says what a long step does, how far it is and how long it took last time.

Told in three places: on the terminal (a live line, or plain lines with a heartbeat), in
`status.json` for lab 00 and `lab status`, and in a log for each part.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labs.instance import write_json
from scripts.supply.parts import Part

HEARTBEAT = 30.0
"""Seconds between two plain lines of a step that goes on."""
TICK = 1.0
"""Seconds between two looks at the step: the live line and status.json are that old at most."""
WIDTH = 79


def duration(seconds: float) -> str:
    """Return seconds as people say them: `48 s`, `3 min 20 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60:02d} s"


def alive(pid: object) -> bool:
    """Return whether a process of this number runs."""
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Durations:
    """How long each part took the last time it was made on this machine, in seconds."""

    def __init__(self, root: Path) -> None:
        self._path = root / "durations.json"

    def last(self, part: Part) -> float | None:
        """Return the seconds of the last time, or None if it was never made here."""
        seconds = _read(self._path).get(part.name)
        return None if seconds is None else float(seconds)

    def expected(self, part: Part) -> float:
        """Return the seconds of the last time, or those of the list, measured elsewhere."""
        last = self.last(part)
        return part.about if last is None else last

    def record(self, part: Part, seconds: float) -> None:
        with _exclusive(self._path):
            write_json(self._path, {**_read(self._path), part.name: round(seconds, 1)})


class Board:
    """status.json: what every part is doing, written by each process that makes one."""

    def __init__(self, root: Path) -> None:
        self._path = root / "status.json"

    def read(self) -> dict[str, dict[str, Any]]:
        """Return what was last written of each part, by the part's key."""
        return {row["key"]: row for row in _read(self._path).get("parts", [])}

    def running(self) -> set[str]:
        """Return the keys of the parts that a living process is making."""
        return {
            key
            for key, row in self.read().items()
            if row["state"] == "running" and alive(row.get("pid"))
        }

    def write(self, part: Part, state: str, **more: object) -> None:
        """Change one part's row."""
        with _exclusive(self._path):
            rows = self.read()
            rows.pop(part.key, None)
            row = {"key": part.key, "name": part.name, "stage": part.stage, "state": state}
            rows[part.key] = {**row, "pid": os.getpid(), **more}
            write_json(self._path, {"parts": list(rows.values())})


class Progress:
    """Reports on the parts that this process makes, one after the other."""

    def __init__(self, root: Path, say: Callable[[str], None], total: int) -> None:
        self.durations = Durations(root)
        self.board = Board(root)
        self._say = say
        self._live = say is print and sys.stdout.isatty()
        self._total = total
        self._number = 0
        self._lock = threading.Lock()

    def say(self, line: str) -> None:
        """Print a line that stays."""
        with self._lock:
            if self._live:
                sys.stdout.write("\r\x1b[K")
            self._say(line)

    def skip(self) -> None:
        """Count a part that is there already."""
        self._number += 1

    @contextmanager
    def making(self, part: Part, log: Path) -> Iterator[Callable[[str], None]]:
        """Report on one part while the block runs; yields what is told each thing it does."""
        self._number += 1
        started = time.time()
        last = self.durations.last(part)
        begin = time.monotonic()
        doing = [part.does]
        head = f"[{self._number}/{self._total}] {part.does}"
        known = f"took {duration(last)} last time" if last else f"about {duration(part.about)}"
        self.say(f"{head} ({known})")
        stop = threading.Event()

        def row(state: str) -> None:
            self.board.write(
                part,
                state,
                doing=doing[0],
                started=started,
                seconds=round(time.monotonic() - begin, 1),
                last_seconds=last,
                log=str(log),
            )

        def tick() -> None:
            spoken = time.monotonic()
            while not stop.wait(TICK):
                row("running")
                passed = time.monotonic() - begin
                expected = self.durations.expected(part)
                far = f"{duration(passed)} of about {duration(expected)}"
                if self._live:
                    self._show(f"  {far}: {doing[0]}")
                elif time.monotonic() - spoken >= HEARTBEAT:
                    spoken = time.monotonic()
                    self.say(f"      {far}: {doing[0]}"[:WIDTH])

        def tell(what: str) -> None:
            doing[0] = what

        row("running")
        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
        try:
            yield tell
        except BaseException as wrong:
            stop.set()
            ticker.join()
            doing[0] = str(wrong) or type(wrong).__name__
            failed = isinstance(wrong, Exception)
            row("failed" if failed else "waiting")
            self.say(f"{head}: {'failed' if failed else 'interrupted'}")
            raise
        stop.set()
        ticker.join()
        seconds = time.monotonic() - begin
        doing[0] = part.does
        row("done")
        self.durations.record(part, seconds)
        self.say(f"{head}: done in {duration(seconds)}")

    def _show(self, line: str) -> None:
        with self._lock:
            sys.stdout.write("\r\x1b[K" + line[:WIDTH])
            sys.stdout.flush()


def _read(path: Path) -> Mapping[str, Any]:
    """Return a JSON object, empty where there is none yet or it was damaged from outside."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
