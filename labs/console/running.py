"""A workload as the cluster has it: its Deployment, its pods, and what happened to them lately."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from labs.gitops.manifests import Workload as Said
from labs.platform import objects, rollout
from labs.platform.flux import moment
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object

EVENTS = 12
SUFFIX = "[bcdfghjklmnpqrstvwxz2456789]{5,10}"
"""What Kubernetes puts behind a name: no vowels, so that it is no other app's name."""
WELL = ("Ready", "Succeeded", "Terminating")
STARTS = ("Pending", "Running", "ContainerCreating", "PodInitializing")


@dataclass(frozen=True)
class Pod:
    """A pod of a workload. `started` is in Unix seconds."""

    name: str
    state: str
    restarts: int
    version: str
    digest: str
    """The image's digest as the node pulled it, or '' while it is not there."""
    started: float
    node: str

    @property
    def mood(self) -> str:
        """How a badge shows the state."""
        if self.state == "Ready":
            return "good"
        return "quiet" if self.state in WELL else "act" if self.state in STARTS else "bad"


@dataclass(frozen=True)
class Happened:
    """One of Kubernetes' events. `last` is in Unix seconds."""

    last: float
    warning: bool
    reason: str
    about: str
    message: str
    times: int


@dataclass(frozen=True)
class Running:
    """What runs of a workload."""

    there: bool = False
    image: str = ""
    progress: str = ""
    """How far a rollout is, or '' when it is finished."""
    ready: int = 0
    wanted: int = 0
    pods: tuple[Pod, ...] = ()
    events: tuple[Happened, ...] = ()

    @property
    def version(self) -> str:
        return Said(self.image).version or self.image

    @property
    def digests(self) -> list[str]:
        """The digests that its pods run, those that are ending left out."""
        going = [pod for pod in self.pods if pod.state != "Terminating"]
        return sorted({pod.digest for pod in going if pod.digest})

    @property
    def health(self) -> tuple[str, str]:
        """How it is, in words, and the mood of them."""
        if not self.there:
            return "nothing runs", "quiet"
        bad = sorted({pod.state for pod in self.pods if pod.mood == "bad"})
        if bad:
            return ", ".join(bad), "bad"
        if self.progress:
            return self.progress, "act"
        if self.wanted == 0:
            return "no pod is wanted", "quiet"
        return "healthy", "good"


def running(cluster: Cluster, namespace: str, app: str) -> Running:
    """Return what runs of an app. Raises LabError where the cluster does not answer."""
    found = cluster.get("apps/v1", "Deployment", app, namespace)
    told = cluster.list("v1", "Event", namespace)
    if found is None:
        return Running(events=_events(told, app))
    labels = found["spec"]["selector"].get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    pods = [_pod(pod, app) for pod in cluster.list("v1", "Pod", namespace, selector)]
    status = found.get("status") or {}
    return Running(
        there=True,
        image=_image(found["spec"]["template"]["spec"]["containers"], app),
        progress=rollout.progress(found),
        ready=status.get("readyReplicas", 0),
        wanted=found["spec"].get("replicas", 1),
        pods=tuple(sorted(pods, key=lambda pod: (-pod.started, pod.name))),
        events=_events(told, app),
    )


def _image(containers: list[Mapping[str, Any]], app: str) -> str:
    named = [one for one in containers if one["name"] == app] or containers
    return str(named[0].get("image", ""))


def _pod(pod: Object, app: str) -> Pod:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    named = [one for one in statuses if one["name"] == app] or statuses
    digest = str(named[0].get("imageID", "")).rpartition("@")[2] if named else ""
    return Pod(
        name=pod["metadata"]["name"],
        state=objects.pod_state(pod),
        restarts=sum(one.get("restartCount", 0) for one in statuses),
        version=Said(_image(pod["spec"]["containers"], app)).version,
        digest=digest,
        started=moment(pod["metadata"]["creationTimestamp"]),
        node=str(pod["spec"].get("nodeName") or ""),
    )


def _events(told: Iterable[Object], app: str) -> tuple[Happened, ...]:
    """Return the newest events of the Deployment, its ReplicaSets and its pods, newest first."""
    own = re.compile(rf"{re.escape(app)}(-{SUFFIX}){{0,2}}")
    found = [
        Happened(
            _last(one),
            one.get("type") == "Warning",
            str(one.get("reason") or ""),
            f"{one['involvedObject']['kind']} {one['involvedObject']['name']}",
            str(one.get("message") or "").strip(),
            int((one.get("series") or {}).get("count") or one.get("count") or 1),
        )
        for one in told
        if one["involvedObject"].get("kind") in ("Deployment", "ReplicaSet", "Pod")
        and own.fullmatch(str(one["involvedObject"].get("name", "")))
    ]
    # Several within a second are in no order of their own: by their words, so that none jumps.
    return tuple(sorted(found, key=lambda one: (-one.last, one.about, one.message))[:EVENTS])


def _last(event: Object) -> float:
    series = event.get("series") or {}
    told = (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"]["creationTimestamp"]
    )
    return moment(str(told))
