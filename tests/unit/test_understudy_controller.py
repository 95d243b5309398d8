"""The loop: what changed is reconciled once, what failed soon again, what is due in time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any, TypeAlias, cast

import pytest

from labs.understudy import controller as loop
from labs.understudy.api_server import IMAGE_POLICY, ApiAway, ApiRefused, ApiServer, Kind
from labs.understudy.controller import Again, Controller, own
from labs.understudy.journal import Journal
from labs.understudy.objects import REQUESTED, Key

Listed: TypeAlias = tuple[list[dict[str, Any]], str]
Events: TypeAlias = list[tuple[str, dict[str, Any]]]


class Script:
    """An API server's answers, one after the other: lists, events, failures; then it is quiet."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.quiet = threading.Event()

    def list(self, kind: Kind) -> Listed:
        return cast(Listed, self._next(([], "1")))

    def watch(self, kind: Kind, version: str) -> Events:
        if not self.steps:
            self.quiet.wait(10)
            raise ApiAway("over")
        return cast(Events, self._next([]))

    def _next(self, otherwise: Any) -> Any:
        step = self.steps.pop(0) if self.steps else otherwise
        if isinstance(step, Exception):
            raise step
        return step


def policy(name: str, generation: int = 1, **more: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "ns", "uid": name, "generation": generation}
    return {"kind": "ImagePolicy", "metadata": {**meta, "resourceVersion": "2", **more}}


def play(
    script: Script, expected: list[str], reconcile: Callable[[str], float | None]
) -> list[str]:
    """Run a controller on a script until it has reconciled as many objects as are expected."""
    controller = Controller(
        cast(ApiServer, script), [own(IMAGE_POLICY)], Journal("image-reflector-controller")
    )
    seen: list[str] = []

    def work(key: Key) -> float | None:
        seen.append(key.name)
        try:
            return reconcile(key.name)
        finally:
            if len(seen) == len(expected):
                controller.stop()
                script.quiet.set()

    late = threading.Timer(10, controller.stop)
    late.start()
    try:
        controller.run(work)
    finally:
        late.cancel()
    return seen


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_RETRY", 0.01)


def test_what_is_listed_and_what_changes_is_reconciled() -> None:
    script = Script(
        ([policy("a"), policy("b")], "1"),
        [
            ("MODIFIED", policy("a", status={})),  # the status alone: no reason to look
            ("BOOKMARK", {"kind": "ImagePolicy", "metadata": {"resourceVersion": "9"}}),
            ("MODIFIED", policy("b", generation=2)),
            ("MODIFIED", policy("a", annotations={REQUESTED: "now"})),
            ("DELETED", policy("b", generation=2)),
        ],
    )
    wanted = ["a", "b", "b", "a", "b"]
    assert play(script, wanted, lambda name: None) == wanted


def test_a_failure_is_tried_again() -> None:
    failures = [Again(), ApiAway("gone"), ApiRefused(500, "no")]

    def reconcile(name: str) -> None:
        if failures:
            raise failures.pop()

    assert play(Script(([policy("a")], "1")), ["a"] * 4, reconcile) == ["a"] * 4


def test_a_bug_in_one_object_s_reconcile_is_told_and_the_others_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    times = iter(range(9))

    def reconcile(name: str) -> float | None:
        if name == "bad":
            raise ZeroDivisionError("by nought")
        return None if next(times) else 0.05

    seen = play(Script(([policy("bad"), policy("good")], "1")), ["x"] * 6, reconcile)
    assert seen[:2] == ["bad", "good"]
    assert (seen.count("bad"), seen.count("good")) == (4, 2)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [line for line in lines if line["level"] == "error" and line.get("name") == "bad"]
    assert len(told) >= 3
    assert "ZeroDivisionError: by nought (" in told[0]["msg"]
    assert "test_understudy_controller.py:" in told[0]["msg"]


def test_what_is_due_comes_again_and_the_earlier_first() -> None:
    script = Script(([policy("late"), policy("soon")], "1"))
    seen = play(script, ["x"] * 4, lambda name: 5.0 if name == "late" else 0.05)
    assert seen[:4] == ["late", "soon", "soon", "soon"]


def test_a_lost_watch_is_taken_up_again() -> None:
    script = Script(
        ApiAway("not up yet"),
        ([policy("a")], "1"),
        ApiRefused(410, "too old"),
        ([policy("a"), policy("b")], "5"),
        ApiAway("restarting"),
        ([policy("b")], "7"),
    )
    wanted = ["a", "b", "a"]  # the last because it went away meanwhile
    assert play(script, wanted, lambda name: None) == wanted


def test_what_breaks_a_watch_ends_the_process() -> None:
    with pytest.raises(ZeroDivisionError):
        play(Script(ZeroDivisionError()), ["never"], lambda name: None)
