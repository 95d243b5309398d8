"""`make up`, `down`, `clean`: repeated, interrupted, and after whatever an earlier run left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from labs.errors import LabError
from labs.instance import PROJECT, Instance
from labs.platform import docker, kind, kubernetes, processes
from labs.platform import up as platform
from labs.platform.objects import Objects
from labs.platform.steps import Steps
from labs.run import run
from labs.wait import NotYet, wait_for
from scripts.supply import api as supply
from tests.held_ports import held
from tests.streams import LAB_NAME

MOMENTS = ["Ports", "JupyterLab", "Network", "creating the cluster", "waiting for the node"]
"""What an interrupted `lab up` had last begun or finished, read from what it printed."""


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path / "durations.json")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """Another lab beside the shared one, not yet made; deleted at the end."""
    root = tmp_path_factory.mktemp("second")
    name = f"{LAB_NAME}-second"
    lab = Instance(name, root / name)
    leftover = Steps(root / "durations.json")
    platform.clean(lab, leftover)
    yield lab
    platform.clean(lab, leftover)


def _lab(instance: Instance, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "labs.cli", *arguments],
        env={**os.environ, "LAB_NAME": instance.name, "LAB_HOME": str(instance.root.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=PROJECT,
    )


def _ids(instance: Instance) -> dict[str, str]:
    names = docker.containers_of(instance)
    return {name: run("docker", "inspect", "--format", "{{.Id}}", name) for name in names}


def test_a_second_up_changes_nothing(instance: Instance, steps: Steps) -> None:
    before = _ids(instance)
    address = platform.up(instance, steps)
    assert before
    assert _ids(instance) == before
    assert platform.up(instance, steps) == address


def ready(instance: Instance) -> Objects:
    """Return the system's pods, once all are ready: a look may meet one in between."""
    cluster = kubernetes.api(instance)
    return wait_for(
        lambda: cluster.pods_ready("kube-system"), what="every system pod ready", timeout=120
    )


def test_system_pods_are_ready_and_pytest_kind_sees_the_cluster(
    instance: Instance, request: pytest.FixtureRequest
) -> None:
    cluster = request.getfixturevalue("kind_cluster")
    assert "Ready" in cluster.kubectl("get", "nodes", "--no-headers")
    pods = ready(instance)
    assert {pod["metadata"]["name"].split("-")[0] for pod in pods} >= {"coredns", "etcd", "kube"}


def test_a_new_cluster_loads_nothing(instance: Instance) -> None:
    images = run("docker", "exec", kind.node(instance), "ctr", "-n=k8s.io", "images", "ls", "-q")
    assert "registry:5000/hello" in images
    assert "ghcr.io/fluxcd/source-controller" in images


@pytest.mark.long
def test_a_stopped_node_is_started_again(instance: Instance, steps: Steps) -> None:
    before = _ids(instance)
    docker.stop_container(kind.node(instance))
    platform.up(instance, steps)
    assert _ids(instance) == before
    ready(instance)


@pytest.mark.long
def test_down_deletes_nothing(instance: Instance, steps: Steps) -> None:
    before = _ids(instance)
    platform.down(instance, steps)
    assert {docker.state(name) for name in before} == {"exited"}
    platform.up(instance, steps)
    assert _ids(instance) == before


def test_services_answer_after_kube_proxy_was_restarted(instance: Instance) -> None:
    """Without netbase in its image, kube-proxy deletes its own rules when it is restarted."""
    cluster = kubernetes.api(instance)
    old = cluster.list("v1", "Pod", "kube-system", "k8s-app=kube-proxy")
    for pod in old:
        cluster.delete("v1", "Pod", pod["metadata"]["name"], "kube-system")

    def replaced() -> None:
        pods = cluster.list("v1", "Pod", "kube-system", "k8s-app=kube-proxy")
        if {p["metadata"]["uid"] for p in pods} & {p["metadata"]["uid"] for p in old}:
            raise NotYet("the old kube-proxy is still there")
        cluster.pods_ready("kube-system")

    wait_for(replaced, what="a new kube-proxy", timeout=60)
    # Behind a Service of Flux there may be an agent that has started again with the node.
    wait_for(lambda: cluster.pods_ready(), what="every pod Ready", timeout=120)
    services = cluster.list("v1", "Service")
    assert services
    for service in services:
        ip, port = service["spec"]["clusterIP"], service["spec"]["ports"][-1]["port"]
        # bash's /dev/tcp opens a connection from the node through kube-proxy's rules
        wait_for(
            lambda ip=ip, port=port: _connects(instance, ip, port),  # type: ignore[misc]
            what=f"service {service['metadata']['name']} answers on {ip}:{port}",
            timeout=30,
        )


