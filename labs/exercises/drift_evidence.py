"""What the cluster keeps of drift: events, old ReplicaSets, owners of fields, strays.

All of it goes with the namespace or within an hour (events): a check that has once seen it says so
by the reader's progress.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from labs.exercises.evidence import HELLO, MOST, value
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import flux
from labs.platform.flux import moment
from labs.platform.kubernetes import FIELD_MANAGER, Cluster
from labs.platform.objects import Object, Objects
from labs.progress import Progress

NAMESPACE = "production"
APP = "hello"
APPS = "apps"
"""The Kustomization that applies the app's folder."""
SCALED = re.compile(r"Scaled (?:up|down) replica set \S+ from (\d+) to (\d+)")
COMBINED = "(combined from similar events): "
REVISION = "kustomize.toolkit.fluxcd.io/revision"
OF_THE_CLUSTER = ("kube-root-ca.crt", "kubernetes")
"""Objects that Kubernetes puts into namespaces by itself."""
LOOK = "`flux get kustomizations` shows what Flux is at"
NOT_A_HAND = ("kube-controller-manager", "kustomize-controller", FIELD_MANAGER)


@dataclass(frozen=True)
class Scaling:
    """A change of a ReplicaSet's number of pods, as its Deployment's event tells it."""

    at: float
    before: int
    after: int


@dataclass(frozen=True)
class Note:
    """What Flux notes in an event: what it did to which object, when last, and how often."""

    at: float
    count: int
    text: str
    revision: str


def scalings(events: Iterable[Object]) -> list[Scaling]:
    """Return what the Deployment's events say of numbers of pods, oldest first."""
    found = []
    for event in events:
        if event["involvedObject"].get("name") != APP:
            continue
        numbers = SCALED.search(event.get("message") or "")
        if numbers and _when(event) is not None:
            found.append(Scaling(moment(_when(event) or ""), int(numbers[1]), int(numbers[2])))
    return sorted(found, key=lambda each: (each.at, each.before))


def beyond(found: list[Scaling], most: int) -> tuple[Scaling, Scaling | None] | None:
    """Return the newest scaling to more than `most` pods, and the one that took it back, if any."""
    over = [each for each in found if each.after > most and each.after > each.before]
    if not over:
        return None
    up = over[-1]
    back = [each for each in found if each.before > most >= each.after and each.at >= up.at]
    return up, back[0] if back else None


def put_right(log: str, what: str) -> list[float]:
    """Return when Flux changed one of the apps' objects without a new commit, by its log.

    `what` is `Kind/namespace/name`; the times are Unix seconds, oldest first. The log has a line
    for each look, where the API server combines events that are alike, or drops them.
    """
    found, done = [], ""
    for text in log.splitlines():
        line = json.loads(text) if text.startswith("{") else {}
        if (line.get("controller"), line.get("name")) != ("kustomization", APPS):
            continue
        if line["msg"].startswith("Reconciliation finished"):
            done = line.get("revision", "")
        elif line.get("output", {}).get(what) == "configured" and line.get("revision") == done:
            found.append(moment(line["ts"]))
    return found


def corrections(cluster: Cluster, since: float, what: str) -> list[float]:
    """Return when Flux has put an object right after `since`; all times are Unix seconds."""
    back = max(1, math.ceil(time.time() - since))
    found: list[float] = []
    for pod in cluster.list("v1", "Pod", flux.NAMESPACE, "app=kustomize-controller"):
        # One look earlier, so that the commit is known that had been applied by then.
        found += put_right(cluster.logs(flux.name(pod), flux.NAMESPACE, back + 60), what)
    return sorted(at for at in found if at > since)


def notes(events: Iterable[Object], verbs: tuple[str, ...]) -> list[Note]:
    """Return each `Kind/namespace/name verb` that Flux notes of the apps, oldest first."""
    found = []
    for event in events:
        if event["involvedObject"].get("name") != APPS or _when(event) is None:
            continue
        revision = flux.sha((event["metadata"].get("annotations") or {}).get(REVISION))
        # The API server combines events that are alike, and says so in front of the newest one.
        message = (event.get("message") or "").removeprefix(COMBINED)
        for line in message.splitlines():
            if line.rpartition(" ")[2] in verbs and line.count("/") >= 1:
                at = moment(_when(event) or "")
                found.append(Note(at, int(event.get("count") or 1), line.strip(), revision))
    return sorted(found, key=lambda each: each.at)


