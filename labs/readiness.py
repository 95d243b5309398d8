"""Which parts a lab still waits for, and for how long, while the platform is being built."""

from __future__ import annotations

from dataclasses import dataclass

from labs.errors import LabError
from labs.instance import Instance
from labs.platform import kubernetes
from labs.platform import status as platform
from labs.platform.api_errors import ClusterUnreachable
from labs.step import Frame
from scripts.supply import api as supply

SHOWN = 4
"""How many of the parts that wait are named; the others are counted."""
MARKS = {"done": "✓", "running": "▶", "waiting": "·", "failed": "✗"}


@dataclass(frozen=True)
class Missing:
    """One part that is not there yet."""

    name: str
    doing: str
    running: bool = False
    seconds_left: float = 0.0
    """About how long: as last time, or as it took elsewhere; 0 where nobody knows."""

    def __str__(self) -> str:
        about = f", about {duration(self.seconds_left)} more" if self.seconds_left else ""
        return f"{self.name}: {self.doing}{about}"


def missing(instance: Instance, needs: tuple[str, ...]) -> list[Missing]:
    """Return what is not there of the stages, in the order in which it comes.

    Raises LabError if getting one of them failed.
    """
    if "cluster" in needs and cluster_answers(instance):
        return []  # the node carries all that the labs run
    parts = [part for part in supply.status() if part.stage in needs and part.state != "done"]
    for part in parts:
        if part.state == "failed":
            raise LabError(
                f"{part.name} could not be got: {part.doing}",
                expected="every part of the lab",
                todo=f"see {part.log}; then `make up`, which goes on where it stopped",
            )
    if parts:
        return [
            Missing(part.name, part.doing, part.state == "running", _left(part)) for part in parts
        ]
    if "cluster" in needs:
        return [Missing("cluster", "being started; `lab status` tells more")]
    return []


def summary(parts: list[Missing]) -> str:
    """Return what is missing in a few lines: what is being made, what is next, how much more."""
    now = [part for part in parts if part.running]
    later = [part for part in parts if not part.running]
    shown = [*now, *later[:SHOWN]]
    lines = [f"- {part}" for part in shown]
    if len(parts) > len(shown):
        lines.append(f"- and {len(parts) - len(shown)} more")
    return "\n".join(lines)


def cluster_answers(instance: Instance) -> bool:
    """Return whether the API server of the lab's cluster answers."""
    try:
        kubernetes.api(instance).version()
    except ClusterUnreachable:
        return False
    return True


def build(instance: Instance) -> Frame:
    """Show the parts as they come: what is there, what is being made, what comes next."""
    parts = supply.status()
    left = [part for part in parts if part.state != "done"]
    if not left:
        return _set_up(instance)
    about = duration(sum(_left(part) for part in left))
    lines = [f"{len(parts) - len(left)} of {len(parts)} parts are there, about {about} to go."]
    waiting = [part for part in left if part.state == "waiting"]
    lines += [_line(part) for part in left if part.state != "waiting"]
    lines += [_line(part) for part in waiting[:SHOWN]]
    if len(waiting) > SHOWN:
        lines.append(f"  and {len(waiting) - SHOWN} more")
    return Frame("\n".join(lines))


def _set_up(instance: Instance) -> Frame:
    """Show how the lab itself is, once every part is got."""
    found = platform.parts(instance)
    lines = [
        f"{MARKS['done' if part.well else 'waiting']} {part.name}: {part.state}" for part in found
    ]
    whole = all(part.well for part in found)
    lines.insert(0, "Your lab is up." if whole else "Every part is got; the lab is being set up.")
    return Frame("\n".join(lines), done=whole)


def duration(seconds: float) -> str:
    """Return seconds as a person says them: `40 s`, `3 min`."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _line(part: supply.PartStatus) -> str:
    if part.state == "running":
        times = f" ({duration(part.seconds)} of about {duration(part.expected)})"
    elif part.state == "failed":
        times = f" (see {part.log}; `make up` goes on where it stopped)"
    else:
        times = f" (about {duration(part.expected)})"
    return f"{MARKS[part.state]} {part.name}: {part.doing}{times}"


def _left(part: supply.PartStatus) -> float:
    return max(part.expected - part.seconds, 1.0)
