"""What the exporter reads of the cluster: Flux's Kustomizations, and when Flux changed objects.

Lists and nothing else, and of most kinds the metadata alone: it is to see that something changed,
and not what is in it. Deployments and Services are small, so what a hand changed of them is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labs.understudy.api_server import GIT_REPOSITORY, ApiServer, Kind, Object

KUSTOMIZATION = Kind("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "kustomizations")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
SERVICE = Kind("v1", "Service", "services")
POD = Kind("v1", "Pod", "pods")
WHOLE = (DEPLOYMENT, SERVICE)
METADATA = (
    Kind("v1", "ConfigMap", "configmaps"),
    Kind("v1", "Namespace", "namespaces"),
    Kind("v1", "ServiceAccount", "serviceaccounts"),
)
"""The kinds, with those that are read whole, whose corrections are counted. Never Secrets."""
FLUX = "kustomize-controller"
CANCELED = "HealthCheckCanceled"
"""Flux stopped waiting, since there is a newer commit: no failure."""


@dataclass(frozen=True, order=True)
class Name:
    """Which Kustomization."""

    namespace: str
    name: str


@dataclass(frozen=True, order=True)
class Managed:
    """An object that a Kustomization applied, by its kind and name."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True)
class Kustomization:
    """What Flux says of a Kustomization; revisions are the names of commits, or ''."""

    name: Name
    path: str
    source: Name
    suspended: bool
    failing: bool
    under_way: bool
    """Whether an attempt goes on: what Flux said of the one before is gone by then."""
    reason: str
    """Flux's own word for how the last attempt ended, or that one goes on."""
    applied: str
    attempted: str
    says: tuple[str, ...]
    """The same as long as it says the same: its own uid, the digest of the manifests that the
    applied revision came to, and each other that Flux remembers, with when that was reconciled
    last. Empty where the first is not known."""
    reconciled: float | None
    """When the applied revision was last reconciled: Unix seconds, to the second."""
    inventory: tuple[Managed, ...]


@dataclass(frozen=True)
class Touched:
    """Which object stands under a name, and when Flux last changed it."""

    uid: str
    when: str


def kustomizations(api: ApiServer) -> list[Kustomization]:
    """Return the Kustomizations of the cluster. Raises ApiAway, ApiRefused."""
    return [_kustomization(found) for found in api.list(KUSTOMIZATION)[0]]


def sources(api: ApiServer) -> dict[Name, tuple[str, str]]:
    """Return each GitRepository's address and the commit that Flux has of it."""
    return {
        _name(found): (
            str(found["spec"].get("url", "")),
            commit(((found.get("status") or {}).get("artifact") or {}).get("revision", "")),
        )
        for found in api.list(GIT_REPOSITORY)[0]
    }


def touched(kind: Kind, listed: Iterable[Object]) -> Iterator[tuple[Managed, Touched, Object]]:
    """Yield the objects that Flux has applied, and when it last changed them."""
    for found in listed:
        meta = found["metadata"]
        times = [
            str(entry.get("time", ""))
            for entry in meta.get("managedFields") or ()
            if entry.get("manager") == FLUX and entry.get("operation") == "Apply"
        ]
        if times:
            managed = Managed(kind.kind, meta.get("namespace", ""), meta["name"])
            yield managed, Touched(meta["uid"], max(times)), found


def commit(revision: str) -> str:
    """Return the commit of a revision such as `main@sha1:60c5b9e`."""
    return revision.rpartition(":")[2]


def _kustomization(found: Object) -> Kustomization:
    spec, status = found["spec"], found.get("status") or {}
    source = spec.get("sourceRef") or {}
    name = _name(found)
    applied = str(status.get("lastAppliedRevision", ""))
    conditions = {str(one["type"]): one for one in status.get("conditions") or ()}
    ready = conditions.get("Ready", {})
    reason = str(ready.get("reason", ""))
    entries = (status.get("inventory") or {}).get("entries") or ()
    noted = [
        entry
        for entry in status.get("history") or ()
        if (entry.get("metadata") or {}).get("revision") == applied
    ]
    return Kustomization(
        name=name,
        path=str(spec.get("path", "")),
        source=Name(source.get("namespace") or name.namespace, str(source.get("name", ""))),
        suspended=bool(spec.get("suspend")),
        failing=ready.get("status") == "False" and reason != CANCELED,
        under_way=ready.get("status") == "Unknown",
        reason=reason,
        applied=commit(applied),
        attempted=commit(str(status.get("lastAttemptedRevision", ""))),
        says=_says(found, str(noted[0]["digest"])) if noted else (),
        reconciled=max(map(_reconciled, noted), default=None),
        inventory=tuple(_managed(str(entry["id"])) for entry in entries),
    )


def _says(found: Object, digest: str) -> tuple[str, ...]:
    history = found["status"]["history"]
    others = {
        f"{one['digest']} {one['lastReconciled']}" for one in history if one["digest"] != digest
    }
    return (str(found["metadata"]["uid"]), digest, *sorted(others))


def _reconciled(entry: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(str(entry["lastReconciled"])).timestamp()


def _managed(ident: str) -> Managed:
    """Read an inventory's entry, `namespace_name_group_kind`; a name may hold more of the `_`."""
    place, _, kind = ident.rsplit("_", 2)
    namespace, _, name = place.partition("_")
    return Managed(kind, namespace, name)


def _name(found: Object) -> Name:
    return Name(str(found["metadata"]["namespace"]), str(found["metadata"]["name"]))
