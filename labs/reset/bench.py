"""What a reset to each lab takes: measured on a lab that is there for it, with its conditions."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence

from labs import catalogue
from labs.catalogue import Lab
from labs.errors import LabError
from labs.instance import Instance
from labs.platform import kind
from labs.platform.steps import Steps
from labs.reset import again


def measure(instance: Instance, runs: int, *, deleted: bool, labs: str = "") -> None:
    """Reset to each lab `runs` times, and print a table with its conditions.

    `deleted` deletes the cluster before each. `labs` are names or numbers, parted by commas.
    """
    chosen = catalogue.labs_named(labs)
    load = os.getloadavg()[0]
    print(table(chosen, seconds(instance, runs, chosen, deleted=deleted)))
    how = "the cluster deleted before each" if deleted else "the cluster alive"
    print(
        f"\n{runs} runs, the labs from the last to the first, {how}; {os.cpu_count()} cores, "
        f"load {load:.1f} before and {os.getloadavg()[0]:.1f} after"
    )


def seconds(
    instance: Instance, runs: int, labs: Sequence[Lab], *, deleted: bool
) -> dict[str, list[float]]:
    """Return what resets to each lab took, `runs` each, from the start of the lab after it.

    Before the first run the lab is put to the first of them: so the last is always come to from
    there, and no run has an easier beginning than another.
    """
    took: dict[str, list[float]] = {lab.name: [] for lab in labs}
    again.reset(instance, labs[0], Steps(instance.durations))
    for _ in range(runs):
        for lab in reversed(labs):
            if deleted:
                kind.delete(instance)
            took[lab.name].append(again.reset(instance, lab, Steps(instance.durations)).seconds)
    return took


def table(labs: Sequence[Lab], took: dict[str, list[float]]) -> str:
    """Return seconds by lab as text. Raises LabError where nothing was measured."""
    if not any(took.values()):
        raise LabError("no run", expected="one run at least", todo="`--runs 1`")
    lines = [f"{'reset to':<34}{'median s':>10}{'fastest':>10}{'slowest':>10}"]
    for lab in labs:
        times = took[lab.name]
        lines.append(
            f"{lab.heading:<34}{statistics.median(times):>10.1f}{min(times):>10.1f}"
            f"{max(times):>10.1f}"
        )
    return "\n".join(lines)
