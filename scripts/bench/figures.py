"""Figures: what was measured how often, as rows of one table and of one file."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labs.errors import LabError
from labs.instance import PROJECT, write_json
from labs.run import CommandFailed, run
from scripts.bench import machine


@dataclass(frozen=True)
class Figure:
    """One thing that was measured: its values, in a unit, and what has to be known of them."""

    part: str
    what: str
    unit: str
    values: tuple[float, ...]
    note: str = ""

    def __post_init__(self) -> None:
        if not self.values:
            raise LabError(
                f"nothing was measured of {self.what!r}",
                expected="one value at least",
                todo="run the part alone: `make bench PARTS=" + self.part + "`",
            )

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def ratio(self, other: Figure, what: str) -> Figure:
        """Return how many times the other's median this one's is."""
        note = f"{self.what} : {other.what}, medians of one run"
        return Figure(self.part, what, "times", (self.median / other.median,), note)

    def row(self) -> str:
        """Return it as a row of the table."""
        several = len(self.values) > 1
        spread = f"{_short(min(self.values))} to {_short(max(self.values))}" if several else ""
        cells = (self.part, self.what, _short(self.median), spread, str(len(self.values)))
        return f"| {' | '.join([*cells, self.unit, self.note])} |"


def table(figures: Sequence[Figure]) -> str:
    """Return figures as a Markdown table, in the order in which they were measured."""
    head = ("part", "what", "median", "spread", "runs", "unit", "note")
    lines = [f"| {' | '.join(head)} |", "|---|---|---:|---|---:|---|---|"]
    return "\n".join([*lines, *(figure.row() for figure in figures)])


def conditions(way: str) -> dict[str, Any]:
    """Return under which conditions all is measured; `way` is where the lab's parts come from."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cores": os.cpu_count(),
        "memory MiB": round(machine.total_mib()),
        "memory in use before MiB": round(machine.used_mib()),
        "load before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": platform.python_version(),
        "Docker": run("docker", "version", "--format={{.Server.Version}}", timeout=30).strip(),
        "supply": way,
    }


def write(path: Path, found: dict[str, Any], figures: Sequence[Figure]) -> None:
    """Write conditions and figures to a file of JSON, whole or not at all."""
    rows = [{**figure.__dict__, "median": figure.median} for figure in figures]
    write_json(path, {"conditions": found, "figures": rows})


def _commit() -> str:
    """Return the project's commit, and whether files differ from it; '' where there is no clone."""
    try:
        sha = run("git", "rev-parse", "--short=12", "HEAD", cwd=PROJECT).strip()
        changed = run("git", "status", "--porcelain", cwd=PROJECT).strip()
    except CommandFailed:  # the project was unpacked from a file
        return ""
    return f"{sha} and changes" if changed else sha


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
