"""How far a reader is: `.lab/<name>/progress.json`, written atomically, by notebook and command."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labs.errors import LabError
from labs.instance import Instance, write_json


class Progress:
    """What was done, tried, hinted and predicted in one lab instance. Times are UTC, ISO 8601."""

    def __init__(self, instance: Instance) -> None:
        self.path: Path = instance.root / "progress.json"

    def read(self) -> dict[str, Any]:
        """Return everything. Raises LabError if the file is damaged."""
        if not self.path.exists():
            return {"labs": {}, "steps": {}, "predictions": {}}
        try:
            found = json.loads(self.path.read_text())
            return {part: dict(found[part]) for part in ("labs", "steps", "predictions")}
        except (ValueError, KeyError, TypeError) as damaged:
            raise LabError(
                f"{self.path} is damaged ({damaged})",
                expected="the progress that the lab wrote there",
                todo=f"move it away (`mv {self.path} /tmp`): the checks write it anew",
            ) from damaged

    def started(self, lab: str) -> bool:
        """Note that a lab was started; return whether it had been before."""
        with self._change() as state:
            before = lab in state["labs"]
            state["labs"].setdefault(lab, {"started": _now()})
        return before

    def tried(self, step: str, *, passed: bool) -> None:
        """Count a check of a step; the first that passes is when the step was done."""
        with self._step(step) as entry:
            entry["tries"] += 1
            if passed and entry["done"] is None:
                entry["done"] = _now()

    def hinted(self, step: str, most: int) -> int:
        """Count a hint; return its number, from 1 to `most`."""
        with self._step(step) as entry:
            entry["hints"] = min(entry["hints"] + 1, most)
            return int(entry["hints"])

    def solved(self, step: str) -> None:
        """Note that the lab did the step in the reader's place."""
        with self._step(step) as entry:
            entry["solved_by_lab"] = True

    def predict(self, step: str, answer: object) -> None:
        """Record a prediction; a later one for the same step takes its place."""
        with self._change() as state:
            state["predictions"][step] = {"answer": str(answer), "at": _now()}

    def prediction(self, step: str) -> str | None:
        entry = self.read()["predictions"].get(step)
        return None if entry is None else str(entry["answer"])

    def done(self, step: str) -> bool:
        return self.read()["steps"].get(step, {}).get("done") is not None

    @contextmanager
    def _step(self, step: str) -> Iterator[dict[str, Any]]:
        with self._change() as state:
            yield state["steps"].setdefault(
                step,
                {"first": _now(), "done": None, "tries": 0, "hints": 0, "solved_by_lab": False},
            )

    @contextmanager
    def _change(self) -> Iterator[dict[str, Any]]:
        """Read, let the caller change, write; a notebook and a terminal may do so at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self.read()
            yield state
            write_json(self.path, state)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
