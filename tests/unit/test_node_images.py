"""Which images a node has, by what containerd tells of them, and which pods run another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labs.instance import Instance
from labs.platform import docker, kubernetes, node_images
from labs.platform.node_images import Present
from labs.platform.objects import Object
from scripts.supply import api as supply
from scripts.supply.catalogue import host_arch

HEADER = "REF TYPE DIGEST SIZE PLATFORMS LABELS"
EXPORTER, APP = "gitops-hackfest/exporter:1", "registry:5000/hello:0.9.0"
ONE = {"config": {"digest": "sha256:c1"}}
SEVERAL = {
    "manifests": [
        {"digest": "sha256:other", "platform": {"architecture": "unknown", "os": "unknown"}},
        {"digest": "sha256:mine", "platform": {"architecture": host_arch(), "os": "linux"}},
    ]
}


def pod(name: str, image: str, running: str) -> Object:
    return {
        "metadata": {"name": name, "namespace": "monitoring"},
        "spec": {"containers": [{"name": "it", "image": image}]},
        "status": {"containerStatuses": [{"name": "it", "imageID": running}]},
    }


class Node(kubernetes.Cluster):
    """A node with one image, a cluster with pods; notes what is loaded and deleted."""

    def __init__(self, content: dict[str, Any], *pods: Object) -> None:
        self.contents = {"sha256:t": content, "sha256:mine": ONE}
        self.pods = list(pods)
        self.deleted: list[str] = []
        self.loaded: list[str] = []

    def exec_in(self, node: str, *argv: str) -> str:
        if argv[2:4] == ("images", "ls"):
            return f"{HEADER}\ndocker.io/{EXPORTER} type sha256:t 1 MiB linux label\n"
        return json.dumps(self.contents[argv[-1]])

    def list(self, *which: Any, **more: Any) -> list[Object]:
        return self.pods

    def delete(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> bool:
        self.deleted.append(name)
        return True


@pytest.fixture
def seat(tmp_path: Path) -> Instance:
    return Instance("seat", tmp_path / "seat")


def ensure(
    node: Node, wanted: dict[str, str], seat: Instance, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Return what is said where the node is to have these images."""
    said: list[str] = []
    images = {ref: supply.NodeImage(Path(ref), identity) for ref, identity in wanted.items()}

    def run(*argv: str, timeout: float) -> str:
        node.loaded.append(str(argv[3]))
        return ""

    monkeypatch.setattr(docker, "exec_in", node.exec_in)
    monkeypatch.setattr(kubernetes, "api", lambda _: node)
    monkeypatch.setattr(supply, "node_images", lambda: images)
    monkeypatch.setattr(supply, "tool", Path)
    monkeypatch.setattr(node_images, "run", run)
    node_images.ensure(seat, said.append)
    return said


@pytest.mark.parametrize("content", [ONE, SEVERAL])
def test_an_image_is_known_by_its_config_also_in_an_index(
    content: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "exec_in", Node(content).exec_in)
    assert node_images.there("node", [EXPORTER, APP]) == {EXPORTER: Present("t", "c1")}


def test_what_is_right_is_left_alone_and_so_is_the_apps_own_image(
    seat: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The kubelet tells a container's image by either digest, or none yet.
    pods = [pod("a", EXPORTER, "sha256:c1"), pod("b", EXPORTER, "import@sha256:t"),
            pod("c", EXPORTER, ""), pod("d", APP, "sha256:x")]  # fmt: skip
    node = Node(ONE, *pods)
    assert ensure(node, {EXPORTER: "c1", APP: "another"}, seat, monkeypatch) == []
    assert (node.loaded, node.deleted) == ([], [])


def test_what_differs_is_loaded_and_what_runs_another_begins_anew(
    seat: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(ONE, pod("old", EXPORTER, "sha256:c0"), pod("app", APP, "sha256:c0"))
    assert ensure(node, {EXPORTER: "c1"}, seat, monkeypatch) == []
    assert node.deleted == ["old"], "loaded by an `up` that was cut off"
    node = Node(ONE, pod("waits", EXPORTER, ""), pod("app", APP, "sha256:c0"))
    [said] = ensure(node, {EXPORTER: "c2"}, seat, monkeypatch)
    assert said == f"the node has another {EXPORTER}: it is loaded"
    assert (node.loaded, node.deleted) == ([EXPORTER], ["waits"])
