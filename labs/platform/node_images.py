"""The images in the node: those of the project as it is now, also where an older one made the node.

A node is made with every image that runs in it. After an update of the project, or where somebody
has taken images out, it lacks what cannot be pulled from anywhere, or has it as it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from labs.instance import Instance
from labs.platform import docker, kind, kubernetes
from labs.platform.objects import Object
from labs.platform.registry import INNER_ADDRESS
from labs.run import run
from scripts.supply import api as supply
from scripts.supply.catalogue import host_arch


@dataclass(frozen=True)
class Present:
    """An image in the node, by two digests in hex: of what its name stands for, of its config."""

    target: str
    config: str
    """'' where that is not in the node."""


def ensure(instance: Instance, say: Callable[[str], None]) -> None:
    """Load what the node lacks or has otherwise, and have what runs of another image begin anew.

    Not the app's own image: that is as the lab's registry has it.
    """
    node = kind.node(instance)
    wanted = {
        ref: one for ref, one in supply.node_images().items() if not ref.startswith(INNER_ADDRESS)
    }
    found = there(node, wanted)
    lacking = {
        ref: one
        for ref, one in wanted.items()
        if ref not in found or found[ref].config != one.identity
    }
    for ref, one in lacking.items():
        say(f"the node has {'another' if ref in found else 'no'} {ref}: it is loaded")
        words = ("load", "image-archive", one.archive, f"--name={instance.name}")
        run(supply.tool("kind"), *words, timeout=300)
    if lacking:
        found = there(node, wanted)
    # By what runs, and not by what was loaded just now: an earlier `up` may have been cut off.
    cluster = kubernetes.api(instance)
    for pod in cluster.list("v1", "Pod"):
        if any(ref in lacking or _other(image, found[ref]) for ref, image in _runs(pod, found)):
            meta = pod["metadata"]
            cluster.delete("v1", "Pod", meta["name"], meta["namespace"])


def there(node: str, refs: Iterable[str]) -> dict[str, Present]:
    """Return each of these images that the node has."""
    listed = [line.split() for line in _ctr(node, "images", "ls").splitlines()[1:]]
    targets = {name.removeprefix("docker.io/"): digest for name, _, digest, *_ in listed}
    return {
        ref: Present(_hex(targets[ref]), _config(node, targets[ref]))
        for ref in refs
        if ref in targets
    }


def _config(node: str, digest: str) -> str:
    """Return the config's digest of an image, or of this machine's in an index of several."""
    found: dict[str, Any] = json.loads(_ctr(node, "content", "get", digest))
    if "config" in found:
        return _hex(found["config"]["digest"])
    for one in found.get("manifests", ()):
        if one.get("platform", {}).get("architecture") == host_arch():
            return _config(node, one["digest"])
    return ""


def _runs(pod: Object, refs: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each of these images that a pod's containers are to run, and which one runs; or ''."""
    states = {one["name"]: one for one in pod["status"].get("containerStatuses", [])}
    for container in pod["spec"]["containers"]:
        if container["image"] in refs:
            state = states.get(container["name"], {})
            yield container["image"], str(state.get("imageID", ""))


def _other(running: str, present: Present) -> bool:
    """Return whether a container runs an image that is not the node's; the kubelet tells either."""
    return running != "" and _hex(running) not in (present.target, present.config)


def _hex(digest: str) -> str:
    return digest.rpartition(":")[2]


def _ctr(node: str, *words: str) -> str:
    return docker.exec_in(node, "ctr", "--namespace=k8s.io", *words)
