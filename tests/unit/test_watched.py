"""What a watch tells is read from memory, and an API server that is away is said to be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labs.platform import watched
from labs.platform.api_errors import ClusterUnreachable
from labs.platform.watched import WatchedCluster
from labs.wait import NotYet, wait_for

POD = ("v1", "Pod")


def pod(name: str, state: str = "Running") -> dict[str, Any]:
    meta = {"name": name, "namespace": "a", "labels": {"app": name}, "managedFields": [1]}
    return {"metadata": meta, "status": {"phase": state}}


class Api:
    """An API server of one kind; `say` makes it tell a change, `leave` has it go away."""

    def __init__(self) -> None:
        self.there = True
        self.pods = [pod("one")]
        self._news: list[tuple[str, dict[str, Any]]] = []
        self._told = threading.Condition()
        self.lists = 0

    def say(self, word: str, found: dict[str, Any]) -> None:
        with self._told:
            self._news.append((word, found))
            self._told.notify_all()

    def say_nonsense(self) -> None:
        """Tell something that no API server tells, which no code expects."""
        self.say("ADDED", {})

    def leave(self) -> None:
        with self._told:
            self.there = False
            self._told.notify_all()

    def changes(self, api_version: str, kind: str) -> Iterator[tuple[str, Any]]:
        self._refuse()
        self.lists += 1
        yield "LISTED", {"items": list(self.pods)}
        while True:
            with self._told:
                self._told.wait_for(lambda: self._news or not self.there)
                self._refuse()
                news = self._news.pop(0)
            yield news

    def _refuse(self) -> None:
        if not self.there:
            raise ClusterUnreachable("away", expected="it", todo="wait")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(watched, "KINDS", (POD,))
    monkeypatch.setattr(watched, "RETRY_SECONDS", 0.01)
    return Api()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def cluster(
    api: Api, told: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> WatchedCluster:
    found = WatchedCluster(tmp_path / "kubeconfig", told.append)
    monkeypatch.setattr(found, "connected", lambda: api)
    found.start()
    return found


def names(cluster: WatchedCluster) -> list[str]:
    return [one["metadata"]["name"] for one in cluster.list(*POD)]


def until(cluster: WatchedCluster, wanted: list[str]) -> None:
    def there() -> None:
        if names(cluster) != wanted:
            raise NotYet(str(names(cluster)))

    wait_for(there, what="the pods", timeout=5, interval=0.01)


def test_changes_are_read_from_memory(api: Api, cluster: WatchedCluster, told: list[str]) -> None:
    assert names(cluster) == ["one"]
    api.say("ADDED", pod("two"))
    until(cluster, ["one", "two"])
    api.say("DELETED", pod("one"))
    until(cluster, ["two"])
    assert api.lists == 1
    assert set(told) == {"Pod"}
    assert "managedFields" not in cluster.list(*POD)[0]["metadata"]
    found = cluster.get(*POD, "two", "a")
    assert found is not None
    assert cluster.get(*POD, "two", "b") is None


def test_lists_are_narrowed_as_the_server_does(api: Api, cluster: WatchedCluster) -> None:
    api.say("ADDED", pod("two"))
    until(cluster, ["one", "two"])
    assert [one["metadata"]["name"] for one in cluster.list(*POD, "a", "app=two")] == ["two"]
    assert cluster.list(*POD, "b") == []


def test_a_server_that_is_away_is_said_to_be_and_comes_back(
    api: Api, cluster: WatchedCluster, told: list[str]
) -> None:
    until(cluster, ["one"])
    api.leave()

    def away() -> None:
        if cluster.trouble() is None:
            raise NotYet("it answers")

    wait_for(away, what="the trouble", timeout=5, interval=0.01)
    with pytest.raises(ClusterUnreachable):
        cluster.list(*POD)
    before = len(told)
    api.pods = [pod("three")]
    api.there = True

    def back() -> None:
        if cluster.trouble() is not None:
            raise NotYet("away")

    wait_for(back, what="the end of the trouble", timeout=5, interval=0.01)
    assert names(cluster) == ["three"]

    def said() -> None:
        if len(told) <= before:
            raise NotYet("nothing was told")

    wait_for(said, what="to be told", timeout=5, interval=0.01)


def test_a_change_that_no_code_expects_is_told_and_the_watch_goes_on(
    api: Api, cluster: WatchedCluster, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    until(cluster, ["one"])
    api.pods = [pod("one"), pod("two")]
    api.say_nonsense()

    def listed_again() -> None:
        if api.lists < 2 or cluster.trouble() is not None:
            raise NotYet("not listed again")

    wait_for(listed_again, what="the next list", timeout=5, interval=0.01)
    assert names(cluster) == ["one", "two"]
    assert len(told) >= 2, "pages are told of the trouble, and of its end"
    assert "KeyError: 'metadata'" in capsys.readouterr().err
