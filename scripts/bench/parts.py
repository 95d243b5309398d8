"""The parts of `make bench`: each has a bound in time, and measures on the bench's own lab."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labs import catalogue
from labs.errors import LabError
from labs.gitops import bench_release, race
from labs.instance import PROJECT, Instance
from labs.platform.steps import Steps
from labs.reset import again
from labs.reset import bench as resets
from labs.run import run
from scripts.bench import bring_up, takes, watching
from scripts.bench.figures import Figure
from scripts.supply import api as supply
from scripts.supply.cache import Cache
from scripts.supply.progress import Durations
from scripts.supply.ways import plan_of

Say = Callable[[str], None]
NOTEBOOKS = PROJECT / ".lab" / "test-output" / "notebooks.json"
"""What the suite's own last run has measured; LAB_TEST_OUTPUT names another folder."""
DELETED = ("welcome", "deploy", "incident")
"""The labs that are reset to with the cluster deleted: the first, one in the middle, the last."""
BUNDLE_SECONDS = 1200.0
COLD_SECONDS = 4 * 3600.0


@dataclass(frozen=True)
class Part:
    """One part: its name, what it measures, how, and whether it needs the lab up."""

    name: str
    what: str
    measure: Callable[[Instance, int, Say], list[Figure]]
    needs_lab: bool = True


def sync(instance: Instance, runs: int, say: Say) -> list[Figure]:
    """Return the times of releases by push, by poll and by `kubectl set image`, taking turns."""
    again.reset(instance, catalogue.lab_named("drift"), Steps(instance.durations))
    ways: tuple[race.Way, ...] = ("push", "poll", "kubectl")
    found = bench_release.rounds(instance, runs, say, ways)
    figures = {
        way: [
            Figure("sync", f"{race.WAYS[way]}: {words}", "s", _values(found, way, what))
            for what, words in (("first", "first new answer"), ("last", "last old answer"))
        ]
        for way in ways
    }
    ratios = [
        mine.ratio(theirs, f"{way} beside kubectl, {words}")
        for way in ways[:2]
        for mine, theirs, words in zip(
            figures[way], figures["kubectl"], ("first", "last"), strict=True
        )
    ]
    return [*(one for way in ways for one in figures[way]), *ratios]


def reset(instance: Instance, runs: int, say: Say) -> list[Figure]:
    """Return the seconds of a reset to each lab, from the start of the one after it."""
    return _resets(instance, runs, catalogue.LABS, deleted=False)


def deleted(instance: Instance, runs: int, say: Say) -> list[Figure]:
    """Return the seconds of a reset with the cluster deleted before, to three labs."""
    labs = tuple(catalogue.lab_named(name) for name in DELETED)
    return _resets(instance, runs, labs, deleted=True)


def parts_of_the_lab(instance: Instance, runs: int, say: Say) -> list[Figure]:
    """Return what a bundle takes, and what making all parts took, or with COLD=1 takes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        file = Path(folder) / "all.bundle"
        start = time.monotonic()
        words = ("-m", "scripts.supply", "bundle", file)
        run(sys.executable, *words, cwd=PROJECT, timeout=BUNDLE_SECONDS)
        took, size = time.monotonic() - start, file.stat().st_size / 2**20
        say(f"a bundle of {size:.0f} MiB in {took:.0f} s")
        up = bring_up.from_bundle(instance, file, Path(folder) / "cache")
    found = [
        Figure("supply", "bundle, written", "s", (took,), "from the cache, verified"),
        Figure("supply", "bundle", "MiB", (size,)),
        Figure("supply", "make up from the bundle", "s", (up,), "no cache; Docker has the images"),
    ]
    if os.environ.get("COLD") == "1":
        return [*found, _cold()]
    cache = Cache()
    durations = Durations(cache.root)
    plan = plan_of(supply.way())
    known = [seconds for part in plan.parts if (seconds := durations.last(part)) is not None]
    note = f"not measured now: {len(known)} of {len(plan.parts)} parts, as noted when made"
    return [*found, Figure("supply", f"all parts by {supply.way()}", "s", (sum(known),), note)]


def notebooks(instance: Instance, runs: int, say: Say) -> list[Figure]:
    """Return how long each notebook took in the suite's last run, beside a person's minutes."""
    path = NOTEBOOKS
    if chosen := os.environ.get("LAB_TEST_OUTPUT"):
        path = Path(chosen) / NOTEBOOKS.name
    if not path.exists():
        say(f"left out: `make test` writes them into {path}, and was not run here")
        return []
    found = []
    for report in json.loads(path.read_text()):
        lab = next(one for one in catalogue.LABS if Path(one.notebook).stem == report["notebook"])
        note = f"all passes of the suite; a person: {lab.minutes} min"
        seconds = sum(report["seconds"].values())
        found.append(Figure("notebooks", f"lab {lab.heading}", "s", (seconds,), note))
    return found


PARTS = (
    Part("up", "the lab beside a bare cluster", bring_up.measure, needs_lab=False),
    Part("rest", "memory and processor at rest", takes.at_rest),
    Part("monitoring", "memory and processor of monitoring at rest", watching.measure),
    Part("sync", "commit to live", sync),
    Part("reset", "reset to each lab", reset),
    Part("deleted", "reset with the cluster deleted", deleted),
    Part("labs", "memory and processor during each lab", takes.during_labs),
    Part("disk", "disk", takes.disk),
    Part("supply", "bundle and source", parts_of_the_lab, needs_lab=False),
    Part("notebooks", "the suite's own last run", notebooks, needs_lab=False),
)


def chosen(names: str) -> list[Part]:
    """Return the parts that are named, parted by commas, in their order. Raises LabError."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = [part.name for part in PARTS]
    if unknown := [name for name in wanted if name not in known]:
        raise LabError(
            f"no part {', '.join(unknown)}",
            expected=f"some of {', '.join(known)}",
            todo="for example `make bench PARTS=up,reset`",
        )
    return [part for part in PARTS if not wanted or part.name in wanted]


def _resets(
    instance: Instance, runs: int, labs: tuple[catalogue.Lab, ...], *, deleted: bool
) -> list[Figure]:
    took = resets.seconds(instance, runs, labs, deleted=deleted)
    part = "deleted" if deleted else "reset"
    return [Figure(part, f"to lab {lab.heading}", "s", tuple(took[lab.name])) for lab in labs]


def _values(found: list[race.Round], way: race.Way, what: str) -> tuple[float, ...]:
    return tuple(getattr(one, what) for one in found if one.way == way)


def _cold() -> Figure:
    """Make everything anew, in a cache of its own that goes at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-cold-") as folder:
        start = time.monotonic()
        words = ("-m", "scripts.supply", "ensure")
        env = {"LAB_CACHE": folder}
        run(sys.executable, *words, cwd=PROJECT, env=env, timeout=COLD_SECONDS)
        return Figure(
            "supply",
            f"all parts by {supply.way()}",
            "s",
            (time.monotonic() - start,),
            "measured now, with an empty cache",
        )
