"""Flux in the lab's cluster: its agents, its objects, and what they say of themselves."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from labs.instance import Instance
from labs.platform import kubernetes, objects
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.run import run
from scripts.supply import api as supply

NAMESPACE = "flux-system"
REQUESTED = "reconcile.fluxcd.io/requestedAt"
"""The annotation by which Flux is asked to look at an object now."""
OWNER = "kustomize.toolkit.fluxcd.io/name"
"""The label that Flux leaves on each object that it applies: by which Kustomization,"""
OWNER_NAMESPACE = "kustomize.toolkit.fluxcd.io/namespace"
"""and in which namespace that is."""
COMPONENTS = ("source-controller", "kustomize-controller")
SOURCE_API = "source.toolkit.fluxcd.io/v1"
KUSTOMIZE_API = "kustomize.toolkit.fluxcd.io/v1"
IMAGE_API = "image.toolkit.fluxcd.io/v1"
SOURCE = "config"
"""The GitRepository that stands for the config repo."""
ROOT = "cluster"
"""The Kustomization that applies the cluster's own folder, and with it all others."""
PASSING = ("ReconciliationFailed", "DependencyNotReady")
"""Reasons that another attempt may mend: they are a failure only when they last."""
PASSING_SECONDS = 15.0
CANCELED = "HealthCheckCanceled"
"""Reason of an attempt that ended because a newer one was asked for: no failure of its own."""
LOG_SECONDS = 45
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Poll:
    """When Flux last asked the Git server, in Unix seconds, and after how many it asks again."""

    last: float
    interval: float

    def remaining(self, now: float) -> float:
        """Return the seconds to the next poll; Flux itself varies them by up to 5 %."""
        return max(0.0, self.last + self.interval - now)


def reconcile(cluster: Cluster, api: str, kind: str, name: str) -> None:
    """Have Flux look at one of its objects now, as `flux reconcile` does."""
    asked = {"metadata": {"annotations": {REQUESTED: str(time.time())}}}
    cluster.patch(api, kind, name, asked, NAMESPACE)


def suspend(cluster: Cluster, api: str, kind: str, name: str, value: bool) -> None:
    """Have Flux leave one of its objects alone, or see to it again: at once, and only once.

    It is asked to look in the same change, so that health checks under way do not hold it up.
    """
    asked = {"annotations": {REQUESTED: str(time.time())}}
    change = {"metadata": asked, "spec": {"suspend": True if value else None}}
    cluster.patch(api, kind, name, change, NAMESPACE)


@contextmanager
def left_alone(instance: Instance, kustomization: str) -> Iterator[None]:
    """Have Flux leave what a Kustomization applies alone; it goes on however the block ends."""
    cluster, which = kubernetes.api(instance), (KUSTOMIZE_API, "Kustomization", kustomization)
    suspend(cluster, *which, True)
    try:
        yield
    finally:
        suspend(cluster, *which, False)


def agents(cluster: Cluster) -> dict[str, str]:
    """Return each agent's state: `running`, `absent`, or what it waits for."""
    pods = cluster.list("v1", "Pod", NAMESPACE)
    return {name: _agent(name, pods) for name in COMPONENTS}


def _agent(name: str, pods: list[Object]) -> str:
    states = [
        objects.pod_state(pod)
        for pod in pods
        if pod["metadata"].get("labels", {}).get("app") == name
    ]
    if "Ready" in states:
        return "running"
    return states[0] if states else "absent"


def source(cluster: Cluster) -> Object | None:
    """Return the GitRepository that stands for the config repo, or None."""
    return cluster.get(SOURCE_API, "GitRepository", SOURCE, NAMESPACE)


def manifests(components: Iterable[str]) -> str:
    """Return what `flux install` would apply for these components, as YAML."""
    return run(
        *(supply.tool("flux"), "install", "--export", "--network-policy=false"),
        f"--components={','.join(components)}",
    )


def kustomizations(cluster: Cluster) -> list[Object]:
    """Return the Kustomizations that are fed by the config repo, the root first."""
    fed = [
        found
        for found in cluster.list(KUSTOMIZE_API, "Kustomization", NAMESPACE)
        if found["spec"]["sourceRef"]["kind"] == "GitRepository"
        and found["spec"]["sourceRef"]["name"] == SOURCE
    ]
    return sorted(fed, key=lambda found: (name(found) != ROOT, name(found)))


def name(found: Object) -> str:
    """Return an object's name."""
    return str(found["metadata"]["name"])


def owner(found: Object) -> str:
    """Return the name of the Kustomization by which Flux has applied an object, or ''."""
    return str((found["metadata"].get("labels") or {}).get(OWNER, ""))


def sha(revision: str | None) -> str:
    """Return the commit of a Flux revision such as `main@sha1:1a2b…`; '' where there is none."""
    return (revision or "").rpartition("sha1:")[2]


