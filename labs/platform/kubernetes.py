"""What runs in the lab's cluster, as plain objects. The only module that imports `kubernetes`.

Objects are dicts in the shape that `kubectl get -o json` prints. The client's own exceptions end
here: a caller sees LabError, or None where an object is simply not there.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import urllib3.exceptions
from kubernetes import client, config, dynamic
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.discovery import LazyDiscoverer
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError

from labs.errors import LabError
from labs.instance import Instance
from labs.wait import NotYet

Object: TypeAlias = dict[str, Any]
Objects: TypeAlias = list[Object]
FIELD_MANAGER = "hackfest-lab"
TIMEOUT = 10.0
"""Seconds that one request may take."""


class ClusterUnreachable(LabError):
    """The API server of the lab's cluster does not answer, or there is no cluster."""


class Refused(LabError):
    """The API server answered, and said no."""


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
        with _translated("reading the kubeconfig"):
            self._client = config.new_client_from_config(str(kubeconfig))
        self._client.configuration.retries = False
        self._discovery = kubeconfig.with_name("discovery.json")
        self._dynamic: dynamic.DynamicClient | None = None

    def version(self) -> str:
        """Return the API server's version, such as `v1.36.3`."""
        with _translated("asking the API server for its version"):
            answer = client.VersionApi(self._client).get_code(_request_timeout=TIMEOUT)
        return str(answer.git_version)

    def get(
        self, api_version: str, kind: str, name: str, namespace: str | None = None
    ) -> Object | None:
        """Return one object, or None where neither it nor its kind is there."""
        with _translated(f"getting {kind} {name}"):
            try:
                found = self._resource(api_version, kind).get(
                    name=name, namespace=namespace, _request_timeout=TIMEOUT
                )
            except (ResourceNotFoundError, dynamic.exceptions.NotFoundError):
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
        with _translated(f"listing {kind}"):
            try:
                found = self._resource(api_version, kind).get(
                    namespace=namespace, label_selector=selector, _request_timeout=TIMEOUT
                )
            except (ResourceNotFoundError, dynamic.exceptions.NotFoundError):
                return []
        return [dict(item) for item in found.to_dict()["items"]]

    def apply(self, manifest: Mapping[str, Any]) -> Object:
        """Create or change an object by server-side apply; return it as it is now."""
        meta = manifest["metadata"]
        with _translated(f"applying {manifest['kind']} {meta['name']}"):
            done = self._resource(manifest["apiVersion"], manifest["kind"]).server_side_apply(
                body=dict(manifest),
                name=meta["name"],
                namespace=meta.get("namespace"),
                field_manager=FIELD_MANAGER,
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
        """Merge `change` into an object; return it. Raises Refused where it is not there."""
        with _translated(f"changing {kind} {name}"):
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
        with _translated(f"deleting {kind} {name}"):
            try:
                self._resource(api_version, kind).delete(
                    name=name,
                    namespace=namespace,
                    body={"propagationPolicy": "Background"},
                    _request_timeout=TIMEOUT,
                )
            except (ResourceNotFoundError, dynamic.exceptions.NotFoundError):
                return False
        return True

    def logs(self, name: str, namespace: str, seconds: int) -> str:
        """Return what a pod has written in the last `seconds`."""
        with _translated(f"reading the log of pod {name}"):
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
        if self._dynamic is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # raised inside the client
                self._dynamic = dynamic.DynamicClient(
                    self._client, cache_file=str(self._discovery), discoverer=LazyDiscoverer
                )
        return self._dynamic.resources.get(api_version=api_version, kind=kind)


def pod_state(pod: Object) -> str:
    """Return `Ready`, `Terminating`, the reason why a container waits, or the pod's phase."""
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = pod.get("status", {})
    if any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", [])):
        return "Ready"
    for container in status.get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            return str(waiting.get("reason", "Waiting"))
    return str(status.get("phase", "Unknown"))


def condition(found: Object | None, type_: str) -> tuple[str, str]:
    """Return status (`True`, `False`, `Unknown`) and message of an object's condition."""
    for entry in (found or {}).get("status", {}).get("conditions", []):
        if entry["type"] == type_:
            return str(entry["status"]), str(entry.get("message", ""))
    return "Unknown", ""


def since(found: Object | None, type_: str) -> str:
    """Return the time at which a condition became `True`; empty if it is not."""
    for entry in (found or {}).get("status", {}).get("conditions", []):
        if (entry["type"], entry["status"]) == (type_, "True"):
            return str(entry["lastTransitionTime"])
    return ""


@cache
def _connect(kubeconfig: Path, modified: float) -> Cluster:
    return Cluster(kubeconfig)


def api(instance: Instance) -> Cluster:
    """Return the lab's cluster; the client is kept for as long as the kubeconfig is the same."""
    path = instance.kubeconfig
    return _connect(path, path.stat().st_mtime if path.exists() else 0.0)


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    """Turn the client's exceptions into ours: the reason, short, and what to do."""
    try:
        yield
    except DynamicApiError as refused:
        raise Refused(
            f"{doing}: {refused.status} {refused.reason}: {_message(refused)}",
            expected="the API server does it",
            todo="read the message; `kubectl describe` shows the object",
        ) from refused
    except ApiException as refused:
        raise Refused(
            f"{doing}: {refused.status} {refused.reason}",
            expected="the API server does it",
            todo="run `make status`",
        ) from refused
    except config.ConfigException as broken:
        raise ClusterUnreachable(
            f"{doing}: {broken}",
            expected="the kubeconfig that `make up` wrote",
            todo="run `make up`, which writes it again",
        ) from broken
    except (urllib3.exceptions.HTTPError, OSError) as gone:
        raise ClusterUnreachable(
            f"{doing}: the API server does not answer ({type(gone).__name__})",
            expected="a running cluster",
            todo="run `make status`, then `make up`, which starts what has stopped",
        ) from gone


def _message(refused: DynamicApiError) -> str:
    try:
        return str(refused.summary())[:300]
    except (ValueError, KeyError, TypeError):  # the body is not a Status object
        return str(refused.body)[:300]
