"""Is what runs what Git says? Each workload beside its Deployment and pods, and what differs.

The exporter judges workloads by the same code, so the console and the lab's metrics agree.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from labs.console.insync import Applied, Since, State
from labs.exporter.fields import Difference, fields_in_git
from labs.exporter.repo import Workload
from labs.exporter.running import Running, running
from labs.gitops import workloads
from labs.gitops.config_repo import ConfigRepo
from labs.platform import objects, rollout
from labs.platform.flux import moment
from labs.platform.objects import Object, Objects


@dataclass(frozen=True)
class PodLine:
    """A pod: whether it is ready, else what it waits for, and the version that it runs."""

    name: str
    state: str
    version: str


@dataclass(frozen=True)
class Runs:
    """A workload as Git has it beside what the cluster has."""

    app: str
    environment: str
    namespace: str
    version: str
    """The version that Git names."""
    running: str
    """The version that the Deployment names, or ''."""
    kustomization: str
    """Which one applies it, or ''."""
    state: State
    differs: tuple[Difference, ...]
    pods: tuple[PodLine, ...]

    @property
    def ident(self) -> str:
        return f"{self.environment}-{self.app}"

    @property
    def ready(self) -> int:
        """How many of its pods are ready."""
        return sum(pod.state == "Ready" for pod in self.pods)


class Said:
    """What the config repo says of its workloads; read anew only where the commit is another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sha = ""
        self._workloads: tuple[Workload, ...] = ()

    def workloads(self, repo: ConfigRepo, sha: str) -> tuple[Workload, ...]:
        """Return the workloads of a commit."""
        with self._lock:
            if sha != self._sha:
                tree = repo.tree(sha)
                self._workloads = tuple(
                    Workload(found, workloads.namespace(tree, where), fields_in_git(tree, found))
                    for where in workloads.environments(tree)
                    for found in workloads.each(tree, where)
                )
                self._sha = sha
            return self._workloads


def runs(
    workload: Workload,
    deployments: Objects,
    pods: Objects,
    by: Mapping[tuple[str, str], Applied],
    since: Since,
    looks: bool = True,
) -> Runs:
    """Return a workload beside its Deployment and pods.

    `by` says which Kustomization has applied a Deployment, by namespace and name; `looks`, whether
    the agent is there that would put right what differs.
    """
    place = workload.found.place
    found = running(workload, deployments, pods)
    deployment = next(
        (
            one
            for one in deployments
            if (one["metadata"]["namespace"], one["metadata"]["name"])
            == (workload.namespace, place.app)
        ),
        None,
    )
    applied_by = by.get((workload.namespace, place.app))
    mine = _pods_of(deployment, pods)
    state = _workload(found, deployment, applied_by, looks)
    told = since.of(f"workload {place}", (state.words, found.differs), state.since)
    return Runs(
        place.app,
        place.environment,
        workload.namespace,
        workload.found.workload.version,
        found.version,
        applied_by.name if applied_by else "",
        replace(state, since=told),
        found.differs,
        tuple(_pod(one, place.app) for one in mine),
    )


def _workload(found: Running, deployment: Object | None, by: Applied | None, looks: bool) -> State:
    if found.no_image:
        image, reason, number = found.no_image[0]
        return State("bad", "an image is missing", f"{number} waiting for {image}: {reason}")
    if found.as_git_says:
        return State("good", "as Git says", "", _finished(deployment))
    if deployment is None:
        words = "on its way" if by is None or not by.has_newest else "is not there"
        return State("act" if by is None else "bad", words, "no such Deployment in the cluster")
    if not found.differs:
        return State("act", "rolling out", rollout.progress(deployment))
    if by is not None and by.state.words.startswith("suspended"):
        return State("warn", "differs", f"{by.name} is suspended: nobody puts it right")
    if by is not None and by.state.mood == "bad":
        return State("bad", "differs", f"{by.name} is failing: {by.state.why}")
    if by is not None and not by.has_newest:
        return State("act", "on its way", f"{by.name} has not applied the newest commit yet")
    then = "Flux puts it right at its next look" if looks else "Flux is away: it stays so"
    return State("bad", "differs", f"somebody changed it past Git; {then}")


def _finished(deployment: Object | None) -> float | None:
    """Return when the last rollout was done, by the Deployment's own record."""
    times = [
        moment(one.get("lastUpdateTime") or one["lastTransitionTime"])
        for one in ((deployment or {}).get("status") or {}).get("conditions", [])
        if one["type"] in ("Available", "Progressing")
    ]
    return max(times, default=None)


def _pods_of(deployment: Object | None, pods: Objects) -> Objects:
    if deployment is None:
        return []
    labels = (deployment["spec"].get("selector") or {}).get("matchLabels") or {}
    return [
        pod
        for pod in pods
        if pod["metadata"]["namespace"] == deployment["metadata"]["namespace"]
        and labels.items() <= (pod["metadata"].get("labels") or {}).items()
    ]


def _pod(pod: Object, app: str) -> PodLine:
    containers = pod["spec"].get("containers") or []
    named = [one for one in containers if one["name"] == app] or containers
    image = str(named[0].get("image", "")) if named else ""
    version = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return PodLine(str(pod["metadata"]["name"]), objects.pod_state(pod), version)
