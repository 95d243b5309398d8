"""The lab's Kubernetes cluster: one kind node, made through pytest-kind's KindCluster."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from labs.errors import LabError
from labs.instance import LAB_LABEL, Instance
from labs.platform import docker, flux, host, kind_maker, kubernetes, node_ports, objects
from labs.platform.api_errors import ClusterUnreachable, Refused
from labs.platform.engine import docker as engine
from labs.run import run
from labs.wait import NotYet, wait_for
from scripts.supply import api as supply

APP_NODE_PORT = 30080
NODE_PORTS = {"app": APP_NODE_PORT, "prometheus": 30091, "alertmanager": 30093, "alerts": 30094}
"""The node's ports that are published on loopback, by the part whose port of the host it is."""

SYNC_SECONDS = 2
"""How often the kubelet looks after each pod, half as long again at most: by default every minute.
It is then that a ConfigMap's change comes into a running pod, as Prometheus' configuration does."""

ALL_PORTS = {"api": 6443, **NODE_PORTS}
"""The same, with the API server's, which kind publishes by itself."""

STATIC = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
"""The pods that the node's kubelet runs by itself; the API server shows each a while later."""

READY_SECONDS = 180.0
"""Far more than an idle machine needs; 125 s were measured for one whose disk was shared by six."""


def config(instance: Instance) -> dict[str, Any]:
    """Return the kind configuration of this lab on this host."""
    kubelet: dict[str, Any] = {
        "kind": "KubeletConfiguration",
        # The node carries the lab's images, and nothing can bring a collected one back offline.
        "imageMaximumGCAge": "0s",
        "imageGCHighThresholdPercent": 100,
        # Otherwise an image that was side-loaded and pulled under another name is pulled again.
        "imagePullCredentialsVerificationPolicy": "NeverVerify",
        "syncFrequency": f"{SYNC_SECONDS}s",
    }
    if host.cgroup_version() == 1:
        kubelet["failCgroupV1"] = False
    if host.restricted():
        kubelet["oomScoreAdj"] = 0
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {
            "apiServerAddress": "127.0.0.1",
            "apiServerPort": instance.port("api"),
            "disableDefaultCNI": True,  # the node image has the same static CNI in all supply ways
            "kubeProxyMode": "nftables",
        },
        "nodes": [
            {
                "role": "control-plane",
                "labels": {LAB_LABEL: instance.name},
                "extraPortMappings": [
                    {
                        "containerPort": inside,
                        "hostPort": instance.port(part),
                        "listenAddress": "127.0.0.1",
                    }
                    for part, inside in NODE_PORTS.items()
                ],
                "kubeadmConfigPatches": [as_yaml(kubelet)],
            }
        ],
    }


def node(instance: Instance) -> str:
    """The name of the node's container."""
    return f"{instance.name}-control-plane"


def exists(instance: Instance) -> bool:
    """Return whether there is a node, running or not, finished or not."""
    return docker.state(node(instance)) != "absent"


def publishes(instance: Instance, part: str) -> bool:
    """Return whether the node publishes a part's port: one that an earlier day made may not."""
    return NODE_PORTS[part] in docker.published(node(instance))


def taken_ports(instance: Instance) -> dict[str, int]:
    """Return the ports of a stopped node on which another program listens, by part."""
    return node_ports.taken(node(instance), ALL_PORTS)


def ensure(instance: Instance, say: Callable[[str], None]) -> None:
    """Make the cluster, start it again, or replace one that was never finished.

    Raises LabError where a cluster of that name belongs to somebody else.
    """
    state = docker.state(node(instance))
    if state != "absent":
        _refuse_a_stranger(instance)
        if _finished(instance).exists():
            if state == "paused":
                say(f"the node {node(instance)} was frozen: it goes on")
                engine("unpause", node(instance))
            elif state != "running":
                say(f"starting the stopped node {node(instance)}")
                node_ports.start(node(instance), ALL_PORTS)
            if not instance.kubeconfig.exists() or not instance.kubeconfig.stat().st_size:
                say("writing the kubeconfig again")
                export_kubeconfig(instance)
            _wait_until_ready(instance, say)
            if _whole(instance):
                return
            say("the cluster has no StorageClass, which kind makes last: making it anew")
        else:
            say("an earlier `make up` did not finish the cluster: making it anew")
    _make(instance, say)
    if not _whole(instance):
        say("it is what a killed `make up` has begun: making it anew")
        _make(instance, say)
    _finished(instance).touch()