def fetched(repository: Object | None) -> str:
    """Return the commit that a GitRepository has fetched, or ''."""
    artifact = (repository or {}).get("status", {}).get("artifact") or {}
    return sha(artifact.get("revision"))


def applied(kustomization: Object) -> str:
    """Return the newest commit that a Kustomization has applied, or ''.

    Flux calls a revision applied when its health checks have passed, too; while they run, their
    message names the revision, and its objects are in the cluster already.
    """
    status = kustomization.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] in ("Reconciling", "Healthy", "Ready"):
            found = re.search(r"health checks for revision \S*sha1:(\w+)", condition["message"])
            if found:
                return found[1]
    return sha(status.get("lastAppliedRevision"))


def outdated(kustomization: Object) -> bool:
    """Return whether what Flux did last was told by an older form of the object than it has now.

    An object that was never done at all (observed generation -1) is not outdated.
    """
    observed = int(kustomization.get("status", {}).get("observedGeneration", -1))
    return 0 < observed < int(kustomization["metadata"].get("generation", observed))


def inventory(kustomization: Object) -> list[tuple[str, str, str]]:
    """Return kind, namespace and name of each object that a Kustomization has applied."""
    entries = (kustomization.get("status", {}).get("inventory") or {}).get("entries") or []
    return [_managed(str(entry["id"])) for entry in entries]


def _managed(ident: str) -> tuple[str, str, str]:
    """Read an inventory's `namespace_name_group_kind`: only a name has more of the `_`.

    It is that of an RBAC object with a colon, as in `system:reader`, which Flux writes as `__`.
    """
    place, _, kind = ident.rsplit("_", 2)
    namespace, _, named = place.partition("_")
    return kind, namespace, named.replace("__", ":")


def suspended(found: Object) -> bool:
    """Return whether somebody told Flux to leave an object alone."""
    return bool(found["spec"].get("suspend"))


def unwell(found: Object) -> str:
    """Return an object's own message while it is not Ready, or ''."""
    status, message = objects.condition(found, "Ready")
    return message.strip() if status == "False" else ""


def failed(kustomization: Object, commit: str, fetched_at: float, now: float) -> str:
    """Return the message with which Flux's attempt to apply this very commit has ended, or ''.

    Times are Unix seconds.
    """
    status = kustomization.get("status", {})
    conditions = {entry["type"]: entry for entry in status.get("conditions", [])}
    ready = conditions.get("Ready", {})
    if ready.get("status") != "False" or ready["reason"] == CANCELED:
        return ""
    if conditions.get("Reconciling", {}).get("reason") == "Progressing":
        return ""  # an attempt is under way, and Ready still tells of the one before
    told = moment(ready["lastTransitionTime"])
    if "path not found" in ready["message"]:  # Flux notes no attempt in that case
        # It is told anew with every attempt, and the commit that mends the path has first to be
        # applied to this very object by another one.
        if told <= fetched_at + 1 or now - fetched_at < PASSING_SECONDS:
            return ""
    elif sha(status.get("lastAttemptedRevision")) != commit:
        return ""
    if ready["reason"] in PASSING and now - told < PASSING_SECONDS:
        return ""
    return str(ready["message"]).strip()


def since(found: Object, type_: str = "Ready") -> float | None:
    """Return since when a condition is as it is, in Unix seconds (whole ones)."""
    for condition in found.get("status", {}).get("conditions", []):
        if condition["type"] == type_:
            return moment(condition["lastTransitionTime"])
    return None


def moment(stamp: str) -> float:
    """Return a Kubernetes time such as `2019-06-27T10:00:00Z` in Unix seconds."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def seconds(duration: str) -> float:
    """Return a Go duration such as `1m30s` in seconds."""
    return sum(float(number) * UNITS[unit] for number, unit in DURATION.findall(duration))


def poll(instance: Instance, repository: Object) -> Poll | None:
    """Return when Flux last asked the Git server, by its own log; None if that does not tell.

    The object itself changes only when there is something new; the log has a line for each poll.
    """
    cluster = kubernetes.api(instance)
    times: list[float] = []
    for pod in cluster.list("v1", "Pod", NAMESPACE, "app=source-controller"):
        if objects.pod_state(pod) == "Ready":
            times += polls(cluster.logs(name(pod), NAMESPACE, LOG_SECONDS), name(repository))
    interval = seconds(repository["spec"]["interval"])
    return Poll(max(times), interval) if times else None


def polls(log: str, repository: str) -> list[float]:
    """Return the times, in Unix seconds, at which a log says that a GitRepository was polled."""
    found = []
    for text in log.splitlines():
        if not text.startswith("{"):
            continue
        line = json.loads(text)
        if line.get("GitRepository", {}).get("name") == repository and (
            "no changes since" in line["msg"] or "stored artifact" in line["msg"]
        ):
            found.append(moment(line["ts"]))
    return found
