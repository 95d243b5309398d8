"""Which parts a lab still waits for, and for how long, while the platform is being built."""

from __future__ import annotations

from dataclasses import dataclass

from labs.instance import Instance
from labs.platform import kubernetes
from scripts.supply import api as supply


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
    """Return what is not there of the stages, in the order in which it comes."""
    parts = [
        Missing(part.name, part.doing or part.state, _left(part))
        for part in supply.status()
        if part.stage in needs and part.state != "done"
    ]
    if not parts and "cluster" in needs and not cluster_answers(instance):
        parts = [Missing("cluster", "being started; `lab status` shows how far it is", None)]
    return parts


def cluster_answers(instance: Instance) -> bool:
    """Return whether the API server of the lab's cluster answers."""
    try:
        kubernetes.api(instance).version()
    except kubernetes.ClusterUnreachable:
        return False
    return True


def duration(seconds: float) -> str:
    """Return seconds as a person says them: `40 s`, `3 min`."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _left(part: supply.PartStatus) -> float | None:
    if part.last_seconds is None:
        return None
    return max(part.last_seconds - part.seconds, 1.0)
