"""The lab's Docker networks: addresses of their own, clear of everything that the host can reach.

kind would make a network itself and let Docker choose the addresses; on a laptop with a VPN those
are at times the company's. So the lab makes it, before kind does, and looks first.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network
from pathlib import Path

from labs.errors import LabError
from labs.instance import Instance
from labs.platform.engine import check_ours, docker, inspect, label_options
from labs.run import CommandFailed

ROUTES = Path("/proc/net/route")
"""The kernel's routes, on Linux. Where Docker runs in a VM, the host's routes do not matter."""

RESERVED = (IPv4Network("10.96.0.0/16"), IPv4Network("10.244.0.0/16"))
"""Kubernetes' Services and pods: inside the node these would hide the network."""

MTU = "com.docker.network.driver.mtu"

CLOSED = ("--internal", "--opt=com.docker.network.bridge.inhibit_ipv4=true")
"""No way out, and no address of the host's inside: who stands there reaches the others there."""


def ensure_network(instance: Instance) -> str:
    """Return the name of the lab's network, which exists and belongs to this lab.

    Raises LabError if a network of that name is somebody else's, or no addresses are free.
    """
    return _ensure(instance, instance.network, _mtu())


def ensure_ci_network(instance: Instance) -> str:
    """Return the name of the closed network that CI's runner stands on: no way to the cluster.

    Raises what `ensure_network` raises.
    """
    return _ensure(instance, instance.ci_network, [*CLOSED, *_mtu()])


def ensure_registry_network(instance: Instance) -> str:
    """Return the name of the closed network that the registry shares with its gate alone.

    Raises what `ensure_network` raises.
    """
    return _ensure(instance, instance.registry_network, [*CLOSED, *_mtu()])


def _ensure(instance: Instance, name: str, options: list[str]) -> str:
    found = inspect("network", name)
    if found is not None:
        check_ours(instance, "network", name, found.get("Labels"))
        return name
    labels = label_options(instance.labels)
    taken = [*RESERVED, *docker_subnets(), *host_routes()]
    for subnet in free_subnets(taken):
        try:
            docker("network", "create", *labels, *options, f"--subnet={subnet}", name)
        except CommandFailed as refused:
            if "overlap" in refused.stderr.lower():  # another lab took it in this very moment
                continue
            raise
        return name
    raise LabError(
        "every range of addresses from 172.30.0.0 to 172.31.255.255 is in use",
        expected="256 free addresses for the lab's network",
        todo="remove networks that nobody needs: `docker network prune`",
    )


def free_subnets(taken: Iterable[IPv4Network]) -> Iterator[IPv4Network]:
    """Yield the /24 networks of the lab's range that overlap none of `taken`."""
    known = list(taken)
    for subnet in IPv4Network("172.30.0.0/15").subnets(new_prefix=24):
        if not any(subnet.overlaps(other) for other in known):
            yield subnet


def docker_subnets() -> list[IPv4Network]:
    """Return the IPv4 subnets of all networks of the engine."""
    identifiers = docker("network", "ls", "--quiet").split()
    subnets = []
    for identifier in identifiers:
        network = inspect("network", identifier)  # None: removed since it was listed
        for config in ((network or {}).get("IPAM") or {}).get("Config") or []:
            subnet = ipaddress.ip_network(config["Subnet"])
            if isinstance(subnet, IPv4Network):
                subnets.append(subnet)
    return subnets


def host_routes(table: Path = ROUTES) -> list[IPv4Network]:
    """Return the networks that the host has a route to, the default route left out."""
    if not table.exists():
        return []
    routes = []
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        address, mask = (int.from_bytes(bytes.fromhex(fields[i]), "little") for i in (1, 7))
        if mask:
            prefix = mask.bit_count()
            routes.append(IPv4Network((address, prefix), strict=False))
    return routes


def _mtu() -> list[str]:
    """Give the network the default bridge's MTU, which is lowered where a VPN or VM needs it."""
    bridge = inspect("network", "bridge")
    value = ((bridge or {}).get("Options") or {}).get(MTU)
    return [f"--opt={MTU}={value}"] if value else []
