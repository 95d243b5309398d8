"""Pause and resume: `down` that notes what ran, `up` that waits until it runs again.

Nothing is frozen: a frozen lab keeps its memory, and is lost with the next restart of the machine.
docs/pause.md has the figures.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.platform import console, docker, jupyter, kind, kubernetes, memory, objects
from labs.platform import up as platform
from labs.platform.api_errors import ClusterUnreachable, Refused
from labs.platform.steps import Steps
from labs.wait import NotYet, TimedOut, wait_for

WORKLOADS_SECONDS = 180.0
"""Far more than the pods of all labs together take to start on a machine with two cores."""


@dataclass(frozen=True)
class Pause:
    """When a lab was paused, what memory that freed (MiB), and which pods were ready by then."""

    at: str
    freed: int
    ready: Mapping[str, int]
    """How many pods were ready, by namespace."""


@dataclass(frozen=True)
class Resumed:
    """How a lab came back."""

    address: str
    """JupyterLab's."""
    pause: Pause | None
    """The pause that ended; None: it was stopped otherwise, or not at all."""
    ran: bool
    """Whether all of it was running before."""
    unready: tuple[str, ...]
    """Namespaces that have fewer ready pods than before the pause, with both numbers."""


def pause(instance: Instance, steps: Steps) -> tuple[Pause | None, bool]:
    """Stop a lab and note what ran in it; return that, and whether it was stopped before.

    The note is None where a lab was stopped before, and not by a pause. Raises LabError where
    there never was such a lab, and where another command is at work on it.
    """
    platform.refuse_what_never_was(instance)
    with platform.exclusive(instance):
        if not _running(instance):
            return known(instance), True
        with steps.step("What runs"):
            freed = round(memory.of_lab(instance)) if docker.engine_answers() else 0
            ready = _ready_or_nothing(instance, steps.say)
        made = Pause(datetime.now(UTC).isoformat(timespec="seconds"), freed, ready)
        if not ready and (cut_off := known(instance)) is not None:
            made = replace(cut_off, at=made.at)
        write_json(platform.paused(instance), asdict(made))  # before: cut off, it is run again
        platform.stop(instance, steps)
    return made, False


def resume(instance: Instance, steps: Steps) -> Resumed:
    """Bring a lab back, paused, stopped or cut off, and wait for what ran in it at the pause.

    Raises LabError where there never was such a lab, and what `up` raises.
    """
    platform.refuse_what_never_was(instance)
    before = known(instance)
    ran = _whole(instance)
    there = kind.exists(instance) if docker.engine_answers() else True
    address = platform.up(instance, steps)
    unready: list[str] = []
    if before and before.ready and there:  # in a cluster made anew, nothing comes by itself
        with steps.step("Pods that ran before the pause"):
            unready = _awaited(instance, before.ready, steps.say)
    return Resumed(address, before, ran, tuple(unready))


def known(instance: Instance) -> Pause | None:
    """Return the pause that a lab is in, or None."""
    path = platform.paused(instance)
    return Pause(**json.loads(path.read_text())) if path.exists() else None


def _running(instance: Instance) -> list[str]:
    """Return what of a lab runs, a frozen container as well."""
    found = [part.__name__ for part in (jupyter, console) if part.running(instance)]
    if docker.engine_answers():
        names = docker.containers_of(instance)
        found += [name for name in names if docker.state(name) not in ("exited", "created")]
    return found


def _whole(instance: Instance) -> bool:
    names = docker.containers_of(instance) if docker.engine_answers() else []
    servers = jupyter.running(instance) and console.running(instance)
    return servers and bool(names) and all(docker.state(name) == "running" for name in names)


def _ready(instance: Instance) -> dict[str, int]:
    """Return how many pods are ready, by namespace, not counting what is told of an earlier day.

    A node that was started again shows its pods as they were, until its kubelet has looked.
    """
    started = docker.started_at(kind.node(instance)).timestamp()
    pods = kubernetes.api(instance).list("v1", "Pod")
    return dict(
        Counter(
            str(pod["metadata"]["namespace"])
            for pod in pods
            if objects.pod_state(pod) == "Ready" and not kind.older(pod, started)
        )
    )


def _ready_or_nothing(instance: Instance, say: Callable[[str], None]) -> dict[str, int]:
    """Return which pods are ready; a cluster that does not answer is stopped all the same."""
    try:
        return _ready(instance)
    except LabError as silent:
        say(f"the cluster does not say what runs in it: {silent.found.splitlines()[0]}")
        return {}


def _awaited(
    instance: Instance, before: Mapping[str, int], say: Callable[[str], None]
) -> list[str]:
    """Wait until as many pods are ready as were; return, and tell of, those that are not."""
    left: list[str] = []

    def back() -> None:
        try:
            now = _ready(instance)
        except (ClusterUnreachable, Refused) as early:
            raise NotYet(early.found) from early
        left[:] = [
            f"{name}: {now.get(name, 0)} of {count}"
            for name, count in before.items()
            if now.get(name, 0) < count
        ]
        if left:
            raise NotYet("; ".join(left))

    try:
        wait_for(back, what="the pods of before the pause", timeout=WORKLOADS_SECONDS)
    except TimedOut as late:
        say(f"not all of them: {late.found}")
    return left
