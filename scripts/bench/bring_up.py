"""`make up` from the cache beside a bare cluster of the same image, by turns in one run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from labs.instance import PROJECT, Instance
from labs.platform import docker, kind
from labs.platform.steps import Steps
from labs.platform.up import clean, holds_port
from labs.run import run
from scripts.bench import machine
from scripts.bench.figures import Figure
from scripts.supply import api as supply

SECONDS = 600.0
"""The bound of one bring-up."""
PART = "up"


def measure(instance: Instance, runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Bring up a bare cluster and the lab, `runs` times each; the lab of the last turn stays."""
    bare, whole, memory = [], [], []
    for number in range(runs):
        bare.append(_bare(instance))
        say(f"{number + 1} of {runs}: bare cluster {bare[-1]:.1f} s")
        clean(instance, Steps(instance.durations))
        with machine.watched() as sample:
            lab(instance, "up")
        whole.append(sample.seconds)
        memory.append(sample.peak_mib - sample.before_mib)
        say(f"{number + 1} of {runs}: lab {whole[-1]:.1f} s")
    alone = Figure(PART, "bare kind cluster, CoreDNS ready", "s", tuple(bare), "same node image")
    lab_up = Figure(PART, "make up, cached, from nothing", "s", tuple(whole), "containers, all")
    peak = Figure(PART, "memory at its peak", "MiB", tuple(memory), "machine's, above that before")
    return [alone, lab_up, lab_up.ratio(alone, "make up beside the bare cluster"), peak]


def from_bundle(instance: Instance, file: Path, cache: Path) -> float:
    """Return the seconds in which a lab beside this one comes up from a bundle, with no cache."""
    name = f"{instance.name}-bundle"
    beside = Instance(name, instance.root.with_name(name))
    steps = Steps(beside.durations)
    clean(beside, steps)
    try:
        start = time.monotonic()
        lab(beside, "up", LAB_SUPPLY="bundle", LAB_BUNDLE=str(file), LAB_CACHE=str(cache))
        return time.monotonic() - start
    finally:
        clean(beside, steps)


def lab(instance: Instance, *words: str, timeout: float = SECONDS, **more: str) -> str:
    """Return what a `lab` command of this project prints, on this lab. Raises CommandFailed.

    `more` is added to its environment.
    """
    env = {"LAB_NAME": instance.name, "LAB_HOME": str(instance.root.parent), **more}
    argv = (sys.executable, "-m", "labs.cli", *words)
    return run(*argv, cwd=PROJECT, env=env, timeout=timeout)


def _bare(instance: Instance) -> float:
    """Return the seconds that `kind create cluster` takes until CoreDNS is ready."""
    with _a_bare_one(instance) as bare:
        path = bare.root / "kind.yaml"
        path.write_text(kind.as_yaml(kind.config(bare)))
        key = f"--kubeconfig={bare.kubeconfig}"
        start = time.monotonic()
        run(
            *(supply.tool("kind"), "create", "cluster", f"--name={bare.name}", key),
            *(f"--image={supply.node_image()}", f"--config={path}"),
            env={"KIND_EXPERIMENTAL_DOCKER_NETWORK": bare.network},
            timeout=SECONDS,
        )
        # Not `kubectl wait pods`: that fails where the Deployment has made none yet.
        run(
            *(supply.tool("kubectl"), key, "rollout", "status", "deployment/coredns"),
            *("--namespace=kube-system", f"--timeout={SECONDS:.0f}s"),
            timeout=SECONDS,
        )
        return time.monotonic() - start


@contextmanager
def _a_bare_one(instance: Instance) -> Iterator[Instance]:
    """Yield a name, ports and a network for a cluster beside the lab; all of it goes at the end."""
    bare = Instance(f"{instance.name}-bare", instance.root.parent / f"{instance.name}-bare")
    steps = Steps(bare.durations)
    clean(bare, steps)
    bare.reserve_ports(lambda part: holds_port(bare, part), lambda line: None)
    docker.ensure_network(bare)
    try:
        yield bare
    finally:
        kind.delete(bare)
        clean(bare, steps)
