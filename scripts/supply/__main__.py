"""`python -m scripts.supply`: see and get what the lab is made of."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from labs.errors import LabError
from scripts.supply import api, export, ways
from scripts.supply import catalogue as catalogue_
from scripts.supply.cache import Cache
from scripts.supply.progress import duration


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.supply", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("way", help="say how parts are got: pull, bundle or source")
    commands.add_parser("plan", help="list every part, where it comes from and whether it is there")
    ensure = commands.add_parser("ensure", help="get everything that the stages need")
    ensure.add_argument("stage", nargs="*", help=f"{', '.join(api.STAGES)}; default: all")
    commands.add_parser("status", help="say how far each part is")
    commands.add_parser("verify", help="read every file of the cache; remove what is damaged")
    bundle = commands.add_parser("bundle", help="write everything to one file")
    bundle.add_argument("file", type=Path)
    chosen = parser.parse_args(arguments)
    # As for Ctrl-C: programs that were started are ended, locks and half-made folders go.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    try:
        if chosen.command == "way":
            print(api.way())
        elif chosen.command == "plan":
            show_plan()
        elif chosen.command == "ensure":
            api.ensure(*chosen.stage)
        elif chosen.command == "status":
            show_status()
        elif chosen.command == "verify":
            return verify()
        elif chosen.command == "bundle":
            plan = ways.plan_of(api.way())
            export.write(chosen.file, plan, catalogue_.load(), Cache(), print)
    except LabError as wrong:
        print(wrong, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what is done is kept", file=sys.stderr)
        return 130
    return 0


def show_plan() -> None:
    """Print every part of the plan, and whether it is there."""
    cache, plan = Cache(), ways.plan_of(api.way())
    finals = {part.key for part in plan.finals}
    for part in plan.parts:
        there = "there" if cache.find(part) else "to do"
        kind = "" if part.key in finals else " (for others)"
        print(f"{there}  {part.stage:8} {part.key:42} {part.does}{kind}"[:110])


def show_status() -> None:
    """Print how far each part is."""
    for row in api.status():
        last = f", {duration(row.last_seconds)} last time" if row.last_seconds else ""
        spent = f" {duration(row.seconds)}" if row.state == "running" else ""
        print(f"{row.state:8} {row.stage:8} {row.name:30}{spent}{last}"[:79])
        if row.state in ("running", "failed"):
            print(f"         {row.doing.splitlines()[0] if row.doing else ''}"[:79])


def verify() -> int:
    """Read all parts of the plan that are there; returns 1 if one was damaged."""
    cache, plan = Cache(), ways.plan_of(api.way())
    wrong = 0
    for part in plan.parts:
        if not (cache.parts / part.key).is_dir():
            continue
        with cache.lock(part.name):
            found = cache.verify(part)
            if found:
                wrong += 1
                cache.remove(part)
        print(f"removed: {found}" if found else f"whole: {part.key}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
