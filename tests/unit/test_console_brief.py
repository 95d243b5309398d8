"""However many look: what a page asks for is asked once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from labs.console import boards
from labs.console.brief import Brief
from labs.errors import LabError


def test_fifty_at_once_are_one_question() -> None:
    kept: Brief[int] = Brief()
    asked: list[int] = []
    begun, go = threading.Barrier(50), threading.Event()

    def ask() -> int:
        asked.append(1)
        go.wait(5)
        return 7

    def look(_: int) -> int:
        begun.wait(5)
        go.set()
        return kept.get("key", ask)

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(look, range(50))) == {7}
    assert asked == [1]


def test_a_refusal_holds_for_its_key_alone() -> None:
    kept: Brief[int] = Brief()
    asked: list[str] = []

    def refuse() -> int:
        asked.append("once")
        raise LabError("away", expected="here", todo="wait")

    for _ in range(2):
        with pytest.raises(LabError, match="away"):
            kept.get(1, refuse)
    assert asked == ["once"]
    assert kept.get(2, lambda: 3) == 3


def test_a_fault_is_no_answer() -> None:
    kept: Brief[int] = Brief()
    with pytest.raises(ZeroDivisionError):
        kept.get(1, lambda: 1 // 0)
    assert kept.get(1, lambda: 4) == 4


def test_the_oldest_is_dropped() -> None:
    kept: Brief[int] = Brief(2)
    for key in (1, 2, 3):
        kept.get(key, lambda: 0)
    assert kept.get(3, lambda: 9) == 0
    assert kept.get(1, lambda: 9) == 9


def test_a_picture_may_be_of_a_moment_ago_and_of_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "now", lambda: 1000)
    assert boards.near("990") == 990
    for other in ("1001", "10", "", "-5", "²", "9" * 30):
        assert boards.near(other) == 1000
