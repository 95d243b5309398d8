"""What runs in the lab's cluster, as plain objects. It and api_errors alone import `kubernetes`.

The client's own exceptions end here: a caller sees LabError, or None where an object is not there.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.discovery import LazyDiscoverer

from labs.instance import Instance
from labs.platform.api_errors import ClusterUnreachable, Gone, translated
from labs.platform.objects import Object, Objects, pod_state
from labs.wait import NotYet

FIELD_MANAGER = "hackfest-lab"
TIMEOUT = 10.0
"""Seconds that one request may take."""
WATCH_SECONDS = 60
"""How long one watch lasts: so long may a connection be dead before it is noticed."""
CONNECTIONS = 24
"""How many a client keeps: one for each kind that is watched, and some for questions."""


class Cluster:
    """A cluster that a kubeconfig file points at."""

    def __init__(self, kubeconfig: Path) -> None:
        if not kubeconfig.exists() or not kubeconfig.read_text().strip():
            if kubeconfig.with_name("kubeconfig.hidden").exists():
                raise ClusterUnreachable(
                    "the kubeconfig is hidden away, as lab 03 does it",
                    expected="the kubeconfig in its place, to look at the cluster",
                    todo="`lab keys back`",
                )
            raise ClusterUnreachable(
                f"no kubeconfig at {kubeconfig}",
                expected="a cluster that `make up` has made",
                todo="run `make up`; `make status` shows how far it is",
            )
        settings = client.Configuration()
        # Its retries stay as they are: without them it fails at a TLS that is cut off, as by an API
        # server that has just been started, with an AttributeError of its own.
        settings.connection_pool_maxsize = CONNECTIONS
        with translated("reading the kubeconfig"):
            self._client = config.new_client_from_config(
                str(kubeconfig), client_configuration=settings
            )
        self._discovery = kubeconfig.with_name("discovery.json")
        self._dynamic: dynamic.DynamicClient | None = None
        self._discovering = threading.Lock()

    def version(self) -> str:
        """Return the API server's version, such as `v1.36.3`."""
        with translated("asking the API server for its version"):
            answer = client.VersionApi(self._client).get_code(_request_timeout=TIMEOUT)
        return str(answer.git_version)

    def get(
        self, api_version: str, kind: str, name: str, namespace: str | None = None
    ) -> Object | None:
        """Return one object, or None where neither it nor its kind is there."""
        try:
            with translated(f"getting {kind} {name}"):
                found = self._resource(api_version, kind).get(
                    name=name, namespace=namespace, _request_timeout=TIMEOUT
                )
        except Gone:
            return None
        return dict(found.to_dict())

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> Objects:
        """Return the objects of a kind, of one namespace or all; [] where the kind is unknown."""
        try:
            with translated(f"listing {kind}"):
                found = self._resource(api_version, kind).get(
                    namespace=namespace, label_selector=selector, _request_timeout=TIMEOUT
                )
        except Gone:
            return []
        return [dict(item) for item in found.to_dict()["items"]]

    def changes(self, api_version: str, kind: str) -> Iterator[tuple[str, Object]]:
        """Yield `LISTED` with all `items` of a kind, then each change: `ADDED`, `MODIFIED`, ….

        Ends when the API server ends the watch, within WATCH_SECONDS. A kind that the cluster does
        not know is an empty list. Raises ClusterUnreachable, Refused.
        """
        try:
            with translated(f"watching {kind}"):
                resource = self._resource(api_version, kind)
                listed = resource.get(_request_timeout=TIMEOUT).to_dict()
        except Gone:
            yield "LISTED", {"items": []}
            return
        yield "LISTED", listed
        with translated(f"watching {kind}"):
            for event in watch.Watch().stream(
                resource.get,
                serialize=False,
                resource_version=listed["metadata"]["resourceVersion"],
                timeout_seconds=WATCH_SECONDS,
                _request_timeout=(TIMEOUT, WATCH_SECONDS + TIMEOUT),
            ):
                if event is None:  # a line that was cut off: the connection is about to end
                    return
                yield str(event["type"]), dict(event["raw_object"])

    def apply(self, manifest: Mapping[str, Any], manager: str = FIELD_MANAGER) -> Object:
        """Create or change an object by server-side apply, as a manager; return it as it is now."""
        meta = manifest["metadata"]
        with translated(f"applying {manifest['kind']} {meta['name']}"):
            done = self._resource(manifest["apiVersion"], manifest["kind"]).server_side_apply(
                body=dict(manifest),
                name=meta["name"],
                namespace=meta.get("namespace"),
                field_manager=manager,
                force_conflicts=True,
                _request_timeout=TIMEOUT,
            )
        return dict(done.to_dict())

    def patch(
        self,
        api_version: str,
        kind: str,
        name: str,
        change: Mapping[str, Any],
        namespace: str | None = None,
    ) -> Object:
        """Merge `change` into an object; return it. Raises Gone where it is not there."""
        with translated(f"changing {kind} {name}"):
            done = self._resource(api_version, kind).patch(
                body=dict(change),
                name=name,
                namespace=namespace,
                content_type="application/merge-patch+json",
                field_manager=FIELD_MANAGER,
                _request_timeout=TIMEOUT,
            )
        return dict(done.to_dict())

    def delete(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> bool:
        """Ask for an object's deletion; return whether it was there."""
        try:
            with translated(f"deleting {kind} {name}"):
                self._resource(api_version, kind).delete(
                    name=name,
                    namespace=namespace,
                    body={"propagationPolicy": "Background"},
                    _request_timeout=TIMEOUT,
                )
        except Gone:
            return False
        return True

    def raw(
        self,
        method: str,
        path: str,
        accept: str = "application/json",
        query: Mapping[str, Any] | None = None,
    ) -> Object:
        """Return the answer to a request for a path; {} where there is no such thing."""
        with translated(f"{method} {path}"):
            try:
                answer = self._client.call_api(
                    path,
                    method,
                    query_params=list((query or {}).items()),
                    header_params={"Accept": accept},
                    auth_settings=["BearerToken"],
                    _preload_content=False,
                    _return_http_data_only=True,
                    _request_timeout=TIMEOUT,
                )
            except ApiException as refused:
                if refused.status == 404:
                    return {}
                raise
        return dict(json.loads(answer.data))

    def logs(self, name: str, namespace: str, seconds: int) -> str:
        """Return what a pod has written in the last `seconds`."""
        with translated(f"reading the log of pod {name}"):
            reply = client.CoreV1Api(self._client).read_namespaced_pod_log(
                name,
                namespace,
                since_seconds=seconds,
                _preload_content=False,  # the client would hand over the bytes' repr as text
                _request_timeout=TIMEOUT,
            )
            return str(reply.data.decode(errors="replace"))

    def pods_ready(self, namespace: str | None = None) -> Objects:
        """Return the pods, once each is Ready or has completed. Raises NotYet with the rest."""
        pods = self.list("v1", "Pod", namespace)
        waiting = [
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}: {pod_state(pod)}"
            for pod in pods
            if pod_state(pod) not in ("Ready", "Succeeded")
        ]
        if waiting or not pods:
            raise NotYet("; ".join(waiting) or "no pods yet")
        return pods

    def _resource(self, api_version: str, kind: str) -> Any:
        with self._discovering:  # what it finds it writes into one file, whoever asked
            if self._dynamic is None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # raised inside the client
                    self._dynamic = dynamic.DynamicClient(
                        self._client, cache_file=str(self._discovery), discoverer=LazyDiscoverer
                    )
            return self._dynamic.resources.get(api_version=api_version, kind=kind)


@cache
def _connect(kubeconfig: Path, modified: float) -> Cluster:
    return Cluster(kubeconfig)


_kept: dict[Path, Cluster] = {}


def connected(kubeconfig: Path) -> Cluster:
    """Return a kubeconfig's cluster; the client is kept for as long as the file is the same."""
    return _connect(kubeconfig, kubeconfig.stat().st_mtime if kubeconfig.exists() else 0.0)


def keep(instance: Instance, cluster: Cluster) -> None:
    """Have this process ask this object of a lab: one that watches, and need not ask again."""
    _kept[instance.kubeconfig] = cluster


def api(instance: Instance) -> Cluster:
    """Return the lab's cluster."""
    path = instance.kubeconfig
    return _kept.get(path) or connected(path)
