"""What a lab takes: memory and processors by part, at rest and while its labs are done; disk."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from labs import catalogue
from labs.instance import Instance
from labs.platform import console, docker, engine, jupyter
from labs.platform.memory import mib, of_family
from labs.run import CommandFailed, run
from scripts.bench import machine
from scripts.bench.bring_up import lab
from scripts.bench.figures import Figure
from scripts.supply.cache import default_root

LAB_SECONDS = 600.0
"""The bound of doing one lab with its solutions."""
LOOK_SECONDS = 2.0
REST_SECONDS = 20.0
"""How long the processors are watched for one reading: longer than the longest of Flux's loops
that is due all the time, the 10 s in which it asks the Git server."""


def at_rest(instance: Instance, runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Return memory by part and work, as `make up` leaves the lab and at the last lab's start."""
    last = catalogue.LABS[-1]
    found = _rest(instance, runs, say, "as `make up` leaves it")
    lab(instance, "reset", last.name)  # from here on with Flux, the app and monitoring
    return [*found, *_rest(instance, runs, say, f"at the start of lab {last.number:02d}")]


def _rest(instance: Instance, runs: int, say: Callable[[str], None], when: str) -> list[Figure]:
    """Return `runs` readings, each after the machine was watched for a while."""
    memory: dict[str, list[float]] = {}
    work: list[float] = []
    for number in range(runs):
        work.append(machine.share(REST_SECONDS))
        for name, amount in {**_containers(instance), **_programs(instance)}.items():
            memory.setdefault(name, []).append(amount)
        say(f"{number + 1} of {runs}: {sum(one[-1] for one in memory.values()):.0f} MiB together")
    together = tuple(sum(values) for values in zip(*memory.values(), strict=True))
    return [
        *(Figure("rest", f"memory, {one}", "MiB", tuple(x), when) for one, x in memory.items()),
        Figure("rest", "memory, together", "MiB", together, when),
        Figure("rest", "processor", "% of one", tuple(work), f"{when}; whole machine"),
    ]


def during_labs(instance: Instance, runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Do each lab once with its solutions, in order; return what its containers took meanwhile."""
    found = []
    lab(instance, "reset", catalogue.LABS[0].name)
    for one in catalogue.LABS:
        peaks: list[float] = []
        with machine.watched() as sample, _sampling(instance, peaks):
            before = machine.busy_seconds()
            lab(instance, "catchup", one.name, timeout=LAB_SECONDS)
            worked = machine.busy_seconds() - before
        seconds = sample.seconds
        say(f"lab {one.heading}: {seconds:.0f} s, {max(peaks):.0f} MiB at its peak")
        share = (100 * worked / seconds,)
        found += [
            Figure("labs", f"lab {one.number:02d}, its solutions", "s", (seconds,)),
            Figure("labs", f"lab {one.number:02d}, memory", "MiB", tuple(peaks), "all parts"),
            Figure("labs", f"lab {one.number:02d}, processor", "% of one", share, "whole machine"),
        ]
    return found


def disk(instance: Instance, runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Return what is on the disk: the lab's containers, volumes and folder, the cache of parts."""
    found = json.loads(run("docker", "system", "df", "--verbose", "--format=json", timeout=300))
    names = set(docker.containers_of(instance))
    containers = [one for one in found["Containers"] if one["Names"] in names]
    images = {one["Image"] for one in containers}
    # By what is mounted, not by name: the node keeps its images in a volume without one.
    mounted = {
        mount["Name"]
        for name in names
        for mount in (engine.inspect("container", name) or {"Mounts": []})["Mounts"]
        if mount["Type"] == "volume"
    }
    mounts = [one for one in found["Volumes"] if one["Name"] in mounted]
    of_images = [
        one
        for one in found["Images"]
        if {f"{one['Repository']}:{one['Tag']}", one["Repository"]} & images
    ]
    sizes = (
        ("containers, written", sum(mib(one["Size"]) for one in containers), ""),
        ("volumes", sum(mib(one["Size"]) for one in mounts), "node, repos, registry, CI"),
        ("images", sum(mib(one["Size"]) for one in of_images), "layers shared count each time"),
        ("the lab's folder", tree_mib(instance.root), ""),
        ("the cache of parts", tree_mib(default_root() / "parts"), "shared by all labs"),
    )
    return [Figure("disk", what, "MiB", (size,), note) for what, size, note in sizes]


def tree_mib(folder: Path) -> float:
    """Return what a folder's files take, in MiB."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / machine.MIB


@contextmanager
def _sampling(instance: Instance, into: list[float]) -> Iterator[None]:
    """Note the memory of all parts together, again and again while the block runs.

    Raises what hindered it, after a block that has ended well.
    """
    done = threading.Event()

    def look() -> None:
        while True:
            into.append(sum({**_containers(instance), **_programs(instance)}.values()))
            if done.wait(LOOK_SECONDS):
                return

    with ThreadPoolExecutor(1) as pool:
        sampler = pool.submit(look)
        try:
            yield
        finally:
            done.set()
    sampler.result()


def _containers(instance: Instance) -> dict[str, float]:
    """Return each container's memory in MiB, of those that are there all the time it takes."""
    names = docker.containers_of(instance)
    try:
        listed = run("docker", "stats", "--no-stream", "--format={{json .}}", *names, timeout=60)
    except CommandFailed:
        # One that goes while Docker looks at it takes the answer for all others with it.
        if set(names) <= set(docker.containers_of(instance)):
            raise
        return _containers(instance)
    stats = [json.loads(line) for line in listed.splitlines()]
    return {one["Name"]: mib(one["MemUsage"].split("/")[0]) for one in stats}


def _programs(instance: Instance) -> dict[str, float]:
    """Return the memory in MiB of what runs beside the containers, and of all that it started."""
    pids = {"JupyterLab": jupyter.pid(instance), "console": console.pid(instance)}
    return {name: of_family(pid) for name, pid in pids.items()}
