"""Which parts a lab still waits for, and for how long, while the platform is being built."""

from __future__ import annotations

from dataclasses import dataclass

from labs.errors import LabError
from labs.instance import Instance
from labs.platform import kubernetes
from labs.platform import status as platform
from labs.step import Frame
from scripts.supply import api as supply

MARKS = {"done": "✓", "running": "▶", "waiting": "·", "failed": "✗"}


@dataclass(frozen=True)
class Missing:
    """One part that is not there yet."""

    name: str
    doing: str
    seconds_left: float | None
    """About how long, from last time; None where there was no last time."""

    def __str__(self) -> str:
        about = "" if self.seconds_left is None else f", about {duration(self.seconds_left)} more"
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
        return [Missing(part.name, part.doing or part.state, _left(part)) for part in parts]
    if "cluster" in needs:
        return [Missing("cluster", "being started; `lab status` tells more", None)]
    return []


def cluster_answers(instance: Instance) -> bool:
    """Return whether the API server of the lab's cluster answers."""
    try:
        kubernetes.api(instance).version()
    except kubernetes.ClusterUnreachable:
        return False
    return True


def build(instance: Instance) -> Frame:
    """Show the parts as they come: what is there, what is being made, what comes next."""
    parts = supply.status()
    done = [part for part in parts if part.state == "done"]
    if len(done) < len(parts):
        lines = [f"{len(done)} of {len(parts)} parts are there."]
        if done:
            lines.append(f"✓ {', '.join(part.name for part in done)}")
        lines.extend(_line(part) for part in parts if part.state != "done")
        return Frame("\n".join(lines))
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
    took = f" {duration(part.seconds)}" if part.state == "running" else ""
    last = "" if part.last_seconds is None else f" (last time {duration(part.last_seconds)})"
    return f"{MARKS[part.state]} {part.name}: {part.doing or part.state}{took}{last}"


def _left(part: supply.PartStatus) -> float | None:
    if part.last_seconds is None:
        return None
    return max(part.last_seconds - part.seconds, 1.0)
