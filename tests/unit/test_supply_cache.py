"""The cache: whole or not at all, whatever happened to it; two makers make a part once."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.supply.cache import Cache
from scripts.supply.maker import Maker
from scripts.supply.parts import Part, Plan, Workshop
from scripts.supply.progress import Board


def part(make: Callable[[Workshop], None], name: str = "thing", *needs: Part) -> Part:
    return Part(name, "servers", f"make {name}", {"of": name}, make, needs)


def plan(*parts: Part, made_by: str = "source") -> Plan:
    tools = {part.name: (part, "file") for part in parts}
    return Plan(made_by, parts, tools, {}, {}, parts[-1], "node:x")


def write_file(bench: Workshop) -> None:
    (bench.folder / "file").write_text("content")
    counter = bench.folder.parents[1] / "count"
    with counter.open("a") as handle:
        handle.write(".")


def made(cache: Cache) -> int:
    counter = cache.root / "count"
    return len(counter.read_text()) if counter.exists() else 0


def get(cache: Cache, *parts: Part) -> list[str]:
    said: list[str] = []
    Maker(plan(*parts), cache, said.append).get(parts)
    return said


def test_a_part_is_made_once_and_found_again(tmp_path: Path) -> None:
    thing = part(write_file)
    said = get(Cache(tmp_path), thing)
    assert said[0] == "[1/1] make thing (about 5 s)"
    assert get(Cache(tmp_path), thing) == []
    assert made(Cache(tmp_path)) == 1
    assert Board(tmp_path).read()[thing.key]["state"] == "done"


def test_another_recipe_is_another_part(tmp_path: Path) -> None:
    first = Part("thing", "servers", "make", {"version": 1}, write_file)
    second = Part("thing", "servers", "make", {"version": 2}, write_file)
    assert first.key != second.key
    get(Cache(tmp_path), first)
    get(Cache(tmp_path), second)
    assert made(Cache(tmp_path)) == 2


def test_a_changed_need_makes_another_part() -> None:
    keys = {part(write_file, "top", part(write_file, below)).key for below in ("one", "two")}
    assert len(keys) == 2


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "file").write_text("other"),
        lambda folder: (folder / "file").write_text("CONTENT"),
        lambda folder: (folder / "file").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{"),
    ],
    ids=["other size", "same size", "file gone", "manifest gone", "manifest cut off"],
)
def test_a_damaged_part_is_made_again(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    thing = part(write_file)
    get(Cache(tmp_path), thing)
    folder = tmp_path / "parts" / thing.key
    harm(folder)
    assert Cache(tmp_path).find(thing) is None
    get(Cache(tmp_path), thing)
    assert made(Cache(tmp_path)) == 2
    assert (folder / "file").read_text() == "content"


def test_damage_that_keeps_size_and_time_is_found_by_verify(tmp_path: Path) -> None:
    thing = part(write_file)
    get(Cache(tmp_path), thing)
    file = tmp_path / "parts" / thing.key / "file"
    before = file.stat().st_mtime_ns
    file.write_text("CONTENT")
    os.utime(file, ns=(before, before))
    cache = Cache(tmp_path)
    assert cache.find(thing) is not None
    assert "another content" in str(cache.verify(thing))


def test_a_part_that_only_lies_about_its_time_is_whole(tmp_path: Path) -> None:
    thing = part(write_file)
    get(Cache(tmp_path), thing)
    os.utime(tmp_path / "parts" / thing.key / "file", (1, 1))
    assert Cache(tmp_path).find(thing) is not None


def test_a_failed_part_leaves_nothing_but_its_log(tmp_path: Path) -> None:
    def fail(bench: Workshop) -> None:
        (bench.folder / "file").write_text("half")
        bench.run("sh", "-c", "echo what went wrong; exit 3")

    with pytest.raises(Exception, match="what went wrong") as failed:
        get(Cache(tmp_path), part(fail))
    assert "ended with 3" in str(failed.value)
    assert str(tmp_path / "logs" / "thing.log") in str(failed.value)
    assert list((tmp_path / "parts").iterdir()) == []
    (row,) = Board(tmp_path).read().values()
    assert row["state"] == "failed"


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    thing = part(write_file)
    left = tmp_path / "parts" / f".{thing.key}.12345"
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    assert Cache(tmp_path).find(thing) is None
    get(Cache(tmp_path), thing)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [thing.key]


def _in_a_process(root: str) -> None:
    get(Cache(Path(root)), part(_slowly))


def _slowly(bench: Workshop) -> None:
    # Long enough for the others to come to the lock meanwhile.
    bench.run("python3", "-c", "import time; time.sleep(0.4)")
    write_file(bench)


def test_many_makers_at_once_make_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_in_a_process, args=(str(tmp_path),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert made(Cache(tmp_path)) == 1


def test_only_what_is_missing_is_made_in_order(tmp_path: Path) -> None:
    below = part(write_file, "below")
    top = part(write_file, "top", below)
    maker = Maker(plan(below, top), Cache(tmp_path), lambda _: None)
    assert maker.missing([top]) == [below, top]
    maker.get([below])
    assert maker.missing([top]) == [top]
    maker.get([top])
    # The one below is not asked for once what was made of it is there.
    Cache(tmp_path).remove(below)
    assert Maker(plan(below, top), Cache(tmp_path)).missing([top]) == []


def test_a_bundle_makes_nothing(tmp_path: Path) -> None:
    thing = part(write_file)
    with pytest.raises(Exception, match="the bundle has no thing"):
        Maker(plan(thing, made_by="bundle"), Cache(tmp_path)).get([thing])


def test_durations_are_kept_for_the_next_time(tmp_path: Path) -> None:
    get(Cache(tmp_path), part(write_file))
    assert json.loads((tmp_path / "durations.json").read_text()).keys() == {"thing"}


def test_older_recipes_do_not_pile_up(tmp_path: Path) -> None:
    for version in range(4):
        newest = Part("thing", "servers", "make", {"version": version}, write_file)
        other = Part("thing-2", "servers", "make", {"version": version}, write_file)
        get(Cache(tmp_path), newest)
        get(Cache(tmp_path), other)
    left = sorted(path.name for path in (tmp_path / "parts").iterdir())
    assert len(left) == 4
    assert newest.key in left
    assert other.key in left
