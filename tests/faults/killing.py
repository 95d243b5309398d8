"""kill -9, and nothing else, of what a lab runs: in a container, in the node, on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from labs.instance import Instance
from labs.platform import docker, engine, kind, kubernetes
from labs.wait import NotYet, wait_for

RESTART_SECONDS = 90.0


def container(name: str) -> None:
    """Kill the process of a container, as the kernel does that runs out of memory.

    Not `docker kill`: after that the engine takes the container for one that is to be stopped.
    """
    found = _inspected(name)
    os.kill(int(found["State"]["Pid"]), signal.SIGKILL)
    before = (found["State"]["StartedAt"], found["RestartCount"])

    def restarted() -> None:
        now = _inspected(name)
        if (now["State"]["StartedAt"], now["RestartCount"]) == before:
            raise NotYet("the engine has not started it again")

    wait_for(restarted, what=f"{name} started again", timeout=RESTART_SECONDS, interval=0.02)


def in_node(instance: Instance, namespace: str, label: str) -> None:
    """Kill the process of each pod's containers with a label, and wait until they are others."""
    with armed(instance, namespace, label) as kill:
        kill()


@contextmanager
def armed(instance: Instance, namespace: str, label: str) -> Iterator[Callable[[], None]]:
    """Yield what kills as `in_node` does, and at once: for a moment that is over soon.

    All that takes its time is done before; afterwards it waits until the containers are others.
    """
    before = containers(instance, namespace, label)
    words = ("ctr", "--namespace=k8s.io", "tasks", "list")
    rows = docker.exec_in(kind.node(instance), *words).splitlines()[1:]
    pids = {row.split()[0]: row.split()[1] for row in rows}
    # Where it is never told to go, its input ends, and nothing is killed.
    script = f"echo armed; read go && kill -9 {' '.join(pids[one] for one in before)}"
    with subprocess.Popen(
        ["docker", "exec", "--interactive", kind.node(instance), "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "armed\n"

        def kill() -> None:
            shell.communicate("go\n", timeout=RESTART_SECONDS)
            assert shell.returncode == 0, "nothing was killed"

        yield kill

    def replaced() -> None:
        if before & containers(instance, namespace, label):
            raise NotYet("the kubelet has not seen it yet")

    wait_for(replaced, what=f"{label} run anew", timeout=RESTART_SECONDS, interval=0.1)


def containers(instance: Instance, namespace: str, label: str) -> set[str]:
    """Return the ids of the running containers of the pods with a label. Raises NotYet: none."""
    pods = kubernetes.api(instance).list("v1", "Pod", namespace, label)
    found = {
        status["containerID"].partition("://")[2]
        for pod in pods
        for status in pod["status"].get("containerStatuses", [])
        if "running" in status["state"]
    }
    if not found:
        raise NotYet(f"no container of {label} in {namespace} runs")
    return found


def _inspected(name: str) -> dict[str, Any]:
    found = engine.inspect("container", name)
    assert found is not None, f"no container {name}"
    return found
