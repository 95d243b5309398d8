"""The images in the node: those of the project as it is now, also where an older one made the node.

A node is made with every image that runs in it. After an update of the project, or where somebody
has taken images out, it lacks what cannot be pulled from anywhere, or has it as it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from labs.instance import Instance
from labs.platform import docker, kind, kubernetes
from labs.platform.objects import Object
from labs.platform.registry import INNER_ADDRESS
from labs.run import run
from scripts.supply import api as supply


def ensure(instance: Instance, say: Callable[[str], None]) -> None:
    """Load what the node lacks or has otherwise, and have what runs of that begin anew.

    Not the app's own image: that is as the lab's registry has it.
    """
    wanted = supply.node_images()
    found = there(kind.node(instance), wanted)
    lacking = {
        ref: one
        for ref, one in wanted.items()
        if found.get(ref) != one.identity and not ref.startswith(INNER_ADDRESS)
    }
    for ref, one in lacking.items():
        say(f"the node has {'another' if ref in found else 'no'} {ref}: it is loaded")
        words = ("load", "image-archive", one.archive, f"--name={instance.name}")
        run(supply.tool("kind"), *words, timeout=300)
    cluster = kubernetes.api(instance)
    for pod in cluster.list("v1", "Pod") if lacking else []:
        if lacking.keys() & _of(pod):
            meta = pod["metadata"]
            cluster.delete("v1", "Pod", meta["name"], meta["namespace"])


def there(node: str, refs: Iterable[str]) -> dict[str, str]:
    """Return the identity (sha256 of its config) of each of these images that the node has.

    '' for one that came from elsewhere, as an index of several platforms.
    """
    listed = [line.split() for line in _ctr(node, "images", "ls").splitlines()[1:]]
    manifests = {name.removeprefix("docker.io/"): digest for name, _, digest, *_ in listed}
    found = {}
    for ref in manifests.keys() & set(refs):
        manifest = json.loads(_ctr(node, "content", "get", manifests[ref]))
        found[ref] = manifest.get("config", {}).get("digest", "").removeprefix("sha256:")
    return found


def _ctr(node: str, *words: str) -> str:
    return docker.exec_in(node, "ctr", "--namespace=k8s.io", *words)


def _of(pod: Object) -> set[str]:
    return {container["image"] for container in pod["spec"]["containers"]}