def foreign(found: Object) -> dict[str, list[str]]:
    """Return the annotations that belong to a hand which is not kubectl's, by the hand's name.

    Flux takes over or takes away what managers called kubectl… have added, and leaves the others.
    """
    owned: dict[str, list[str]] = {}
    for entry in found["metadata"].get("managedFields", []):
        if entry["manager"] in NOT_A_HAND or entry["manager"].startswith("kubectl"):
            continue
        names = _annotations(entry)
        if names:
            owned.setdefault(entry["manager"], []).extend(names)
    return owned


def by_kubectl(found: Object) -> list[str]:
    """Return the annotations that were added with kubectl, under its own name."""
    return [
        name
        for entry in found["metadata"].get("managedFields", [])
        if entry["manager"].startswith("kubectl")
        for name in _annotations(entry)
    ]


def owners(found: Object, field: str) -> list[str]:
    """Return who owns a field of an object's spec, as the API server notes it."""
    return [
        entry["manager"]
        for entry in found["metadata"].get("managedFields", [])
        if f"f:{field}" in entry.get("fieldsV1", {}).get("f:spec", {})
    ]


def env(workload: Object, name: str) -> str:
    """Return a variable that a Deployment's or ReplicaSet's first container has, or ''."""
    container = workload["spec"]["template"]["spec"]["containers"][0]
    found = [each.get("value", "") for each in container.get("env", []) if each["name"] == name]
    return str(found[0]) if found else ""


def strays(objects: Objects) -> list[str]:
    """Return the names of objects that neither Flux nor Kubernetes has put there."""
    return [
        f"{each['metadata']['namespace']}/{each['metadata']['name']}"
        for each in objects
        if each["metadata"]["name"] not in OF_THE_CLUSTER and not flux.owner(each)
    ]


def looked(kustomization: Object | None) -> float:
    """Return when Flux last compared the apps with their commit, in Unix seconds; 0.0: never."""
    history = (kustomization or {}).get("status", {}).get("history") or []
    return max((moment(each["lastReconciled"]) for each in history), default=0.0)


def apps(cluster: Cluster) -> Object | None:
    """Return the Kustomization that applies the apps, or None."""
    return cluster.get(flux.KUSTOMIZE_API, "Kustomization", APPS, flux.NAMESPACE)


def deployment(cluster: Cluster) -> Object | None:
    """Return the app's Deployment, or None."""
    return cluster.get("apps/v1", "Deployment", APP, NAMESPACE)


def asked(repo: ConfigRepo, what: str) -> list[str]:
    """Return each value that a pushed commit had for a setting, the newest commit's first."""
    found = [value(repo, what, commit.sha) for commit in repo.log(UPSTREAM, HELLO, MOST)]
    return [each.strip("'\"") for each in found]


def begun(instance: Instance) -> float:
    """Return when the reader began the lab, in Unix seconds; 0.0 before that."""
    told = Progress(instance).read()["labs"].get("drift", {}).get("started")
    return moment(told) if told else 0.0


def seen_before(instance: Instance, step: str) -> bool:
    """Return whether a step was found done once: what it leaves does not last."""
    return Progress(instance).done(step)


def born(found: Object) -> float:
    """Return when an object was made, in Unix seconds."""
    return moment(found["metadata"]["creationTimestamp"])


def _when(event: Object) -> str | None:
    found = event.get("lastTimestamp") or event.get("eventTime")
    return None if found is None else str(found)


def _annotations(entry: dict[str, Any]) -> list[str]:
    fields = entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {})
    # What `flux reconcile` and a rollout's restart leave behind is no work of a hand.
    return [
        name.removeprefix("f:")
        for name in fields
        if name.startswith("f:") and "fluxcd.io/" not in name and "kubernetes.io/" not in name
    ]
