"""`make bench` without a lab: figures, their table and file, parts by name, Docker's amounts."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from labs import catalogue
from labs.errors import LabError
from labs.instance import Instance
from labs.platform import docker
from labs.platform.steps import Steps
from labs.reset import again
from labs.reset import bench as resets
from labs.run import CommandFailed
from scripts.bench import figures, machine, parts, takes, watching
from scripts.bench.__main__ import parts as run_parts
from scripts.bench.figures import Figure


def test_a_figure_is_a_median_with_its_spread() -> None:
    one = Figure("up", "make up", "s", (30.0, 90.0, 40.0), "cached")
    assert one.median == 40.0
    assert one.row() == "| up | make up | 40.0 | 30.0 to 90.0 | 3 | s | cached |"
    assert Figure("up", "bare", "s", (20.04,)).row() == "| up | bare | 20.0 |  | 1 | s |  |"
    with pytest.raises(LabError, match="PARTS=up"):
        Figure("up", "make up", "s", ())


def test_a_ratio_is_of_medians_and_says_of_what() -> None:
    lab, bare = Figure("up", "lab", "s", (60.0, 30.0, 90.0)), Figure("up", "bare", "s", (40.0,))
    ratio = lab.ratio(bare, "lab beside bare")
    assert (ratio.values, ratio.unit) == ((1.5,), "times")
    assert "lab : bare" in ratio.note


def test_the_table_has_a_row_for_each_and_the_file_all_values(tmp_path: Path) -> None:
    found = [Figure("up", "lab", "s", (60.0, 30.0)), Figure("disk", "volumes", "MiB", (512.0,))]
    lines = figures.table(found).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    figures.write(tmp_path / "bench.json", {"cores": 2}, found)
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["conditions"] == {"cores": 2}
    assert [row["values"] for row in written["figures"]] == [[60.0, 30.0], [512.0]]
    assert written["figures"][0]["median"] == 45.0


def test_parts_are_chosen_by_name_in_their_own_order() -> None:
    assert [one.name for one in parts.chosen("reset, up")] == ["up", "reset"]
    assert parts.chosen("") == list(parts.PARTS)
    with pytest.raises(LabError, match="no part speed"):
        parts.chosen("up,speed")


def test_the_readers_own_lab_is_never_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAB_NAME", "hackfest")
    with pytest.raises(LabError, match="LAB_NAME=hackfest"):
        run_parts("disk", 1, tmp_path / "bench.json")
    with pytest.raises(LabError, match="RUNS=0"):
        run_parts("disk", 0, tmp_path / "bench.json")


def test_what_a_block_takes_is_seen_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, levels = threading.Event(), iter([100.0, 400.0, 300.0])

    def used() -> float:
        level = next(levels, None)
        if level is None:
            seen.set()
        return level or 300.0

    monkeypatch.setattr(machine, "used_mib", used)
    monkeypatch.setattr(machine, "SAMPLE_SECONDS", 0.01)
    with machine.watched() as sample:
        assert seen.wait(30)
    assert (sample.before_mib, sample.peak_mib) == (100.0, 400.0)
    assert sample.seconds > 0


@pytest.fixture
def seat(tmp_path: Path) -> Instance:
    return Instance("seat", tmp_path / "seat")


def test_notebooks_are_what_the_suite_wrote_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seat: Instance
) -> None:
    monkeypatch.setenv("LAB_TEST_OUTPUT", str(tmp_path))
    said: list[str] = []
    assert parts.notebooks(seat, 1, said.append) == []
    assert "`make test`" in said[0]
    lab = catalogue.LABS[3]
    report = {"notebook": Path(lab.notebook).stem, "seconds": {"undone": 10.0, "done": 20.0}}
    (tmp_path / "notebooks.json").write_text(json.dumps([report]))
    [found] = parts.notebooks(seat, 1, print)
    assert (found.values, found.what) == ((30.0,), f"lab {lab.heading}")
    assert f"{lab.minutes} min" in found.note


def test_each_run_of_resets_comes_to_a_lab_from_the_one_after_it(
    seat: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    class Done:
        seconds = 1.0

    def reset(instance: Instance, lab: catalogue.Lab, steps: Steps) -> Done:
        order.append(lab.name)
        return Done()

    monkeypatch.setattr(again, "reset", reset)
    labs = catalogue.LABS[:3]
    took = resets.seconds(seat, 2, labs, deleted=False)
    first, second, third = (lab.name for lab in labs)
    assert order == [first, *(third, second, first) * 2]
    assert took == {lab.name: [1.0, 1.0] for lab in labs}


def stats_of(names: list[str]) -> str:
    return "\n".join(json.dumps({"Name": one, "MemUsage": "10MiB / 1GiB"}) for one in names)


def gone(name: str) -> CommandFailed:
    return CommandFailed(["docker", "stats", name], 1, "", "EOF", "")


def test_a_container_that_goes_while_memory_is_read_is_left_out(
    seat: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ["node", "pipeline"]

    def stats(*argv: str, timeout: float) -> str:
        if argv[-1] == "pipeline":
            there.remove("pipeline")
            raise gone("pipeline")
        return stats_of(list(argv[4:]))

    monkeypatch.setattr(docker, "containers_of", lambda _: list(there))
    monkeypatch.setattr(takes, "run", stats)
    assert takes._containers(seat) == {"node": 10.0}


def test_what_hinders_the_reading_of_memory_ends_the_part(
    seat: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stats(*argv: str, timeout: float) -> str:
        raise gone("node")

    monkeypatch.setattr(docker, "containers_of", lambda _: ["node"])
    monkeypatch.setattr(takes, "run", stats)
    with pytest.raises(CommandFailed, match="EOF"), takes._sampling(seat, []):
        pass
    # What goes wrong in the block itself is told first.
    with pytest.raises(LabError, match="the block"), takes._sampling(seat, []):
        raise LabError("the block", expected="", todo="")


def reading(seconds: str, nanoseconds: int, *, namespace: str = "monitoring") -> dict[str, Any]:
    """Return a pod as the kubelet's summary has it."""
    return {
        "podRef": {"name": "prometheus-6d4cf56db6-x7k2p", "namespace": namespace},
        "cpu": {"time": f"2026-01-01T00:00:{seconds}Z", "usageCoreNanoSeconds": nanoseconds},
        "memory": {"workingSetBytes": 150 * 2**20},
    }


def test_what_monitoring_takes_is_read_off_the_kubelets_summary() -> None:
    starts = {"podRef": {"name": "traffic-a-b", "namespace": "monitoring"}, "cpu": {}}
    other = reading("10", 7, namespace="production")
    [before] = watching.read({"pods": [reading("10", 2 * 10**9), other, starts]}).values()
    found = watching.read({"pods": [reading("50", 4 * 10**9)]})
    assert found.keys() == {"prometheus"}
    assert found["prometheus"].mib == 150
    assert watching.share(before, found["prometheus"]) == pytest.approx(5)
