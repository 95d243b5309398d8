"""Pages are told of what changed: none too few, and a crowd of changes once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from labs.console import hub as hubs
from labs.console.hub import Hub
from tests.beside import ended


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(hubs, "GATHER_SECONDS", 0.02)
    return Hub()


async def next_of(changes: AsyncIterator[int]) -> int:
    return await asyncio.wait_for(anext(changes), timeout=5)


def test_what_changed_between_a_page_and_its_stream_is_told_at_once(hub: Hub) -> None:
    async def run() -> int:
        drawn = hub.number
        hub.tell("git")
        return await next_of(hub.changes(["git"], drawn))

    assert ended(run()) == 1


def test_another_topic_wakes_nobody(hub: Hub) -> None:
    async def run() -> int:
        changes = hub.changes(["git"], hub.number)
        told = asyncio.create_task(next_of(changes))
        await asyncio.sleep(0)
        hub.tell("ci")
        await asyncio.sleep(3 * hubs.GATHER_SECONDS)
        assert not told.done()
        threading.Thread(target=hub.tell, args=("git",)).start()
        return await told

    assert ended(run()) == 2


def test_many_changes_in_a_moment_are_told_once(hub: Hub) -> None:
    async def run() -> list[int]:
        changes = hub.changes(["cluster"], hub.number)
        told = asyncio.create_task(next_of(changes))
        await asyncio.sleep(0)
        for _ in range(20):
            hub.tell("cluster")
        found = [await told]
        with pytest.raises(TimeoutError):
            found.append(await asyncio.wait_for(anext(changes), timeout=0.2))
        return found

    assert ended(run()) == [20]


def test_who_leaves_is_no_longer_counted(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "ASKED_SECONDS", 0.0)

    async def run() -> None:
        changes = hub.changes(["git"], hub.number)
        told = asyncio.create_task(next_of(changes))
        await asyncio.sleep(0.01)
        assert hub.streams == 1
        assert hub.listens("git")
        assert not hub.listens("ci")
        assert hub.wait_until_watched(0.0)
        hub.tell("git")
        await told
        await changes.aclose()  # type: ignore[attr-defined]

    ended(run())
    assert hub.streams == 0
    assert not hub.listens("git")
    assert not hub.wait_until_watched(0.01)


def test_a_look_at_a_page_wakes_what_only_looks_on_demand(hub: Hub) -> None:
    threading.Timer(0.05, hub.asked).start()
    assert hub.wait_until_watched(5.0)
