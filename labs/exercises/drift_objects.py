"""The checks of lab `drift` on objects that a hand deletes or makes, and on a whole namespace."""

from __future__ import annotations

from labs.exercises import drift_evidence as evidence
from labs.exercises.drift_evidence import APP, LOOK, NAMESPACE, seen_before
from labs.exercises.releases import answering
from labs.instance import Instance
from labs.platform import flux, kubernetes, rollout
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.step import Attempt, NotDone
from labs.wait import NotYet

YOUNGER = 20.0
"""Seconds by which an object is younger than its namespace only if it was made again."""
AT_FIRST = 60.0
"""Seconds within which a new namespace's first rollout has ended."""


def objects(attempt: Attempt) -> str:
    """Wait until a deleted Service is back, and Flux has looked past an object of nobody."""
    instance = attempt.instance
    cluster = kubernetes.api(instance)
    mine = evidence.strays(cluster.list("v1", "ConfigMap", NAMESPACE))
    if not mine or not _service_made_again(cluster):
        if seen_before(instance, "objects"):
            return "done before; the namespace was made anew since, and nobody's object with it"
        lacks = "no ConfigMap but Git's is in production" if not mine else "no Service was deleted"
        raise NotDone(
            lacks,
            expected="one object made by hand, and one of Git's deleted",
            todo=f"`kubectl create configmap stray -n {NAMESPACE}`, then "
            f"`kubectl delete service {APP} -n {NAMESPACE}`",
        )
    made = max(
        evidence.born(each)
        for each in cluster.list("v1", "ConfigMap", NAMESPACE)
        if f"{NAMESPACE}/{each['metadata']['name']}" in mine
    )

    def back() -> str:
        if cluster.get("v1", "Service", APP, NAMESPACE) is None:
            raise NotYet("the Service hello is gone; Flux looks every 30 s")
        if evidence.looked(evidence.apps(cluster)) <= made:
            raise NotYet("Flux has not looked since the ConfigMap was made")
        return answering(instance)

    page = attempt.wait(back, what="the Service back", todo=LOOK)
    listed = len(flux.inventory(evidence.apps(cluster) or {}))
    return (
        f"the Service is back, and {page}; {', '.join(mine)} is still there: "
        f"it is none of the {listed} objects of Flux's inventory"
    )


def namespace_fact(attempt: Attempt) -> str:
    """Return what came back with the namespace. Raises NotYet while nobody has deleted it."""
    cluster = kubernetes.api(attempt.instance)
    if not seen_before(attempt.instance, "namespace") and not _namespace_made_again(
        attempt.instance, cluster
    ):
        raise NotYet("the namespace was not deleted yet")
    return "what Git says came back, by itself; what hands had put into it did not"


def namespace(attempt: Attempt) -> str:
    """Wait until the deleted namespace is back, and the app in it answers."""
    instance = attempt.instance
    cluster = kubernetes.api(instance)
    there = cluster.get("v1", "Namespace", NAMESPACE)
    going = there is None or "deletionTimestamp" in there["metadata"]
    if not going and not _namespace_made_again(instance, cluster):
        if seen_before(instance, "namespace"):
            return "done before, and production is there"
        raise NotDone(
            "the namespace production is older than this lab: nobody has deleted it",
            expected="one that was deleted, and came back",
            todo=f"`kubectl delete namespace {NAMESPACE}`, then hands off",
        )

    def back() -> tuple[Object, float, str]:
        found = cluster.get("v1", "Namespace", NAMESPACE)
        if found is None or "deletionTimestamp" in found["metadata"]:
            raise NotYet("the namespace is gone" if found is None else "the namespace is going")
        ready = rollout.finished(cluster, NAMESPACE, APP)
        return found, ready, answering(instance)

    found, ready, page = attempt.wait(
        back,
        what="production back",
        todo="check again while it is going: its pods may finish what they do; else "
        "`flux get kustomizations`",
    )
    took = max(0.0, ready - evidence.born(found))
    # Later, the newest rollout is another one, and its time says nothing of this.
    soon = f", its pods ready {took:.0f} s after it" if took < AT_FIRST else ""
    elsewhere = evidence.strays(cluster.list("v1", "ConfigMap", "default"))
    survived = f"; {', '.join(elsewhere)} was left alone" if elsewhere else ""
    return f"production is back{soon}; {page}{survived}"


def _service_made_again(cluster: Cluster) -> bool:
    """Return whether the Service is gone, or younger than its namespace."""
    space = cluster.get("v1", "Namespace", NAMESPACE)
    service = cluster.get("v1", "Service", APP, NAMESPACE)
    if space is None or service is None:
        return space is not None
    return evidence.born(service) - evidence.born(space) > YOUNGER


def _namespace_made_again(instance: Instance, cluster: Cluster) -> bool:
    """Return whether the namespace is younger than this lab's beginning, and than Flux's orders."""
    space = cluster.get("v1", "Namespace", NAMESPACE)
    orders = evidence.apps(cluster)
    if space is None or orders is None:
        return False
    since = max(evidence.born(orders) + YOUNGER, evidence.begun(instance))
    return evidence.born(space) > since
