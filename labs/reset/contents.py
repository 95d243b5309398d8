"""What there is in a namespace, or outside of all: asked for and deleted by kind, side by side."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from labs.platform.flux import OWNER
from labs.platform.kubernetes import Cluster

AT_ONCE = 8
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
MAKERS = ("deployments", "statefulsets", "daemonsets", "replicasets")
"""What makes pods anew: it goes before they do."""
AUTHORITY = "kube-root-ca.crt"
MADE_ANEW = {f"configmaps/{AUTHORITY}", "serviceaccounts/default"}
"""What a cluster puts into every namespace, and puts back at once."""
NEWS = "events"


class _Objects:
    """The objects of one scope, asked for and deleted by kind."""

    def __init__(self, cluster: Cluster, scope: str, within: str, query: dict[str, str]) -> None:
        self._cluster = cluster
        self._scope = scope
        self._within = within
        self._query = query

    def delete(self) -> None:
        """Ask for the end of everything. Where something holds an object, it is still there."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._delete, self._places))

    def left(self) -> set[str]:
        """Return what there is, as `kind/name`."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return {name for found in pool.map(self._names, self._places) for name in found}

    @cached_property
    def _places(self) -> list[str]:
        """The paths of all kinds that can be listed and deleted."""
        found = []
        for root in ("/api", "/apis"):
            for group in self._cluster.raw("GET", root, DISCOVERY)["items"]:
                name = group["metadata"].get("name", "")
                version = next((one for one in group["versions"] if _served(one)), None)
                if version is None or name.startswith(NEWS):
                    continue
                path = "/".join([part for part in (root, name, version["version"]) if part])
                for resource in version["resources"]:
                    wanted = {"list", "deletecollection"} <= set(resource["verbs"])
                    if wanted and resource["scope"] == self._scope:
                        found.append(f"{path}/{self._within}{resource['resource']}")
        return found

    def _delete(self, place: str) -> None:
        words = {"gracePeriodSeconds": 0, "propagationPolicy": "Background", **self._query}
        self._cluster.raw("DELETE", place, query=words)

    def _names(self, place: str) -> list[str]:
        kind = place.rpartition("/")[2]
        items = self._cluster.raw("GET", place, METADATA, self._query).get("items") or []
        return [f"{kind}/{one['metadata']['name']}" for one in items]


class Contents(_Objects):
    """The objects of one namespace, which itself stays."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        super().__init__(cluster, "Namespaced", f"namespaces/{namespace}/", {})

    def delete_pods(self) -> None:
        """Ask for the end of all pods, without grace, and first of what would make them anew."""
        for kind in (*MAKERS, "pods"):
            group = "/api/v1" if kind == "pods" else "/apis/apps/v1"
            self._delete(f"{group}/{self._within}{kind}")

    def delete(self) -> None:
        """Ask for the end of everything, of pods first."""
        self.delete_pods()
        super().delete()

    def left(self) -> set[str]:
        """Return what there is, as `kind/name`; events and what is made anew do not count."""
        names = super().left()
        return {name for name in names if not name.startswith(f"{NEWS}/")} - MADE_ANEW


class ClusterWide(_Objects):
    """What Flux has applied outside of all namespaces, but for some of its Kustomizations.

    Flux takes it away with the Kustomization; not where that was let go, or Flux was taken out.
    Namespaces are none of it: no API deletes several of them.
    """

    def __init__(self, cluster: Cluster, keep: Collection[str]) -> None:
        others = f",{OWNER} notin ({','.join(sorted(keep))})" if keep else ""
        super().__init__(cluster, "Cluster", "", {"labelSelector": f"{OWNER}{others}"})


def _served(version: dict[str, Any]) -> bool:
    """Return whether a version is as the group's own server told it last, and has any kinds."""
    return version.get("freshness") != "Stale" and bool(version.get("resources"))
