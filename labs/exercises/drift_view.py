"""What `lab.watch("drift")` shows: production as it is, beside what Git says of it."""

from __future__ import annotations

import time

from labs.errors import LabError
from labs.exercises import drift_evidence as evidence
from labs.exercises.drift_evidence import APP, NAMESPACE
from labs.exercises.evidence import value
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import attendees
from labs.instance import Instance
from labs.platform import flux, kubernetes, rollout
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.step import Frame


def drift_view(instance: Instance) -> Frame:
    """Show namespace, Deployment and Service, nobody's objects, and when Flux last looked."""
    try:
        cluster = kubernetes.api(instance)
        rows = {
            f"Namespace {NAMESPACE}": _age(cluster.get("v1", "Namespace", NAMESPACE)),
            f"Deployment {APP}": _pods(instance, evidence.deployment(cluster)),
            f"Service {APP}": _age(cluster.get("v1", "Service", APP, NAMESPACE)),
            "nobody's ConfigMaps": _strays(cluster),
            "Flux": _flux(evidence.apps(cluster)),
        }
    except LabError as away:  # it may come back while one watches
        return Frame(str(away))
    return Frame("\n".join(f"{name:<22} {text}" for name, text in rows.items()))


def _age(found: Object | None) -> str:
    if found is None:
        return "gone"
    if "deletionTimestamp" in found["metadata"]:
        return "going"
    return f"there, {time.time() - evidence.born(found):.0f} s old"


def _pods(instance: Instance, found: Object | None) -> str:
    if found is None:
        return "gone"
    says = value(attendees(instance), "replicas", UPSTREAM) or "nothing"
    state = rollout.progress(found) or "all ready"
    return f"{found['spec']['replicas']} pods asked for, Git says {says}; {state}"


def _strays(cluster: Cluster) -> str:
    found = [
        name
        for namespace in (NAMESPACE, "default")
        for name in evidence.strays(cluster.list("v1", "ConfigMap", namespace))
    ]
    return ", ".join(found) or "none"


def _flux(found: Object | None) -> str:
    if found is None:
        return "does not know production"
    applied = flux.applied(found)[:7] or "nothing yet"
    if flux.suspended(found):
        return f"suspended at {applied}"
    last = evidence.looked(found)
    ago = f"{time.time() - last:.0f} s ago" if last else "never"
    return f"applied {applied}, last looked {ago}, looks every {found['spec']['interval']}"
