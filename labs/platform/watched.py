"""A cluster of which one connection for each kind tells every change: reading it costs nothing.

However many ask, and however often, the API server is asked once: a list, then a watch of what
changes after it (the API's own way, "Efficient detection of changes" in Kubernetes' documentation
of its API). What the watch has told is kept in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from labs.bugs import bug
from labs.errors import LabError
from labs.platform import flux, kubernetes
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object, Objects

KINDS = (
    ("v1", "Namespace"),
    ("v1", "Node"),
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "Event"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    (flux.SOURCE_API, "GitRepository"),
    (flux.KUSTOMIZE_API, "Kustomization"),
    (flux.IMAGE_API, "ImageRepository"),
    (flux.IMAGE_API, "ImagePolicy"),
    (flux.IMAGE_API, "ImageUpdateAutomation"),
)
"""What is watched. Never Secrets, and never ConfigMaps: nothing that shows them."""
RETRY_SECONDS = 1.0
UNKNOWN_SECONDS = 5.0
"""How long to wait for a kind that the cluster does not know yet, such as Flux's before lab 02."""
FIRST_SECONDS = 10.0
"""How long a reader waits for the first list."""

Key = tuple[str, str]


class WatchedCluster(Cluster):
    """The cluster of a kubeconfig, of which some kinds are read from memory.

    `changed` is called with a kind's name, from a thread of this object's. A kubeconfig that is not
    there yet, or an API server that does not answer, is tried again until it does.
    """

    def __init__(self, kubeconfig: Path, changed: Callable[[str], None]) -> None:
        # Not the parent's: it wants a kubeconfig that is there, and this one outlives clusters.
        self._path = kubeconfig
        self._changed = changed
        self._watches = {kind: _Watch(self, *kind) for kind in KINDS}

    def start(self) -> None:
        """Begin to watch, in the background, until the process ends."""
        for watch in self._watches.values():
            threading.Thread(target=watch.run, name=f"watch-{watch.kind}", daemon=True).start()

    def connected(self) -> Cluster:
        """Return a client of the cluster that the kubeconfig now means. Raises LabError."""
        return kubernetes.connected(self._path)

    def trouble(self) -> LabError | None:
        """Return why the API server does not answer, or None."""
        return next((one.trouble for one in self._watches.values() if one.trouble), None)

    def tell(self, kind: str) -> None:
        self._changed(kind)

    def version(self) -> str:
        return self.connected().version()

    def logs(self, name: str, namespace: str, seconds: int) -> str:
        return self.connected().logs(name, namespace, seconds)

    def get(
        self, api_version: str, kind: str, name: str, namespace: str | None = None
    ) -> Object | None:
        watch = self._watches.get((api_version, kind))
        if watch is None:
            return super().get(api_version, kind, name, namespace)
        return watch.objects().get((namespace or "", name))

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> Objects:
        watch = self._watches.get((api_version, kind))
        if watch is None:
            return super().list(api_version, kind, namespace, selector)
        wanted = [part.split("=", 1) for part in (selector or "").split(",") if part]
        return [
            one
            for (space, _), one in sorted(watch.objects().items())
            if namespace in (None, space)
            and all((one["metadata"].get("labels") or {}).get(k) == v for k, v in wanted)
        ]

    def _resource(self, api_version: str, kind: str) -> object:
        return self.connected()._resource(api_version, kind)


class _Watch:
    """One kind: its objects as the API server told them last."""

    def __init__(self, cluster: WatchedCluster, api_version: str, kind: str) -> None:
        self.kind = kind
        self.trouble: LabError | None = None
        self._cluster = cluster
        self._api_version = api_version
        self._objects: dict[Key, Object] = {}
        self._told = threading.Event()

    def objects(self) -> dict[Key, Object]:
        """Return the objects by namespace and name. Raises LabError while nothing is told."""
        self._told.wait(FIRST_SECONDS)
        if self.trouble is not None:
            raise self.trouble
        return self._objects

    def run(self) -> None:
        pause = threading.Event()
        while True:
            seconds = RETRY_SECONDS
            try:
                self._follow()
                seconds = UNKNOWN_SECONDS if not self._objects else 0.0
            except LabError as away:
                self._note(away)
            except Exception as found:  # noqa: BLE001 - told, and watched again
                self._note(bug(f"watching {self.kind}", found))
            pause.wait(seconds)

    def _note(self, trouble: LabError) -> None:
        if self.trouble is None or self.trouble.found != trouble.found:
            self.trouble = trouble
            self._cluster.tell(self.kind)
        self._told.set()

    def _follow(self) -> None:
        """Take in what the API server tells until it ends the watch, as it does now and then."""
        for word, found in self._cluster.connected().changes(self._api_version, self.kind):
            if word == "LISTED":
                self._take_all(found["items"])
                continue
            key, slim = _slim(found)
            # Another dict each time: who reads one has it as it was at that moment.
            objects = dict(self._objects)
            if word == "DELETED":
                objects.pop(key, None)
            else:
                objects[key] = slim
            self._objects = objects
            self._cluster.tell(self.kind)

    def _take_all(self, items: Objects) -> None:
        objects = dict(_slim(one) for one in items)
        news = objects != self._objects or self.trouble is not None
        self._objects, self.trouble = objects, None
        self._told.set()
        if news:
            self._cluster.tell(self.kind)


def _slim(found: Object) -> tuple[Key, Object]:
    meta = {name: value for name, value in found["metadata"].items() if name != "managedFields"}
    return (meta.get("namespace", ""), meta["name"]), {**found, "metadata": meta}
