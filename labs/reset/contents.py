"""What there is in a namespace, of whatever kind: asked for and deleted by kind, side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

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


class Contents:
    """The objects of one namespace, which itself stays."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def delete_pods(self) -> None:
        """Ask for the end of all pods, without grace, and first of what would make them anew."""
        for kind in (*MAKERS, "pods"):
            group = "/api/v1" if kind == "pods" else "/apis/apps/v1"
            self._delete(f"{group}/namespaces/{self._namespace}/{kind}")

    def delete(self) -> None:
        """Ask for the end of everything. Where something holds an object, it is still there."""
        self.delete_pods()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._delete, self._places))

    def left(self) -> set[str]:
        """Return what there is, as `kind/name`; events and what is made anew do not count."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            names = [name for found in pool.map(self._names, self._places) for name in found]
        return {name for name in names if not name.startswith(f"{NEWS}/")} - MADE_ANEW

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
                    if wanted and resource["scope"] == "Namespaced":
                        kind = resource["resource"]
                        found.append(f"{path}/namespaces/{self._namespace}/{kind}")
        return found

    def _delete(self, place: str) -> None:
        words = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        self._cluster.raw("DELETE", place, query=words)

    def _names(self, place: str) -> list[str]:
        kind = place.rpartition("/")[2]
        items = self._cluster.raw("GET", place, METADATA).get("items") or []
        return [f"{kind}/{one['metadata']['name']}" for one in items]


def _served(version: dict[str, Any]) -> bool:
    """Return whether a version is as the group's own server told it last, and has any kinds."""
    return version.get("freshness") != "Stale" and bool(version.get("resources"))
