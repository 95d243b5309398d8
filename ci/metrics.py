"""What Prometheus is told of CI, counted from the runs that are kept: a restart loses none."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ci.runs import ENDED, Run, Runs

BUCKETS = (5, 10, 15, 20, 30, 45, 60, 90, 120, 300, 900)
"""Seconds; a run takes about 15."""


def exposition(runs: Runs) -> str:
    """Return the metrics in Prometheus' text format."""
    every = runs.all()
    lines = [
        *head("ci_runs_total", "counter", "Runs that have ended, by result."),
        *(f'ci_runs_total{{result="{r}"}} {sum(x.state == r for x in every)}' for r in ENDED),
        *head("ci_runs_queued", "gauge", "Runs that wait."),
        f"ci_runs_queued {len(runs.queue())}",
        *head("ci_runs_running", "gauge", "Runs at work: 0 or 1."),
        f"ci_runs_running {int(runs.running() is not None)}",
        *head("ci_runner_silence_seconds", "gauge", "Since the runner was last heard of."),
        f"ci_runner_silence_seconds {time.time() - runs.heard if runs.heard else float('inf'):.3f}",
        *histogram(run for run in every if run.state in ("success", "failure")),
        *head("ci_queue_seconds", "summary", "From a push to the start of its run."),
    ]
    waits = [run.started - run.queued for run in every if run.started is not None]
    lines += [f"ci_queue_seconds_sum {sum(waits):.3f}", f"ci_queue_seconds_count {len(waits)}"]
    lines += head("ci_last_run", "gauge", "The newest run: its number, with its result.")
    if every:
        lines.append(f'ci_last_run{{result="{every[-1].state}"}} {every[-1].number}')
    return "\n".join(lines) + "\n"


def head(name: str, kind: str, text: str) -> list[str]:
    """Return the two lines that stand before a metric."""
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def histogram(ended: Iterable[Run]) -> list[str]:
    """Return the durations of runs that came to an end of their own."""
    seconds = [r.ended - r.started for r in ended if r.ended is not None and r.started is not None]
    name = "ci_run_seconds"
    return [
        *head(name, "histogram", "From the start of a run to its end."),
        *(f'{name}_bucket{{le="{b}"}} {sum(s <= b for s in seconds)}' for b in BUCKETS),
        f'{name}_bucket{{le="+Inf"}} {len(seconds)}',
        f"{name}_sum {sum(seconds):.3f}",
        f"{name}_count {len(seconds)}",
    ]
