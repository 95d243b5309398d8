"""How far a reader is: `.lab/<name>/progress.json`, written atomically, by notebook and command."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labs.errors import LabError
from labs.instance import Instance, write_json

PARTS = ("labs", "steps", "predictions")
LATER = ("failures", "asked")
"""Parts that a file of an earlier day may lack."""


def nothing() -> dict[str, Any]:
    """Return the progress of a reader who has not begun."""
    return {part: {} for part in (*PARTS, *LATER)}


class Progress:
    """What was done, tried, hinted and predicted in one lab instance. Times are UTC, ISO 8601."""

    def __init__(self, instance: Instance) -> None:
        self.path: Path = instance.root / "progress.json"

    def read(self) -> dict[str, Any]:
        """Return everything. Raises LabError if the file is damaged."""
        if not self.path.exists():
            return nothing()
        try:
            found = json.loads(self.path.read_text())
            return {
                **{part: dict(found[part]) for part in PARTS},
                **{part: dict(found.get(part) or {}) for part in LATER},
            }
        except (ValueError, KeyError, TypeError) as damaged:
            raise LabError(
                f"{self.path} is damaged ({damaged})",
                expected="the progress that the lab wrote there",
                todo=f"move it away (`mv {self.path} /tmp`): the checks write it anew",
            ) from damaged

    def started(self, lab: str) -> bool:
        """Note that a lab was started; return whether it had been before."""
        with self._change() as state:
            entry = state["labs"].setdefault(lab, {})
            before = "started" in entry
            entry.setdefault("started", _now())
        return before

    def is_started(self, lab: str) -> bool:
        """Return whether a lab was started since it was last put back."""
        return "started" in self.read()["labs"].get(lab, {})

    def tried(self, step: str, *, passed: bool, error: LabError | None = None) -> None:
        """Count a check of a step; the first that passes is when the step was done.

        Of a check that did not pass, what it said is kept until another one says something.
        """
        with self._change() as state:
            entry = self._entry(state, step)
            entry["tries"] += 1
            if passed and entry["done"] is None:
                entry["done"] = _now()
            if passed:
                state["failures"].pop(step, None)
                if state["asked"].get("step") == step:
                    state["asked"] = {}
            elif error is not None:
                known = state["failures"].get(step, {})
                state["failures"][step] = {
                    "at": _now(),
                    "count": int(known.get("count", 0)) + 1,
                    "found": error.found,
                    "expected": error.expected,
                    "next": error.todo,
                }

    def asked_for_help(self, about: Mapping[str, object]) -> None:
        """Keep what is needed to understand where the reader stands.

        The newest question stays, until the step passes that it is about.
        """
        with self._change() as state:
            state["asked"] = {"at": _now(), **about}

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

    def put_back(self, before: Mapping[str, Sequence[str]], *, at: str, stamp: str) -> None:
        """Forget all but the labs `before` (name to its steps), for a reset to the lab `at`.

        Those of them that were not done to their end are marked as jumped, never as done.
        """
        with self._change(anew=True) as state:
            steps = {step for ids in before.values() for step in ids}
            for part in ("steps", "predictions", "failures"):
                state[part] = {k: v for k, v in state[part].items() if k in steps}
            state["asked"] = {}
            kept = {name: entry for name, entry in state["labs"].items() if name in before}
            for name, ids in before.items():
                if any(state["steps"].get(step, {}).get("done") is None for step in ids):
                    kept.setdefault(name, {})["jumped"] = stamp
            state["labs"] = {**kept, at: {"reset": stamp}}

    @contextmanager
    def _step(self, step: str) -> Iterator[dict[str, Any]]:
        with self._change() as state:
            yield self._entry(state, step)

    def _entry(self, state: dict[str, Any], step: str) -> dict[str, Any]:
        entry: dict[str, Any] = state["steps"].setdefault(
            step,
            {"first": _now(), "done": None, "tries": 0, "hints": 0, "solved_by_lab": False},
        )
        entry["last"] = _now()
        return entry

    @contextmanager
    def _change(self, *, anew: bool = False) -> Iterator[dict[str, Any]]:
        """Read, let the caller change, write; a notebook and a terminal may do so at once.

        `anew` begins with nothing where the file is damaged.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                state = self.read()
            except LabError:
                if not anew:
                    raise
                state = nothing()
            yield state
            write_json(self.path, state)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
