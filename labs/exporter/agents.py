"""Flux's agents that Git asks for, beyond the two that apply what Git says: do they run?

Which there have to be is not the same in each lab, so it is read off what the Kustomizations have
applied in their own namespace. One that was deleted is still in there.
"""

from __future__ import annotations

from collections.abc import Iterable

from labs.exporter.cluster import DEPLOYMENT, Kustomization
from labs.understudy.api_server import Object

STARTING = ("NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated")
"""Reasons of a Deployment that has not been complete since its last change."""


def agents(found: Iterable[Kustomization], deployments: Iterable[Object]) -> dict[str, bool]:
    """Return whether each agent runs; of one that starts for the first time nothing is said.

    How long that takes depends on the network, and the Kustomization that waits for it tells.
    """
    there = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one.get("status") or {}
        for one in deployments
    }
    runs: dict[str, bool] = {}
    for one in found:
        for managed in one.inventory:
            if (managed.kind, managed.namespace) != (DEPLOYMENT.kind, one.name.namespace):
                continue
            status = there.get((managed.namespace, managed.name), {})
            available = bool(status.get("availableReplicas"))
            if available or not _starts(status):
                runs[managed.name] = available
    return runs


def _starts(status: Object) -> bool:
    return any(
        one.get("type") == "Progressing"
        and one.get("status") == "True"
        and one.get("reason") in STARTING
        for one in status.get("conditions") or ()
    )