def _connects(instance: Instance, ip: str, port: int) -> None:
    command = f"exec 3<>/dev/tcp/{ip}/{port}"
    try:
        run("docker", "exec", kind.node(instance), "timeout", "3", "bash", "-c", command)
    except LabError as refused:
        raise NotYet(refused.found) from refused


def storage(instance: Instance) -> Objects:
    """Return the StorageClasses of a lab's cluster: the last that kind makes of it."""
    return kubernetes.api(instance).list("storage.k8s.io/v1", "StorageClass")


def test_a_cluster_of_somebody_else_is_not_touched(second: Instance) -> None:
    image = supply.node_image()
    run("docker", "create", "--name", kind.node(second), image)
    try:
        with pytest.raises(LabError, match="networks"):
            kind.ensure(second, pytest.fail)
        assert docker.state(kind.node(second)) == "created"
    finally:
        docker.remove_container(kind.node(second))


@pytest.mark.long
def test_interrupted_at_five_moments_it_goes_on(second: Instance, instance: Instance) -> None:
    """Killed without a chance to clean up, each time later; the last run ends well."""
    beside = _ids(instance)
    for moment in MOMENTS:
        process = _lab(second, "up")
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if moment in line:
                break
        else:
            pytest.fail(f"`lab up` ended before {moment!r}:\n{''.join(seen)}")
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    finish = _lab(second, "up")
    text, _ = finish.communicate(timeout=400)
    assert finish.returncode == 0, text
    # A probe may fail for a moment while the machine is busy.
    ready(second)
    assert storage(second)
    assert _ids(instance) == beside
    assert {second.port(part) for part in ("git", "app", "api")}.isdisjoint(
        {instance.port(part) for part in ("git", "app", "api")}
    )


@pytest.mark.long
def test_what_a_killed_up_has_left_at_work_is_ended(second: Instance) -> None:
    """Kind goes on by itself, until it has something to say and nobody who reads it."""
    docker.remove_container(kind.node(second))
    process = _lab(second, "up")
    assert process.stdout is not None
    marker = f"create cluster --name={second.name} "

    def at_work() -> list[int]:
        if not (found := processes.find(marker)):
            raise NotYet("kind does not run yet")
        return found

    assert any("creating the cluster" in line for line in process.stdout)
    strays = wait_for(at_work, what="kind at work", timeout=60, interval=0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    finish = _lab(second, "up")
    text, _ = finish.communicate(timeout=400)
    assert finish.returncode == 0, text
    assert not any(processes.alive(pid) for pid in strays)
    ready(second)
    assert storage(second)


@pytest.mark.long
def test_a_cluster_without_storage_is_made_anew(second: Instance) -> None:
    run(
        supply.tool("kubectl"),
        "delete",
        "storageclass",
        "--all",
        env={"KUBECONFIG": str(second.kubeconfig)},
    )
    finish = _lab(second, "up")
    text, _ = finish.communicate(timeout=400)
    assert finish.returncode == 0, text
    assert "the cluster has no StorageClass" in text
    assert storage(second)


def test_two_at_once_the_second_is_told(second: Instance) -> None:
    with platform.exclusive(second):
        process = _lab(second, "up")
        text, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "at work" in text


@pytest.mark.long
def test_a_port_in_use_is_named_and_another_is_taken(second: Instance, steps: Steps) -> None:
    platform.down(second, steps)
    platform.reserve_ports(second, print)
    port = second.port("git")
    with held(port):
        process = _lab(second, "up")
        text, _ = process.communicate(timeout=400)
    assert process.returncode == 0, text
    assert f"port {port} is in use: git gets {second.port('git')}" in text
    answer = httpx.get(f"http://127.0.0.1:{second.port('git')}/", follow_redirects=True)
    assert answer.status_code == 200


@pytest.mark.long
def test_clean_leaves_nothing_but_the_readers_work(second: Instance, steps: Steps) -> None:
    note = second.work / "my-notes.txt"
    note.write_text("mine")
    kept = platform.clean(second, steps)
    assert kept is not None
    assert (kept / "my-notes.txt").read_text() == "mine"
    assert not second.root.exists()
    label = f"label=gitops-hackfest.lab={second.name}"
    for what in (["ps", "--all"], ["volume", "ls"], ["network", "ls"]):
        assert not run("docker", *what, "--quiet", "--filter", label)
    assert docker.state(kind.node(second)) == "absent"
