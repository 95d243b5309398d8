"""What the machine has and gives at this moment: memory, processors, load. Nothing but Python.

So it also times what runs where nothing is installed yet.
"""

from __future__ import annotations

import os
import platform
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
SAMPLE_SECONDS = 0.5


def conditions() -> str:
    """Return a line about the machine: cores, memory, kernel, Python."""
    return (
        f"{os.cpu_count()} cores, {total_mib() / 1024:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )


def total_mib() -> float:
    """Return the machine's memory in MiB."""
    return _meminfo()["MemTotal"] / MIB


def used_mib() -> float:
    """Return what of the machine's memory is in use, in MiB: MemTotal less MemAvailable."""
    info = _meminfo()
    return (info["MemTotal"] - info["MemAvailable"]) / MIB


def busy_seconds() -> float:
    """Return the seconds that all processors together have worked since the machine's start."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, soft = (int(word) for word in words[:7])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def share(seconds: float) -> float:
    """Return how much of one processor the whole machine takes over some seconds, in percent."""
    before, start = busy_seconds(), time.monotonic()
    threading.Event().wait(seconds)
    return 100 * (busy_seconds() - before) / (time.monotonic() - start)


@dataclass
class Sample:
    """What was seen while a block ran."""

    before_mib: float
    peak_mib: float
    seconds: float = 0.0


@contextmanager
def watched() -> Iterator[Sample]:
    """Sample the machine's memory twice a second while the block runs."""
    before, done = used_mib(), threading.Event()
    sample = Sample(before, before)

    def look() -> None:
        while not done.wait(SAMPLE_SECONDS):
            sample.peak_mib = max(sample.peak_mib, used_mib())

    sampler = threading.Thread(target=look)
    sampler.start()
    start = time.monotonic()
    try:
        yield sample
    finally:
        sample.seconds = time.monotonic() - start
        done.set()
        sampler.join()


def command(argv: list[str]) -> int:
    """Run a command; print its wall time in s, exit code and the machine's peak memory in MiB."""
    with watched() as sample:
        code = subprocess.run(argv, check=False).returncode
    above = sample.peak_mib - sample.before_mib
    print(f"\n{' '.join(argv)}\n  on {conditions()}")
    print(f"  wall {sample.seconds:.1f} s, exit code {code}")
    print(f"  peak memory {above:.0f} MiB above the {sample.before_mib:.0f} MiB before")
    return code


def _meminfo() -> dict[str, int]:
    """Return /proc/meminfo in bytes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
