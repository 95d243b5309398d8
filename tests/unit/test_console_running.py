"""A workload as the cluster has it, read from objects as the API server tells them."""

from __future__ import annotations

from typing import Any

from labs.console.running import EVENTS, Running, running
from labs.platform.kubernetes import Cluster

STAMP = "2026-05-04T10:00:0{}Z"


class Told(Cluster):
    """A cluster that has these objects."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self._objects = objects

    def get(
        self, api_version: str, kind: str, name: str, namespace: str | None = None
    ) -> dict[str, Any] | None:
        found = [one for one in self.list(api_version, kind, namespace) if _name(one) == name]
        return found[0] if found else None

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> list[dict[str, Any]]:
        wanted = dict(part.split("=") for part in (selector or "").split(",") if part)
        return [
            one
            for one in self._objects
            if one["kind"] == kind
            and one["metadata"]["namespace"] == namespace
            and wanted.items() <= one["metadata"].get("labels", {}).items()
        ]


def _name(found: dict[str, Any]) -> str:
    return str(found["metadata"]["name"])


def deployment(version: str = "1.1.0", **status: int) -> dict[str, Any]:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 2)
    return {
        "kind": "Deployment",
        "metadata": {"name": "hello", "namespace": "production", "generation": 1},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "hello"}},
            "template": {"spec": {"containers": containers(version)}},
        },
        "status": {"observedGeneration": 1, **counts, **status},
    }


def containers(version: str) -> list[dict[str, Any]]:
    return [
        {"name": "sidecar", "image": "other:3"},
        {"name": "hello", "image": f"registry:5000/hello:{version}"},
    ]


def pod(name: str, second: int, version: str = "1.1.0", reason: str = "") -> dict[str, Any]:
    state = {"waiting": {"reason": reason}} if reason else {"running": {}}
    image = "" if reason else f"registry:5000/hello@sha256:{version}"
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "production",
            "labels": {"app": "hello"},
            "creationTimestamp": STAMP.format(second),
        },
        "spec": {"containers": containers(version), "nodeName": "node"},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False" if reason else "True"}],
            "containerStatuses": [
                {"name": "sidecar", "imageID": "other@sha256:no", "restartCount": 1},
                {"name": "hello", "imageID": image, "restartCount": 2, "state": state},
            ],
        },
    }


def event(kind: str, name: str, second: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {
            "name": f"{name}.{second}",
            "namespace": "production",
            "creationTimestamp": STAMP.format(0),
        },
        "involvedObject": {"kind": kind, "name": name},
        "reason": "Pulled",
        "message": f"message {second}",
        "lastTimestamp": STAMP.format(second),
        **more,
    }


def look(*objects: dict[str, Any]) -> Running:
    return running(Told(*objects), "production", "hello")


def test_a_workload_that_runs() -> None:
    found = look(deployment(), pod("hello-b", 1), pod("hello-a", 2))
    assert (found.version, found.digests) == ("1.1.0", ["sha256:1.1.0"])
    assert [one.name for one in found.pods] == ["hello-a", "hello-b"]
    assert found.pods[0].restarts == 3
    assert (found.ready, found.wanted, found.health) == (2, 2, ("healthy", "good"))


def test_a_rollout_that_is_under_way() -> None:
    found = look(deployment("1.2.0", updatedReplicas=1), pod("b", 1), pod("c", 2, "1.2.0"))
    assert found.health == ("1 of 2 pods are new", "act")
    assert found.digests == ["sha256:1.1.0", "sha256:1.2.0"]


def test_a_pod_that_is_ending_runs_nothing_any_more() -> None:
    old = pod("b", 1, "1.0.0")
    old["metadata"]["deletionTimestamp"] = STAMP.format(5)
    found = look(deployment(), old, pod("c", 2))
    assert found.digests == ["sha256:1.1.0"]
    assert [one.mood for one in found.pods] == ["good", "quiet"]


def test_what_is_wrong_with_a_pod_is_the_health() -> None:
    found = look(deployment(updatedReplicas=1), pod("b", 1, reason="ImagePullBackOff"))
    assert found.health == ("ImagePullBackOff", "bad")
    assert found.digests == []


def test_nothing_runs() -> None:
    assert look().health == ("nothing runs", "quiet")
    nobody = deployment(replicas=0, updatedReplicas=0, availableReplicas=0, readyReplicas=0)
    nobody["spec"]["replicas"] = 0
    assert look(nobody).health == ("no pod is wanted", "quiet")


def test_the_newest_events_of_the_workload_and_of_no_other() -> None:
    named = ["hello", "hello-78898cb5f5", "hello-78898cb5f5-dmzs6"]
    kinds = ["Deployment", "ReplicaSet", "Pod"]
    own = [event(*pair, second=n) for n, pair in enumerate(zip(kinds, named, strict=True))]
    others = [
        event("Pod", "hello-web-78898cb5f5-dmzs6", 9),
        event("Service", "hello", 9),
        event("Pod", "other", 9),
    ]
    found = look(deployment(), *own, *others).events
    assert [one.about for one in found] == [
        "Pod hello-78898cb5f5-dmzs6",
        "ReplicaSet hello-78898cb5f5",
        "Deployment hello",
    ]


def test_an_event_is_told_by_its_last_time_and_how_often() -> None:
    series = {"lastObservedTime": STAMP.format(9), "count": 7}
    repeated = event("Pod", "hello", 1, series=series, type="Warning")
    first = event("Pod", "hello", 2, lastTimestamp=None, eventTime=STAMP.format(3), count=1)
    found = look(deployment(), repeated, first).events
    assert [(one.times, one.warning) for one in found] == [(7, True), (1, False)]
    assert found[0].last - found[1].last == 6


def test_no_more_events_than_can_be_read() -> None:
    many = [event("Pod", "hello", n % 10, message=str(n)) for n in range(EVENTS + 5)]
    assert len(look(*many).events) == EVENTS
