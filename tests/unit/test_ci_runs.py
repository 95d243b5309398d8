"""CI's queue: what is kept, in which order it is done, what becomes of a run that is cut off."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ci import metrics
from ci.runs import MOST_ATTEMPTS, Gone, Run, Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


def add(runs: Runs, commit: str) -> Run:
    return runs.add("app", "refs/heads/main", commit * 40, f"Commit {commit}", "attendee", "push")


def states(runs: Runs) -> list[tuple[int, str]]:
    return [(run.number, run.state) for run in runs.all()]


def test_runs_are_taken_in_order_and_one_at_a_time(runs: Runs) -> None:
    add(runs, "a"), add(runs, "b")
    first = runs.take("s", 0)
    assert first is not None
    assert first.commit == "a" * 40
    assert runs.take("s", 0) is None
    runs.end(first.number, "s", "success", "")
    second = runs.take("s", 0)
    assert second is not None
    assert second.commit == "b" * 40
    assert states(runs) == [(1, "success"), (2, "running")]


def test_who_waits_for_work_gets_it_when_it_comes(runs: Runs) -> None:
    got: list[Run | None] = []
    waiting = threading.Thread(target=lambda: got.append(runs.take("s", 20)))
    waiting.start()
    add(runs, "a")
    waiting.join(timeout=20)
    assert [run.number for run in got if run] == [1]


def test_everything_outlives_the_dispatcher(runs: Runs) -> None:
    add(runs, "a"), add(runs, "b")
    runs.take("s", 0)
    stage = {"name": "Lint", "result": "running", "seconds": None}
    told: list[dict[str, object]] = [
        {"log": "one"},
        {"stage": stage},
        {"output": {"digest": "sha256:1"}},
    ]
    runs.report(1, "s", told)
    again = Runs(runs.folder)
    assert states(again) == [(1, "interrupted"), (2, "queued"), (3, "queued")]
    cut, repeat = again.all()[0], again.all()[2]
    assert (cut.why, cut.again, cut.stages[0]["result"]) == (
        "the dispatcher was restarted",
        3,
        "interrupted",
    )
    assert cut.outputs == {"digest": "sha256:1"}
    assert again.read_log(1).decode().splitlines() == [
        "one",
        "interrupted: the dispatcher was restarted; queued again as run 3",
    ]
    # It comes before the one that was pushed after it.
    assert [run.number for run in again.queue()] == [3, 2]
    assert (repeat.commit, repeat.attempt) == ("a" * 40, 2)
    assert "run 1 was interrupted" in repeat.reason
    # Who still works on the old run is told that it is not wanted any more.
    with pytest.raises(Gone, match="run 1 is interrupted"):
        again.report(1, "s", [])


def test_a_runner_that_comes_back_gets_the_run_anew(runs: Runs) -> None:
    add(runs, "a")
    runs.take("first", 0)
    runs.greet("first")
    assert states(runs) == [(1, "running")]
    runs.greet("second")
    assert states(runs) == [(1, "interrupted"), (2, "queued")]
    with pytest.raises(Gone):
        runs.end(1, "first", "success", "")


def test_a_silent_runner_loses_its_run(runs: Runs) -> None:
    add(runs, "a")
    runs.take("s", 0)
    runs.expire(silence=60)
    assert states(runs) == [(1, "running")]
    runs.expire(silence=-1)
    assert states(runs) == [(1, "interrupted"), (2, "queued")]


def test_a_run_that_ends_its_runner_is_not_tried_for_ever(runs: Runs) -> None:
    add(runs, "a")
    for attempt in range(MOST_ATTEMPTS):
        assert runs.take(f"s{attempt}", 0) is not None
        runs.greet("another")
    assert states(runs) == [(1, "interrupted"), (2, "interrupted"), (3, "failure")]
    assert runs.queue() == []
    assert "not queued again" in runs.read_log(3).decode()


def test_a_follower_sees_all_of_the_log_until_the_end(runs: Runs) -> None:
    add(runs, "a")
    runs.take("s", 0)
    runs.report(1, "s", [{"log": "early"}])
    parts: list[bytes] = []
    reader = threading.Thread(target=lambda: parts.extend(runs.follow(1)))
    reader.start()
    runs.report(1, "s", [{"log": "late"}])
    runs.end(1, "s", "failure", "Lint failed")
    reader.join(timeout=20)
    assert not reader.is_alive()
    assert b"".join(parts) == b"early\nlate\n"


def test_metrics_are_counted_from_the_runs(runs: Runs) -> None:
    add(runs, "a"), add(runs, "b"), add(runs, "c")
    runs.take("s", 0)
    runs.end(1, "s", "success", "")
    runs.take("s", 0)
    lines = metrics.exposition(runs).splitlines()
    assert {'ci_runs_total{result="success"} 1', "ci_runs_queued 1", "ci_runs_running 1"} <= {
        *lines
    }
    assert "ci_run_seconds_count 1" in lines
    assert 'ci_run_seconds_bucket{le="5"} 1' in lines
    # Each sample belongs to a metric that was announced.
    announced = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    samples = [line.split("{")[0].split()[0] for line in lines if not line.startswith("#")]
    assert samples
    assert all(any(name.startswith(known) for known in announced) for name in samples)
