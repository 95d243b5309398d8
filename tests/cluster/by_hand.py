"""A change, a deletion and an addition by hand, all at once, which Flux puts right by itself."""

from __future__ import annotations

import time

from labs.instance import Instance
from labs.platform import flux, kubernetes
from labs.wait import NotYet
from tests.cluster.automation import until
from tests.cluster.causes import Cause, flux_object, kubectl, production
from tests.cluster.connected import handled

APP = "hello"
SPACE = "production"
LABEL = "owner"
PODS = 3
"""How many more are asked for by hand."""


def at_once(instance: Instance, pods: int) -> list[Cause]:
    """Ask for more pods, delete the Service, label the Namespace; return what is to come.

    Just after Flux has looked, so that they are there long enough to be seen.
    """
    looked(instance)
    here = f"--namespace={SPACE}"
    changed = kubectl(instance, "scale", f"deployment/{APP}", here, f"--replicas={pods + PODS}")
    deleted = kubectl(instance, "delete", "service", APP, here)
    added = kubectl(instance, "label", "namespace", SPACE, f"{LABEL}=me")
    return [
        _cause(changed, "Deployment", APP, f"replicas was {pods + PODS}, Git says {pods}"),
        _cause(deleted, "Service", APP, f"Service was not there, Git says {APP}"),
        _cause(added, "Namespace", SPACE, f"label {LABEL} was me, Git says nothing"),
    ]


def right(instance: Instance, pods: int) -> float:
    """Return now, where nothing of it is left. Raises NotYet."""
    cluster = kubernetes.api(instance)
    space = cluster.get("v1", "Namespace", SPACE)
    wrong = {
        "a label": LABEL in (space or {"metadata": {}})["metadata"].get("labels", {}),
        "no Service": cluster.get("v1", "Service", APP, SPACE) is None,
        "another number of pods": production(instance)["replicas"] != pods,
    }
    if any(wrong.values()):
        raise NotYet(", ".join(what for what, is_so in wrong.items() if is_so))
    return time.monotonic()


def looked(instance: Instance) -> None:
    """Have Flux look at production, and wait until it has."""
    flux.reconcile(kubernetes.api(instance), flux.KUSTOMIZE_API, "Kustomization", "apps")

    def done() -> None:
        found = flux_object(instance, "apps")
        if found is None or not handled(found):
            raise NotYet("it has not looked yet")

    until(done, "Flux to have looked at production")


def _cause(at: float, kind: str, name: str, differed: str) -> Cause:
    place = "" if kind == "Namespace" else f" in {SPACE}"
    return Cause(
        *("DriftCorrected", at),
        f"{kind} {name}{place} was changed by hand, and put right: {differed}",
        "flux events --for Kustomization/apps",
        {"kind": kind, "object": name},
    )
