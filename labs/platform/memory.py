"""What memory a lab takes: its containers by the engine's word, its servers by the kernel's."""

from __future__ import annotations

from pathlib import Path

from labs.instance import Instance
from labs.platform import console, docker, jupyter
from labs.platform.engine import docker as command

UNITS = {
    "GiB": 1024.0,
    "MiB": 1.0,
    "KiB": 1 / 1024,
    "GB": 1e9 / 2**20,
    "MB": 1e6 / 2**20,
    "kB": 1e3 / 2**20,
    "B": 1 / 2**20,
}
"""What Docker counts in, in MiB; the longer names first."""


def of_lab(instance: Instance) -> float:
    """Return the MiB of all that runs of a lab. Raises LabError where the engine says no."""
    total = sum(of_family(part.pid(instance)) for part in (jupyter, console))
    running = [one for one in docker.containers_of(instance) if docker.state(one) == "running"]
    if running:
        lines = command("stats", "--no-stream", "--format={{.MemUsage}}", *running).splitlines()
        total += sum(mib(line.partition("/")[0]) for line in lines)
    return total


def of_family(pid: int | None) -> float:
    """Return the proportional set size of a process and all that it started, in MiB.

    0 where there is no such process, and where the system has no /proc (macOS).
    """
    if pid is None:
        return 0.0
    children = Path(f"/proc/{pid}/task/{pid}/children")
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    try:
        started = [int(child) for child in children.read_text().split()]
        lines = rollup.read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return 0.0
    own = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return own + sum(of_family(child) for child in started)


def mib(amount: str) -> float:
    """Return an amount of Docker's, such as `1.2GiB` or `12kB`, in MiB. Raises ValueError."""
    text = amount.split(" ")[0].strip()
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(f"a unit that Docker is not known to use: {amount}")
