"""Whether a Deployment runs as it is written: all of its pods new, and all of them ready."""

from __future__ import annotations

from collections.abc import Mapping

from labs.instance import Instance
from labs.platform import app, kubernetes, objects
from labs.platform.flux import moment
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.wait import NotYet

ANSWERS = 20
"""So many in a row come from new pods when a new version is live; each may be another pod's, and
five missed a pod that was still ending."""


def finished(cluster: Cluster, namespace: str, name: str) -> float:
    """Return since when all pods are new and ready, in Unix seconds. Raises NotYet."""
    found = cluster.get("apps/v1", "Deployment", name, namespace)
    if found is None:
        raise NotYet(f"the Deployment {namespace}/{name} is not there")
    state = progress(found)
    if state:
        raise NotYet(f"{namespace}/{name}: {state}{_pods(cluster, found)}")
    times = [
        moment(condition.get("lastUpdateTime") or condition["lastTransitionTime"])
        for condition in found["status"].get("conditions", [])
        if condition["type"] in ("Available", "Progressing")
    ]
    return max(times, default=0.0)


def progress(deployment: Object) -> str:
    """Return how far a rollout is, or '' when it is finished."""
    status = deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return "Kubernetes has not begun"
    wanted = deployment["spec"].get("replicas", 1)
    updated = status.get("updatedReplicas", 0)
    if updated < wanted:
        return f"{updated} of {wanted} pods are new"
    if status.get("replicas", 0) > updated:
        return f"{status['replicas'] - updated} old pods still serve"
    if status.get("availableReplicas", 0) < wanted:
        return f"{status.get('availableReplicas', 0)} of {wanted} pods are ready"
    return ""


def ending(cluster: Cluster, namespace: str, labels: Mapping[str, str]) -> set[str]:
    """Return the names of a Service's pods that were told to end."""
    pods = cluster.list("v1", "Pod", namespace, _selector(labels))
    return {pod["metadata"]["name"] for pod in pods if objects.pod_state(pod) == "Terminating"}


def answered_by_new_pods(instance: Instance, namespace: str, labels: Mapping[str, str]) -> None:
    """Ask the app's page. Raises NotYet while a pod that is ending answers, or nobody."""
    gone = ending(kubernetes.api(instance), namespace, labels)
    for _ in range(ANSWERS if gone else 1):
        if app.answer(instance).get("pod") in gone:
            raise NotYet(f"{namespace}: a pod that is ending still answers")


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _pods(cluster: Cluster, deployment: Object) -> str:
    """Return why pods are not ready, where they say so."""
    selector = _selector(deployment["spec"]["selector"].get("matchLabels", {}))
    pods = cluster.list("v1", "Pod", deployment["metadata"]["namespace"], selector)
    states = {objects.pod_state(pod) for pod in pods}
    reasons = sorted(states - {"Ready", "Terminating", "Pending", "Running", "ContainerCreating"})
    return f" ({', '.join(reasons)})" if reasons else ""
