"""One thread looks, however many people do; and it ends when there is nothing more to come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from labs.console import following
from labs.console.following import Follower, Following, Way
from labs.console.hub import Hub
from labs.console.seat import Seat
from labs.errors import LabError
from labs.gitops.commits import Commit, Identity
from labs.gitops.stages import Reached
from labs.platform import kubernetes
from labs.wait import NotYet, wait_for


def until(condition: Callable[[], object], what: str) -> None:
    def met() -> None:
        if not condition():
            raise NotYet("not yet")

    wait_for(met, what=what, timeout=5, interval=0.01)


@pytest.fixture
def hub() -> Hub:
    hub = Hub()
    hub.asked()
    return hub


@pytest.fixture(autouse=True)
def _ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End every follower with its test: one that looked on would meet the real API server."""
    begun: list[Follower[Any]] = []
    start = Follower.start

    def noted(follower: Follower[Any]) -> None:
        begun.append(follower)
        start(follower)

    monkeypatch.setattr(Follower, "start", noted)
    yield
    for follower in begun:
        follower.stop()
    names = {f"follow-{follower.topic}" for follower in begun}
    for thread in [one for one in threading.enumerate() if one.name in names]:
        thread.join(5)
        assert not thread.is_alive()


def test_it_tells_each_change_once_and_ends(hub: Hub) -> None:
    given = iter([("a", False), ("a", False), ("b", False), ("c", True)])
    follower = Follower(hub, "topic", lambda: next(given), 0.001)
    follower.start()
    until(lambda: follower.ended, "the end")
    assert follower.seen == "c"
    until(lambda: hub.number == 3, "the third change to be told")


def test_trouble_is_told_and_goes_and_what_was_seen_stays(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SLOW_SECONDS", 0.001)
    away = threading.Event()

    def look() -> tuple[str, bool]:
        if away.is_set():
            raise LabError("away", expected="e", todo="t")
        return "seen", False

    follower = Follower(hub, "topic", look, 0.001)
    follower.start()
    until(lambda: follower.seen, "the first look")
    away.set()
    until(lambda: follower.trouble, "trouble")
    assert follower.seen == "seen"
    away.clear()
    until(lambda: follower.trouble is None, "no trouble")
    until(lambda: hub.number == 3, "the third change to be told")
    follower.stop()


def test_what_no_code_expects_is_trouble_and_it_looks_on(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SLOW_SECONDS", 0.001)
    strange = threading.Event()

    def look() -> tuple[str, bool]:
        if not strange.is_set():
            raise ValueError("too many values to unpack")
        return "seen", False

    follower = Follower(hub, "topic", look, 0.001)
    follower.start()
    until(lambda: follower.trouble, "trouble")
    assert "a bug in the lab while following topic" in str(follower.trouble)
    strange.set()
    until(lambda: follower.trouble is None, "no trouble")
    assert follower.seen == "seen"


def test_it_ends_when_nobody_has_asked_for_a_while(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower(hub, "topic", lambda: ("a", False), 0.001)
    follower.start()
    until(lambda: hub.number == 1, "the first look to be told")
    monkeypatch.setattr(following, "LIFE_SECONDS", 0.0)
    until(lambda: follower.gone, "its end")
    assert not follower.ended
    until(lambda: hub.number == 2, "its end to be told, so that pages ask for another")
    follower.stop()
    assert hub.number == 2, "an end is told once"


def listen(hub: Hub, monkeypatch: pytest.MonkeyPatch, *topics: str) -> None:
    """Have an open page for these topics."""
    monkeypatch.setattr(hub, "listens", lambda topic: topic in topics)


def test_it_goes_on_for_as_long_as_a_page_listens(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LIFE_SECONDS", 0.05)
    listen(hub, monkeypatch, "topic")
    looks = []

    def look() -> tuple[str, bool]:
        looks.append(time.monotonic())
        return "a", False

    follower = Follower(hub, "topic", look, 0.001)
    follower.start()
    until(lambda: looks[-1] - looks[0] > 0.2 if looks else False, "looks beyond its life")
    assert not follower.gone
    listen(hub, monkeypatch)
    until(lambda: follower.gone, "its end")


def test_all_who_look_at_a_pod_share_one_follower(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    class Pods:
        def logs(self, name: str, namespace: str, seconds: int) -> str:
            looks.append((namespace, name))
            return "line\n"

    monkeypatch.setattr(kubernetes, "api", lambda instance: Pods())
    monkeypatch.setattr(following, "POD_SECONDS", 60.0)
    crowd = Following(Seat("lab", tmp_path), hub)
    found = {id(crowd.pod("hello-1", "production")) for _ in range(50)}
    assert len(found) == 1
    assert looks == [("production", "hello-1")]
    assert crowd.pod("hello-1", "production").seen == "line\n"
    assert crowd.pod("hello-1", "production").topic == "log-production-hello-1"
    assert id(crowd.pod("hello-2", "production")) not in found


@pytest.fixture
def silent_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster of pods that have logged nothing."""

    class Pods:
        def logs(self, name: str, namespace: str, seconds: int) -> str:
            return ""

    monkeypatch.setattr(kubernetes, "api", lambda instance: Pods())


def test_of_too_many_the_one_ends_that_was_not_asked_for_the_longest(
    silent_pods: None, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST", 2)
    crowd = Following(Seat("lab", tmp_path), hub)
    first, second = crowd.pod("1", "n"), crowd.pod("2", "n")
    assert crowd.pod("1", "n") is first
    third = crowd.pod("3", "n")
    assert second.gone
    assert not first.gone
    assert not third.gone
    assert crowd.pod("2", "n") is not second


def test_of_too_many_those_go_on_to_which_a_page_listens(
    silent_pods: None, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST", 2)
    listen(hub, monkeypatch, "log-n-1", "log-n-2", "log-n-3")
    crowd = Following(Seat("lab", tmp_path), hub)
    shown = [crowd.pod(name, "n") for name in "123"]
    hidden = [crowd.pod(name, "n") for name in "456"]
    assert [one.gone for one in shown] == [False, False, False]
    assert [one.gone for one in hidden] == [True, False, False]


def test_a_way_tells_when_each_stage_was_reached_and_how_long_it_took() -> None:
    reached = {"pushed": Reached(10.0, 0.1), "fetched": Reached(12.5, 0.1)}
    way = Way(_commit(), reached, "Flux is at work")
    assert [(one.name, one.at, one.took) for one in way.steps] == [
        ("pushed", 10.0, None),
        ("fetched", 12.5, 2.5),
        ("applied", None, None),
        ("live", None, None),
    ]
    assert not way.live
    done = {**reached, "applied": Reached(12.4, 1.0), "live": Reached(15.0, 0.1)}
    there = Way(_commit(), done)
    assert there.live
    assert there.seconds == 5.0
    assert there.steps[2].took == 0.0, "whole seconds may be before tenths"


def _commit() -> Commit:
    who = Identity("attendee", "attendee@hackfest.local")
    return Commit("a" * 40, "Release", "", who, datetime.now(UTC), (), {})
