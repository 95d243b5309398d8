"""kubectl on the lab's cluster, for what is done to many objects at once and in one call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from labs.instance import Instance
from labs.platform import kubernetes
from labs.platform.api_errors import ClusterUnreachable, Refused
from labs.platform.kubernetes import Cluster
from labs.run import CommandFailed, run
from scripts.supply import api as supply

SYSTEM = ("default", "kube-node-lease", "kube-public", "kube-system", "local-path-storage")
"""Namespaces that come with the cluster."""
TYPES = "customresourcedefinitions"
NO_FINALIZER = '{"metadata":{"finalizers":null}}'


class Kubectl:
    """The commands that a reset needs; what is not there is not missed."""

    def __init__(self, instance: Instance) -> None:
        self._words = (supply.tool("kubectl"), f"--kubeconfig={instance.kubeconfig}")
        self._instance = instance

    @property
    def api(self) -> Cluster:
        """The same cluster for what is asked again and again, without a program each time."""
        return kubernetes.api(self._instance)

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        return run(
            *self._words,
            "--request-timeout=20s",
            *words,
            stdin=stdin,
            timeout=90,
            todo="`make status` shows how the cluster is; run it again",
        )

    def objects(self, *words: str) -> list[dict[str, Any]]:
        """Return what `kubectl get` finds; nothing where the kind is unknown."""
        try:
            text = self("get", *words, "--ignore-not-found", "--output=json")
        except CommandFailed as unknown:
            if "the server doesn't have a resource type" in unknown.stderr:
                return []
            raise
        found = json.loads(text) if text.strip() else {}
        return list(found.get("items", [found] if found else []))

    def apply(self, text: str, manager: str) -> None:
        """Apply manifests as a field manager, whatever somebody else has made of the fields."""
        words = ("--server-side", "--force-conflicts", f"--field-manager={manager}")
        self("apply", *words, "--filename=-", stdin=text)

    def namespaces(self) -> dict[str, bool]:
        """Return the namespaces besides the cluster's own, and whether each is on its way out."""
        return {
            str(one["metadata"]["name"]): bool(one["metadata"].get("deletionTimestamp"))
            for one in self.api.list("v1", "Namespace")
            if one["metadata"]["name"] not in SYSTEM
        }

    def objects_of(self, kinds: Sequence[str], where: str) -> list[dict[str, Any]]:
        """Return what there is of some kinds, in one call; of each alone where one is unknown."""
        if not kinds:
            return []
        try:
            return list(json.loads(self("get", ",".join(kinds), where, "--output=json"))["items"])
        except CommandFailed:  # one has just gone; what else is wrong, the next call says
            return [one for kind in kinds for one in self.objects(kind, where)]

    def release(self, name: str) -> list[str]:
        """Take the finalizers off what keeps a namespace from its end; return what that was."""
        kinds = self("api-resources", "--verbs=list", "--namespaced", "--output=name").split()
        kinds = [kind for kind in kinds if not kind.startswith("events")]
        return self._unhold_all(",".join(kinds), f"--namespace={name}")

    def _unhold_all(self, *which: str) -> list[str]:
        held = []
        for one in self.objects(*which):
            if one["metadata"].get("finalizers"):
                held.append(f"{one['kind'].lower()}/{one['metadata']['name']}")
                self.unhold(one)
        return held

    def unhold(self, one: dict[str, Any]) -> None:
        """Take an object's finalizers away; it may be gone by now."""
        api, _, _ = one["apiVersion"].partition("/")
        group = f".{api}" if "/" in one["apiVersion"] else ""
        where = one["metadata"].get("namespace")
        self._let_go(
            f"{one['kind'].lower()}{group}/{one['metadata']['name']}",
            *([f"--namespace={where}"] if where else []),
        )

    def release_one(self, name: str) -> list[str]:
        """Take the finalizers off what keeps `kind/name`, outside of namespaces, from its end.

        A type ends once its objects have; without its own finalizer it would leave them behind.
        """
        kind, _, named = name.partition("/")
        if kind != TYPES:
            self._let_go(name)
            return ["a finalizer"]
        return self._unhold_all(named, "--all-namespaces")

    def _let_go(self, *which: str) -> None:
        try:
            self("patch", *which, "--type=merge", f"--patch={NO_FINALIZER}")
        except CommandFailed as gone:
            if "NotFound" not in gone.stderr:
                raise


def reachable(instance: Instance) -> bool:
    """Return whether the API server answers."""
    try:
        kubernetes.api(instance).version()
    except (ClusterUnreachable, Refused):
        return False
    return True
