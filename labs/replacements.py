"""Tells the pods that came later from the first ones: the trace of a pod that was brought back."""

from __future__ import annotations

from datetime import datetime

from labs.instance import Instance
from labs.platform import kubernetes
from labs.platform.objects import Object, pod_state
from labs.step import Frame

BORN_LATER = 5.0
"""Seconds after its ReplicaSet from which on a pod is not one of the first."""


def coredns(instance: Instance) -> tuple[list[Object], list[Object]]:
    """Return CoreDNS's pods: those born with their ReplicaSet, and those that came later."""
    cluster = kubernetes.api(instance)
    selector = "k8s-app=kube-dns"
    return generations(
        cluster.list("apps/v1", "ReplicaSet", "kube-system", selector),
        cluster.list("v1", "Pod", "kube-system", selector),
    )


def generations(sets: list[Object], pods: list[Object]) -> tuple[list[Object], list[Object]]:
    """Part the pods of these ReplicaSets into the first ones and the later ones."""
    born = {one["metadata"]["name"]: _born(one) for one in sets}
    first: list[Object] = []
    later: list[Object] = []
    for pod in pods:
        owner = pod["metadata"].get("ownerReferences", [{}])[0].get("name")
        if owner in born:
            age = (_born(pod) - born[owner]).total_seconds()
            (later if age > BORN_LATER else first).append(pod)
    return first, later


def show_coredns(instance: Instance) -> Frame:
    """Show CoreDNS's pods: name, state, first or replacement; done when one was replaced."""
    first, later = coredns(instance)
    lines = [f"{'POD':<32} {'STATE':<18} "]
    lines += [_row(pod, "first") for pod in first]
    lines += [_row(pod, "replacement") for pod in later]
    back = bool(later) and all(pod_state(pod) == "Ready" for pod in [*first, *later])
    return Frame("\n".join(lines), done=back)


def alive(pods: list[Object]) -> list[Object]:
    """Return the pods that are not on their way out."""
    return [pod for pod in pods if pod_state(pod) != "Terminating"]


def names(pods: list[Object]) -> str:
    """Return the pods' names in one line."""
    return ", ".join(str(pod["metadata"]["name"]) for pod in pods)


def _row(pod: Object, generation: str) -> str:
    return f"{pod['metadata']['name']:<32} {pod_state(pod):<18} {generation}"


def _born(item: Object) -> datetime:
    return datetime.fromisoformat(str(item["metadata"]["creationTimestamp"]))
