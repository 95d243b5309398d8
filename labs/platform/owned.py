"""What the engine has of a lab, told by its labels; all of it can be named, and removed."""

from __future__ import annotations

from labs.instance import LAB_LABEL, Instance
from labs.platform.engine import docker, inspect

CLUSTER_LABEL = "io.x-k8s.kind.cluster"
"""What kind labels its nodes with: the name of the cluster, which is that of its lab."""
LISTINGS = {
    "container": ("container", "ls", "--all", "--format={{.Names}}"),
    "network": ("network", "ls", "--format={{.Name}}"),
    "volume": ("volume", "ls", "--format={{.Name}}"),
}


def containers() -> list[str]:
    """Return the names of all containers of the engine, whosever they are."""
    return _names("container")


def containers_of(instance: Instance) -> list[str]:
    """Return the names of the lab's containers, running or not; the cluster's node is the last."""
    return _own(instance, "container") + [
        name
        for name in _names("container", f"{CLUSTER_LABEL}={instance.name}")
        if instance.network in networks_of(name)
    ]


def labs() -> set[str]:
    """Return the names of the labs that have a container, a cluster, a network or a volume."""
    found = {name for kind in LISTINGS for name in _values(kind, LAB_LABEL)}
    return found | set(_values("container", CLUSTER_LABEL))


def networks_of(name: str) -> set[str]:
    """Return the names of the networks that a container is attached to."""
    found = inspect("container", name)
    return set() if found is None else set(found["NetworkSettings"]["Networks"])


def remove_container(name: str) -> None:
    """Remove a container in whatever state; its named volumes stay."""
    if inspect("container", name) is not None:
        docker("rm", "--force", "--volumes", name)


def remove_all(instance: Instance, *, volumes: bool = True) -> list[str]:
    """Remove the lab's containers, network and (unless told not to) volumes; return their names.

    A kind node is attached to the network and is not the lab's own: delete the cluster first.
    """
    removed: list[str] = []
    for name in _own(instance, "container"):
        remove_container(name)
        removed.append(name)
    for kind in ("network", "volume") if volumes else ("network",):
        for name in _own(instance, kind):
            docker(kind, "rm", name)
            removed.append(name)
    return removed


def _own(instance: Instance, kind: str) -> list[str]:
    return _names(kind, *(f"{key}={value}" for key, value in instance.labels.items()))


def _names(kind: str, *labels: str) -> list[str]:
    """Return the names of what has all of these labels, each `key` or `key=value`."""
    return docker(*LISTINGS[kind], *(f"--filter=label={label}" for label in labels)).split()


def _values(kind: str, label: str) -> list[str]:
    """Return the label's value of each that has it."""
    form = f'--format={{{{.Label "{label}"}}}}'
    *listing, _ = LISTINGS[kind]
    return docker(*listing, form, f"--filter=label={label}").split()
