"""Measures the lab as a whole and prints the conditions with the figures: `make bench`'s engine.

python scripts/bench.py command -- make up      wall time, exit code, peak memory of the machine
python scripts/bench.py memory                  what the lab takes at rest, part by part
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

MIB = 1024 * 1024
SAMPLE_SECONDS = 0.5


def conditions() -> str:
    """Return a line about the machine: cores, memory, kernel, Python."""
    total = _meminfo()["MemTotal"] / MIB / 1024
    return (
        f"{os.cpu_count()} cores, {total:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )


def command(argv: list[str]) -> int:
    """Run a command; print its wall time in s, exit code and the machine's peak memory in MiB.

    Memory is MemTotal less MemAvailable, sampled twice a second, less what was in use before.
    """
    before = _used()
    peak = before
    done = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not done.wait(SAMPLE_SECONDS):
            peak = max(peak, _used())

    sampler = threading.Thread(target=sample)
    sampler.start()
    start = time.monotonic()
    try:
        code = subprocess.run(argv, check=False).returncode
    finally:
        done.set()
        sampler.join()
    print(f"\n{' '.join(argv)}\n  on {conditions()}")
    print(f"  wall {time.monotonic() - start:.1f} s, exit code {code}")
    print(f"  peak memory {(peak - before) / MIB:.0f} MiB above the {before / MIB:.0f} MiB before")
    return code


def memory(runs: int) -> int:
    """Print the memory of each part in MiB: median of `runs` readings of Docker and /proc."""
    # Here, so that `command` runs where nothing is installed yet: it times that as well.
    from labs.instance import Instance
    from labs.platform import docker, jupyter

    instance = Instance.current()
    readings: dict[str, list[float]] = {}
    for _ in range(runs):
        for name in docker.containers_of(instance):
            readings.setdefault(name, []).append(_container_mib(name))
        readings.setdefault("JupyterLab and kernels", []).append(_family_mib(jupyter.pid(instance)))
    print(f"memory at rest of lab {instance.name!r}, median of {runs}, on {conditions()}")
    medians = {part: statistics.median(values) for part, values in readings.items()}
    for part, value in medians.items():
        print(f"  {part:<40} {value:8.0f} MiB")
    print(f"  {'together':<40} {sum(medians.values()):8.0f} MiB")
    return 0


def _container_mib(name: str) -> float:
    from labs.run import run

    stats = json.loads(run("docker", "stats", "--no-stream", "--format", "{{json .}}", name))
    amount = stats["MemUsage"].split("/")[0].strip()
    for unit, factor in (("GiB", 1024.0), ("MiB", 1.0), ("KiB", 1 / 1024), ("B", 1 / MIB)):
        if amount.endswith(unit):
            return float(amount.removesuffix(unit)) * factor
    raise ValueError(f"a unit that docker stats is not known to use: {amount}")


def _family_mib(pid: int | None) -> float:
    """Proportional set size of a process and all that it started, in MiB."""
    if pid is None:
        return 0.0
    total = 0.0
    children = Path(f"/proc/{pid}/task/{pid}/children")
    for child in children.read_text().split() if children.exists() else []:
        total += _family_mib(int(child))
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    for line in rollup.read_text().splitlines() if rollup.exists() else []:
        if line.startswith("Pss:"):
            total += int(line.split()[1]) / 1024
    return total


def _meminfo() -> dict[str, int]:
    """Return /proc/meminfo in bytes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}


def _used() -> int:
    info = _meminfo()
    return info["MemTotal"] - info["MemAvailable"]


def main() -> int:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    what = parser.add_subparsers(dest="what", required=True)
    timed = what.add_parser("command", help="time a command and watch the machine's memory")
    timed.add_argument("argv", nargs=argparse.REMAINDER)
    rest = what.add_parser("memory", help="the lab's memory at rest")
    rest.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.what == "memory":
        return memory(arguments.runs)
    return command([word for word in arguments.argv if word != "--"])


if __name__ == "__main__":
    sys.exit(main())
