"""The checks of lab `monitoring` on a Prometheus that is deleted: what comes back, and what not."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from labs import replacements
from labs.errors import LabError
from labs.exercises.drift_evidence import born, seen_before
from labs.exercises.monitoring_evidence import (
    LOOK,
    NAMESPACE,
    all_rules,
    texts,
    values,
)
from labs.exercises.releases import fetched
from labs.gitops.monitoring.check import RULES
from labs.instance import Instance
from labs.platform import flux, kubernetes, prometheus
from labs.platform.objects import Object, pod_state
from labs.step import Attempt, NotDone
from labs.wait import NotYet

APP = "prometheus"
CLAIM = "prometheus-data"
SELECTOR = f"app.kubernetes.io/name={APP}"
BEFORE = 15.0
"""Seconds before something was made, at which there had been samples: one scrape and a half."""
YOUNGER = 20.0
"""Seconds by which a claim is younger than its namespace only if it was made again."""


def pod_fact(attempt: Attempt) -> str:
    """Return what a deleted pod took with it. Raises NotYet while none was deleted."""
    if not seen_before(attempt.instance, "pod-deleted") and _second(attempt.instance) is None:
        raise NotYet("no pod of Prometheus was deleted yet")
    return "a new pod came, with all rules and all samples: the volume is not the pod's"


def pod_deleted(attempt: Attempt) -> str:
    """Wait until a new pod answers in place of a deleted one, with the samples of before."""
    instance = attempt.instance
    pod = _second(instance)
    if pod is None:
        if seen_before(instance, "pod-deleted"):
            return "done before; the Deployment was made anew since"
        raise NotDone(
            "Prometheus runs in the pod with which it came",
            expected="that pod deleted, and another one in its place",
            todo=f"`kubectl delete pod --selector {SELECTOR} --namespace {NAMESPACE}`",
        )

    def answering() -> tuple[Object, int]:
        now = _second(instance)
        if now is None or pod_state(now) != "Ready":
            raise NotYet("the new pod is not ready yet")
        kept = values(instance, "count(up)", _moment(born(now) - BEFORE))
        return now, int(kept[0].value) if kept else 0

    now, kept = attempt.wait(answering, what="a new pod that answers", todo=LOOK)
    if not kept:
        if seen_before(instance, "pod-deleted"):
            return "done before; the volume was made anew since"
        raise NotDone(
            f"{flux.name(now)} has no sample that is older than itself",
            expected="a Prometheus that had been at work for a while when its pod was deleted",
            todo="delete the pod once more",
        )
    return f"{flux.name(now)} took over, and has {kept} series from before it was there"


def data_fact(attempt: Attempt) -> str:
    """Return what came back of a deleted Prometheus. Raises NotYet while it was not deleted."""
    if not seen_before(attempt.instance, "data-lost") and not _claim_made_again(attempt.instance):
        raise NotYet("its volume claim was not deleted yet")
    return "the configuration came back from Git; its samples were nowhere else, and are gone"


def data_lost(attempt: Attempt) -> str:
    """Wait until a deleted Prometheus is back: every rule of Git's, no sample of before."""
    instance = attempt.instance
    if not _claim_going(instance) and not _claim_made_again(instance):
        if seen_before(instance, "data-lost"):
            return "done before; all of monitoring was made anew since"
        raise NotDone(
            f"the volume claim {CLAIM} is the one with which Prometheus came",
            expected="Deployment, configuration and claim deleted by hand, and back again",
            todo=f"`kubectl delete deployment {APP} -n {NAMESPACE}`; so `pvc {CLAIM}`, too",
        )
    wanted = {rule.name for rule in all_rules(texts(fetched(instance), RULES))}

    def back() -> float:
        claim = _claim(instance)
        if claim is None or "deletionTimestamp" in claim["metadata"]:
            raise NotYet(f"the claim {CLAIM} is " + ("gone" if claim is None else "going"))
        if not values(instance, "up == 1"):
            raise NotYet("Prometheus answers, and has not scraped anything yet")
        try:
            lacks = wanted - {rule.name for rule in prometheus.rules(instance)}
        except LabError as away:
            raise NotYet(away.found) from away
        if lacks:
            raise NotYet(f"{len(lacks)} rules of Git's are not in force yet")
        if values(instance, "count(up)", _moment(born(claim) - BEFORE)):
            raise NotYet(f"the claim {CLAIM} is new, and there are samples from before it")
        return born(claim)

    made = attempt.wait(
        back,
        what="Prometheus back",
        todo="`flux reconcile kustomization monitoring` has Flux look now",
    )
    when = time.strftime("%H:%M:%S", time.localtime(made))
    return f"all {len(wanted)} rules of Git's are in force again; of before {when} nothing is left"


def _second(instance: Instance) -> Object | None:
    """Return the pod that came in place of a first one; None while the first is there."""
    cluster = kubernetes.api(instance)
    _, later = replacements.generations(
        cluster.list("apps/v1", "ReplicaSet", NAMESPACE, SELECTOR),
        replacements.alive(cluster.list("v1", "Pod", NAMESPACE, SELECTOR)),
    )
    return max(later, key=born, default=None)


def _claim(instance: Instance) -> Object | None:
    return kubernetes.api(instance).get("v1", "PersistentVolumeClaim", CLAIM, NAMESPACE)


def _claim_made_again(instance: Instance) -> bool:
    space = kubernetes.api(instance).get("v1", "Namespace", NAMESPACE)
    claim = _claim(instance)
    return space is not None and claim is not None and born(claim) - born(space) > YOUNGER


def _claim_going(instance: Instance) -> bool:
    """Return whether the claim is deleted, or about to be, in a namespace that is there."""
    if kubernetes.api(instance).get("v1", "Namespace", NAMESPACE) is None:
        return False
    claim = _claim(instance)
    return claim is None or "deletionTimestamp" in claim["metadata"]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
