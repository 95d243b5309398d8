"""`make bench`: measures the parts, prints one table, and writes it with its conditions to a file.

python -m scripts.bench                         all parts, on a lab of its own (LAB_NAME=…-bench)
python -m scripts.bench command -- make up      wall time, exit code, peak memory of the machine
python -m scripts.bench console                 its pages, how soon they show a change, their cost
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.bench import machine

if TYPE_CHECKING:
    from labs.instance import Instance
    from labs.platform.steps import Steps

NAME = "hackfest-bench"
RUNS = 3


def parts(names: str, runs: int, out: Path) -> int:
    """Measure the parts that are named; all, where none is."""
    from labs.errors import LabError
    from labs.instance import Instance
    from labs.platform.steps import Steps
    from labs.platform.up import clean
    from scripts import own_lab
    from scripts.bench import figures
    from scripts.bench.parts import chosen
    from scripts.supply import api as supply

    # Here, since nothing but Python is needed for `command`: it times that as well.
    wanted = chosen(names)
    if runs < 1:
        raise LabError(f"RUNS={runs}", expected="one run at least", todo="leave RUNS out")
    own_lab.require(NAME)
    lab = Instance.current()
    steps = Steps(lab.durations)
    supply.ensure(say=steps.say)
    found = figures.conditions(supply.way())
    measured: list[figures.Figure] = []
    failed: list[str] = []
    start = time.monotonic()
    try:
        for part in wanted:
            try:
                if part.needs_lab:
                    _up(lab, steps)
                with steps.step(f"Bench: {part.what}"):
                    measured += part.measure(lab, runs, steps.say)
            except LabError as wrong:  # one part less; the others are worth their time
                print(wrong, file=sys.stderr)
                failed.append(part.name)
    finally:
        found["load after"] = round(os.getloadavg()[0], 2)
        found["seconds"] = round(time.monotonic() - start)
        if failed:
            found["failed"] = ", ".join(failed)
        if measured:
            figures.write(out, found, measured)
            print("\n" + "\n".join(f"{name}: {value}" for name, value in found.items()))
            print(f"\n{figures.table(measured)}\n\nalso in {out}")
        clean(lab, steps)
    return int(bool(failed) or not measured)


def _up(lab: Instance, steps: Steps) -> None:
    """Bring the bench's lab up, unless a part before has left it up."""
    from labs.platform import kind
    from scripts.bench import bring_up

    if not kind.exists(lab):
        with steps.step("Bench: its lab comes up"):
            bring_up.lab(lab, "up")


def console_pages(runs: int) -> int:
    """Print how long the console's pages take, how soon they show a change, and what they cost."""
    from labs.instance import Instance
    from labs.platform import console, memory
    from scripts import bench_console

    instance = Instance.current()
    taken = memory.of_family(console.pid(instance))
    return bench_console.main(instance, runs, machine.conditions(), taken)


def main() -> int:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__)
    parser.add_argument("--parts", default=os.environ.get("PARTS", ""), help="names, and commas")
    parser.add_argument("--runs", type=int, default=int(os.environ.get("RUNS") or RUNS))
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT") or "bench.json"))
    what = parser.add_subparsers(dest="what")
    timed = what.add_parser("command", help="time a command and watch the machine's memory")
    timed.add_argument("argv", nargs=argparse.REMAINDER)
    pages = what.add_parser("console", help="the console's pages, a change's way to them")
    pages.add_argument("--runs", type=int, default=50, dest="times")
    arguments = parser.parse_args()
    if arguments.what == "command":
        return machine.command([word for word in arguments.argv if word != "--"])
    if arguments.what == "console":
        return console_pages(arguments.times)
    from labs.errors import LabError

    # As for Ctrl-C: what was measured is written, and the bench's lab goes.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    try:
        return parts(arguments.parts, arguments.runs, arguments.out)
    except LabError as wrong:
        print(wrong, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
