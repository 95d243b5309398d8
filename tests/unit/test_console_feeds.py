"""What the console's feeds keep, and what they ask for again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labs.console.feeds.ci import ALL, RUNS, Ci
from labs.console.feeds.registry import CHECK_SECONDS, Registry
from labs.console.hub import Hub
from labs.console.seat import Seat
from labs.gitops import ci, images
from labs.gitops.ci import CiRun
from labs.gitops.images import Image
from labs.instance import Instance
from labs.platform import registry


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    return Seat("demo", tmp_path)


class Shelf:
    """A registry of one image: its tags, and the digest of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tags = {"1.0.0": "sha256:a"}
        self.read: list[str] = []
        monkeypatch.setattr(images, "repositories", lambda seat: ["hello"])
        monkeypatch.setattr(registry, "tags", lambda seat, name: sorted(self.tags))
        monkeypatch.setattr(registry, "digest", lambda seat, name, tag: self.tags.get(tag))
        monkeypatch.setattr(images, "image", self.image)

    def image(self, seat: Instance, name: str, tag: str) -> Image | None:
        self.read.append(tag)
        digest = self.tags.get(tag)
        return Image(name, tag, digest, None, f"of {digest}", tag) if digest else None


def test_a_tag_that_means_another_image_is_read_anew(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, now = Shelf(monkeypatch), [100.0]
    feed = Registry(seat, Hub(), lambda: now[0])
    assert [one.digest for one in feed.look()["hello"]] == ["sha256:a"]
    now[0] += CHECK_SECONDS
    feed.look()
    assert shelf.read == ["1.0.0"], "what has not changed is read once"
    shelf.tags["1.0.0"] = "sha256:b"  # as a reset does it
    now[0] += CHECK_SECONDS
    [found] = feed.look()["hello"]
    assert (found.digest, found.revision) == ("sha256:b", "of sha256:b")


def test_a_tag_that_comes_or_goes_is_seen_at_once(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(monkeypatch)
    feed = Registry(seat, Hub(), lambda: 100.0)
    feed.look()
    shelf.tags["1.1.0"] = "sha256:c"
    assert [one.tag for one in feed.look()["hello"]] == ["1.1.0", "1.0.0"]
    assert shelf.read == ["1.0.0", "1.1.0"]
    shelf.tags = {"1.1.0": "sha256:d"}
    assert [one.digest for one in feed.look()["hello"]] == ["sha256:d"]


def run(number: int, state: str = "success", queued: float = 0.0) -> CiRun:
    return CiRun(
        number, "c" * 40, "Greet", "attendee", "push", state, 1, queued + number, None, None, None,
        "", None, (), f"registry:5000/hello:{number}", f"sha256:{number}", str(number),
    )  # fmt: skip


class Runs:
    """A CI with its runs, and how many of them it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self.all = [run(one) for one in range(1, number + 1)]
        self.asked: list[int] = []
        monkeypatch.setattr(ci, "runs", self.runs)

    def runs(self, seat: Instance, limit: int) -> list[CiRun]:
        self.asked.append(limit)
        return self.all[::-1][:limit]


def numbers(found: tuple[CiRun, ...]) -> list[int]:
    return [one.number for one in found]


def test_an_old_run_is_known_and_not_asked_for_again(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    has, feed = Runs(monkeypatch, RUNS + 20), Ci(seat, Hub())
    feed.seen = feed.look()
    assert numbers(feed.seen) == [*range(RUNS + 20, 0, -1)]
    has.all.append(run(RUNS + 21, "running"))
    feed.seen = feed.look()
    assert numbers(feed.seen) == [*range(RUNS + 21, 0, -1)]
    assert has.asked == [RUNS, ALL, RUNS]
    has.all[-1] = replace(has.all[-1], state="failure")
    feed.seen = feed.look()
    assert feed.seen[0].state == "failure"
    # After a reset, CI counts anew: nothing that was kept is of these runs.
    has.all = [run(one, queued=1000.0) for one in range(1, RUNS + 6)]
    feed.seen = feed.look()
    assert feed.seen == tuple(has.all[::-1])


def test_a_few_runs_are_asked_for_once_a_look(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    has, feed = Runs(monkeypatch, 3), Ci(seat, Hub())
    assert numbers(feed.look()) == [3, 2, 1]
    assert has.asked == [RUNS]
