"""The loopback ports of a node: published for good, so that no other one can take their place.

While the node has stopped, another program may come to listen on one of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from labs.errors import LabError
from labs.instance import is_free
from labs.platform import docker
from labs.platform.engine import docker as engine

FREE_IT = "end what holds it (`ss -ltnp` shows what)"
OR_ANOTHER = (
    "or `make reset`, which makes the cluster anew, on another port, at the start of your lab"
)


def taken(node: str, parts: Mapping[str, int]) -> dict[str, int]:
    """Return the ports of a node that has stopped on which another program listens, by part.

    `parts` are the node's own ports, inside it, by the part whose port of the host it is.
    """
    if docker.state(node) in ("absent", "running", "paused"):
        return {}
    there = docker.host_ports(node)
    found = {part: there[inside] for part, inside in parts.items() if inside in there}
    return {part: port for part, port in found.items() if not is_free(port)}


def start(node: str, parts: Mapping[str, int]) -> None:
    """Start a node that has stopped. Raises LabError with the ports that another program has."""
    if busy := taken(node, parts):
        raise _in_use(node, ", ".join(f"{port} ({part})" for part, port in busy.items()))
    try:
        engine("start", node)
    except LabError as refused:
        port = re.match(r"port (\d+) on", refused.found)  # taken since, or by the engine itself
        if port is None:
            raise
        raise _in_use(node, port[1]) from refused


def _in_use(node: str, ports: str) -> LabError:
    return LabError(
        f"in use on 127.0.0.1, by another program: {ports}",
        expected=f"free for {node}, which keeps the ports that it was made with",
        todo=f"{FREE_IT}, then run this again; {OR_ANOTHER}",
    )