def delete(instance: Instance) -> None:
    """Delete the cluster; Git server and registry, outside it, lose nothing."""
    _finished(instance).unlink(missing_ok=True)
    kind_maker.end_strays(instance)
    if exists(instance):
        _refuse_a_stranger(instance)
        docker.remove_container(node(instance))
    instance.kubeconfig.unlink(missing_ok=True)


def _make(instance: Instance, say: Callable[[str], None]) -> None:
    delete(instance)
    say(f"creating the cluster {instance.name}")
    instance.root.mkdir(parents=True, exist_ok=True)
    path = instance.root / "kind.yaml"
    path.write_text(as_yaml(config(instance)))
    (instance.logs / "kind.log").write_text(kind_maker.make(instance, path))
    _wait_until_ready(instance, say)


def _whole(instance: Instance) -> bool:
    """Return whether kind came to its end: the StorageClass is the last that it makes.

    Docker may make the node for a kind that was ended a moment ago.
    """
    return bool(kubernetes.api(instance).list("storage.k8s.io/v1", "StorageClass"))


def older(pod: objects.Object, moment: float) -> bool:
    """Return whether a pod that is Ready shows a container of before a moment (Unix seconds)."""
    return any(
        flux.moment(container["state"]["running"]["startedAt"]) < moment
        for container in pod["status"].get("containerStatuses", [])
        if "running" in container["state"]
    )


def _finished(instance: Instance) -> Path:
    return instance.root / "cluster.finished"


def _refuse_a_stranger(instance: Instance) -> None:
    networks = docker.networks_of(node(instance))
    if instance.network not in networks:
        raise LabError(
            f"a container {node(instance)!r} on the networks {sorted(networks)}",
            expected=f"none, or the lab's own on {instance.network!r}",
            todo="give the lab another name, for example `make up LAB_NAME=hackfest-2`",
        )


def _wait_until_ready(instance: Instance, say: Callable[[str], None]) -> None:
    # A node that was started again shows its pods as they were, until its kubelet has looked.
    started = docker.started_at(node(instance)).timestamp()

    def ready() -> None:
        try:
            cluster = kubernetes.api(instance)
            nodes = cluster.list("v1", "Node")
            if not nodes or objects.condition(nodes[0], "Ready")[0] != "True":
                raise NotYet("the node is not Ready")
            pods = cluster.pods_ready("kube-system")
            named = {pod["metadata"]["name"] for pod in pods}
            missing = [one for one in STATIC if f"{one}-{node(instance)}" not in named]
            if missing:
                raise NotYet(f"not shown yet: {', '.join(missing)}")
            if old := [pod["metadata"]["name"] for pod in pods if older(pod, started)]:
                raise NotYet(f"of before the node was started: {', '.join(old)}")
        except (ClusterUnreachable, Refused) as early:
            # Just started, the API server has not read yet who may do what, and refuses everybody.
            raise NotYet(early.found) from early

    say("waiting for the node and its system pods")
    wait_for(
        ready,
        what="a Ready node with Ready system pods",
        timeout=READY_SECONDS,
        todo=f"see `docker logs {node(instance)}`, or `make down` and `make up`",
    )


def export_kubeconfig(instance: Instance) -> None:
    """Write the kubeconfig of a cluster that is there."""
    run(
        supply.tool("kind"),
        "export",
        "kubeconfig",
        f"--name={instance.name}",
        f"--kubeconfig={instance.kubeconfig}",
    )


def as_yaml(value: object) -> str:
    """Return a configuration as kind reads it."""
    out = io.StringIO()
    YAML(typ="safe", pure=True).dump(value, out)
    return out.getvalue()
