"""A bug of ours is told with its traceback, once, and is one of the lab's errors from then on."""

from __future__ import annotations

import pytest

from labs import bugs
from labs.bugs import Bug, bug


@pytest.fixture(autouse=True)
def _unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bugs, "_printed", set())


def met(doing: str, text: str) -> Bug:
    try:
        raise ValueError(text)
    except ValueError as found:
        return bug(doing, found)


def test_it_names_the_bug_and_says_that_it_is_one() -> None:
    told = met("reading a name", "too many values")
    assert "a bug in the lab while reading a name: ValueError: too many values" in str(told)
    assert "make logs PART=console" in told.todo


def test_its_traceback_is_printed_once_for_each_place(capsys: pytest.CaptureFixture[str]) -> None:
    met("reading", "first")
    met("reading", "second")
    said = capsys.readouterr().err
    assert said.count("Traceback (most recent call last)") == 1
    assert "ValueError: first" in said
    assert "in met" in said
    met("writing", "third")
    assert "ValueError: third" in capsys.readouterr().err
