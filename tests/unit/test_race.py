"""Rounds of a race: taking turns, counted, drawn; and the people who ask meanwhile."""

from __future__ import annotations

import json
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from labs.errors import LabError
from labs.gitops import race, race_table, wager
from labs.gitops.asking import Answer, Crowd, ask
from labs.gitops.race import Round, Track, Way
from labs.instance import Instance
from labs.platform import registry
from labs.wait import NotYet


def a_round(way: Way, first: float = 2.0, last: float = 3.0, failed: int = 0) -> Round:
    return Round(way, 0.2, first, last, 50, failed)


class FakeTrack:
    """Notes the ways that are taken, and in which part of the poll's interval."""

    def __init__(self) -> None:
        self.taken: list[tuple[Way, float]] = []

    def run(self, way: Way, phase: float) -> Round:
        self.taken.append((way, phase))
        return a_round(way)


def taken(runs: int, done: list[Round]) -> list[tuple[Way, float]]:
    track = FakeTrack()
    list(
        race.rounds(cast(Track, track), ("push", "poll", "kubectl"), runs, lambda text: None, done)
    )
    return track.taken


def test_the_ways_take_turns_and_every_other_turn_is_in_reverse() -> None:
    assert [way for way, _ in taken(2, [])] == [
        *("push", "poll", "kubectl"),
        *("kubectl", "poll", "push"),
    ]
    assert [phase for way, phase in taken(2, []) if way == "poll"] == [0.25, 0.75]


def test_rounds_that_were_run_before_are_not_run_again() -> None:
    before = [a_round("push"), a_round("poll")]
    assert [way for way, _ in taken(1, before)] == ["kubectl"]
    assert taken(1, [*before, a_round("kubectl")]) == []


FOUND = [
    a_round("kubectl", 2.0, 4.0),
    a_round("push", 3.0, 5.0),
    a_round("kubectl", 2.2, 4.4),
    a_round("push", 3.3, 5.5, failed=1),
]


def test_the_table_compares_medians() -> None:
    text = race_table.table(FOUND)
    assert race_table.ratio(FOUND, "push") == pytest.approx(1.5)
    assert "| git push, and the Git server tells Flux | seconds to" not in text
    row = next(line for line in text.splitlines() if "first" in line and "push" in line)
    assert [cell.strip() for cell in row.split("|")[3:-1]] == ["3.1", "3.0", "3.3", "1.50"]
    assert race_table.requests(FOUND) == "200 requests during 4 rollouts, 1 failed"


def test_the_picture_can_be_drawn_and_is_told_in_words() -> None:
    root = ElementTree.fromstring(race_table.picture(FOUND))  # noqa: S314 - our own drawing
    assert root.get("role") == "img"
    words = root.get("aria-label")
    assert words is not None
    assert "kubectl set image: first new answer after 2.1 s (median)" in words
    assert "asks every 10 s" not in words, "a way that nobody took is not drawn"


# --- what is kept of the bet ----------------------------------------------------------------------


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance("test", tmp_path / "test")


def test_the_bet_is_kept_and_goes_on_from_there(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wager.kept(instance) == wager.Bet([])
    told = {"rounds": [one.__dict__ for one in FOUND], "conditions": "two cores"}
    instance.root.mkdir(parents=True)
    (instance.root / "bet.json").write_text(json.dumps(told))
    found = wager.kept(instance)
    assert found == wager.Bet(FOUND, "two cores")
    assert found.medians == {"push": pytest.approx(3.15), "kubectl": pytest.approx(2.1)}


@pytest.mark.parametrize(
    ("tags", "pair"),
    [
        (["0.9.0", "1.0.0", "1.1.0"], ("1.0.0", "1.1.0")),
        (["1.10.0", "1.9.0", "latest", "sha-1a2b3c4d5e6f"], ("1.9.0", "1.10.0")),
        (["1.1.0", "1.2.0", "1.3.0", "2.1.0", "1.4.0-demo.1"], ("1.1.0", "1.2.0")),
    ],
)
def test_the_two_newest_good_versions_are_raced(
    tags: list[str], pair: tuple[str, str], instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "tags", lambda lab, repo: tags)
    monkeypatch.setattr(registry, "about", lambda lab, repo, tag: about(tag))
    assert wager.pair(instance) == pair


def test_an_image_under_another_number_is_not_raced(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "tags", lambda lab, repo: ["1.0.0", "1.1.0", "4.0.0"])
    named: dict[str, str] = {"4.0.0": "1.0.0"}
    monkeypatch.setattr(
        registry, "about", lambda lab, repo, tag: about(named.get(str(tag), str(tag)))
    )
    assert wager.pair(instance) == ("1.0.0", "1.1.0")


def about(version: str) -> tuple[str, dict[str, Any]]:
    """Return what the registry tells of an image that CI built."""
    return "sha256:1", {"config": {"Labels": {"org.opencontainers.image.version": version}}}


def test_one_version_is_nothing_to_race(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "tags", lambda lab, repo: ["0.9.0", "1.3.0"])
    monkeypatch.setattr(registry, "about", lambda lab, repo, tag: about(tag))
    with pytest.raises(LabError, match=r"images of 0\.9\.0 in the registry"):
        wager.pair(instance)


# --- people who ask -------------------------------------------------------------------------------


class App(BaseHTTPRequestHandler):
    answer = (200, b'{"version": "1.0.0"}')

    def do_GET(self) -> None:
        status, body = type(self).answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(App, "answer", App.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), App) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "version", "failure"),
    [
        ((200, b'{"version": "1.0.0"}'), "1.0.0", ""),
        ((500, b""), "", "answered 500"),
        ((200, b"<html>"), "", "not as the app does"),
        ((200, b"[]"), "", "not as the app does"),
    ],
)
def test_an_answer_is_a_version_or_a_failure(
    port: int, answer: tuple[int, bytes], version: str, failure: str
) -> None:
    App.answer = answer
    found = ask(f"http://127.0.0.1:{port}/api")
    assert found.version == version
    assert failure in found.failure
    assert bool(found.failure) == bool(failure)


def test_nobody_at_home_is_a_failure() -> None:
    assert "does not answer" in ask("http://127.0.0.1:9/api").failure


def test_a_crowd_notes_when_a_version_comes_and_when_the_other_goes(
    port: int, instance: Instance
) -> None:
    instance.root.mkdir(parents=True)
    (instance.root / "ports.json").write_text(json.dumps({"app": port}))
    with Crowd(instance, people=2, pause=0.001) as crowd:
        start = time.monotonic()
        wait_until(lambda: crowd.answers(start))
        with pytest.raises(NotYet, match=r"2\.0\.0 has not answered"):
            crowd.first("2.0.0", start)
        changed = time.monotonic()
        App.answer = (200, b'{"version": "2.0.0"}')
        wait_until(lambda: any(one.version == "2.0.0" for one in crowd.answers(changed)))
        assert crowd.first("2.0.0", start) > changed
        assert start < crowd.last_of_others("2.0.0", start) < time.monotonic()
        App.answer = (503, b"")
        wait_until(lambda: any(one.failure for one in crowd.answers(changed)))
    old = [one.at for one in crowd.answers() if one.version == "1.0.0"]
    last = crowd.last_of_others("2.0.0", start)
    assert last == max(old), "whoever was told of an error has not heard the old version"
    asked = len(crowd.answers())
    assert asked == len(crowd.answers()), "who has gone asks nothing more"
    assert all(isinstance(one, Answer) for one in crowd.answers())


def wait_until(condition: object, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    assert callable(condition)
    while not condition():
        assert time.monotonic() < end
