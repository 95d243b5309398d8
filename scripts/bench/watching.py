"""What monitoring takes at rest: memory and processor of each of its pods, as the kubelet says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labs import catalogue
from labs.gitops.monitoring import NAMESPACE
from labs.instance import Instance
from labs.platform import kubernetes
from labs.platform.steps import Steps
from labs.reset import again
from labs.wait import NotYet, wait_for
from scripts.bench.figures import Figure
from scripts.bench.machine import MIB

LAB = "incident"
"""The lab that starts with all of it."""
SPAN = 30.0
"""Seconds from one reading to the next, at least, and before the first one, to come to rest."""
SECONDS = 240.0
PART = "monitoring"


@dataclass(frozen=True)
class Taken:
    """What a pod had taken of a processor at a moment (Unix seconds), and its working set."""

    when: float
    core_seconds: float
    mib: float


def measure(instance: Instance, runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Return memory and share of a core of each pod and together, over `runs` spans of time."""
    again.reset(instance, catalogue.lab_named(LAB), Steps(instance.durations))
    first = wait_for(lambda: now(instance), what="each pod to be told of", timeout=SECONDS)
    before = later(instance, first)
    memory: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    for number in range(runs):
        after = later(instance, before)
        for name, one in after.items():
            memory.setdefault(name, []).append(one.mib)
            processor.setdefault(name, []).append(share(before[name], one))
        before = after
        say(f"{number + 1} of {runs}: {sum(one[-1] for one in memory.values()):.0f} MiB together")
    return [
        *_figures("memory", "MiB", memory),
        *_figures("processor", "% of one", processor),
    ]


def now(instance: Instance) -> dict[str, Taken]:
    """Return what each pod has taken until now, by its program's name. Raises NotYet."""
    cluster = kubernetes.api(instance)
    found: dict[str, Taken] = {}
    for node in cluster.list("v1", "Node"):
        path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
        found |= read(cluster.raw("GET", path))
    pods = {_program(pod["metadata"]["name"]) for pod in cluster.list("v1", "Pod", NAMESPACE)}
    if not pods or pods != found.keys():
        raise NotYet(f"told of are {', '.join(found)}; there are {', '.join(pods)}")
    return found


def later(instance: Instance, before: Mapping[str, Taken]) -> dict[str, Taken]:
    """Return what each pod has taken, told at least a span after another reading of the same."""

    def told() -> dict[str, Taken]:
        found = now(instance)
        old = [name for name in found if name in before and _since(before, found, name) < SPAN]
        if old or found.keys() != before.keys():
            raise NotYet(f"{', '.join(old or found)}: not told anew")
        return found

    return wait_for(told, what="a reading of each pod", timeout=SECONDS, interval=1)


def read(summary: Mapping[str, Any]) -> dict[str, Taken]:
    """Return what a kubelet's summary tells of monitoring's pods that have been measured."""
    found = {}
    for pod in summary.get("pods") or ():
        cpu, memory = pod.get("cpu") or {}, pod.get("memory") or {}
        if pod["podRef"]["namespace"] != NAMESPACE or "usageCoreNanoSeconds" not in cpu:
            continue
        found[_program(pod["podRef"]["name"])] = Taken(
            datetime.fromisoformat(cpu["time"].replace("Z", "+00:00")).timestamp(),
            cpu["usageCoreNanoSeconds"] / 1e9,
            memory["workingSetBytes"] / MIB,
        )
    return found


def share(before: Taken, after: Taken) -> float:
    """Return the percent of one core that was taken between two readings."""
    return 100 * (after.core_seconds - before.core_seconds) / (after.when - before.when)


def _since(before: Mapping[str, Taken], found: Mapping[str, Taken], name: str) -> float:
    return found[name].when - before[name].when


def _program(pod: str) -> str:
    """Return the name of the Deployment that a pod is of."""
    return pod.rsplit("-", 2)[0]


def _figures(what: str, unit: str, values: Mapping[str, list[float]]) -> list[Figure]:
    together = tuple(sum(each) for each in zip(*values.values(), strict=True))
    note = "working set, as the kubelet says" if unit == "MiB" else "as the kubelet says"
    return [
        *(Figure(PART, f"{what}, {name}", unit, tuple(v)) for name, v in sorted(values.items())),
        Figure(PART, f"{what}, together", unit, together, note),
    ]
