"""Facts of the host that change how the lab is set up: capabilities and cgroups."""

from __future__ import annotations

from pathlib import Path

CAP_SYS_RESOURCE = 24
"""Its number in <linux/capability.h>, see capabilities(7)."""


def restricted(status: Path = Path("/proc/1/status")) -> bool:
    """Return whether containers here may not raise resource limits (no CAP_SYS_RESOURCE).

    Read from the bounding set of process 1, which a Docker engine of this host inherits; False
    where there is no such file (macOS: the engine is in a virtual machine of its own).
    """
    if not status.exists():
        return False
    for line in status.read_text().splitlines():
        if line.startswith("CapBnd:"):
            return not int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1
    return False


def cgroup_version(root: Path = Path("/sys/fs/cgroup")) -> int:
    """Return 2 for the unified hierarchy, 1 for the legacy or hybrid one, 0 where there is none."""
    if (root / "cgroup.controllers").exists():
        return 2
    return 1 if (root / "memory").exists() else 0


def cgroup_controllers(
    root: Path = Path("/sys/fs/cgroup"), table: Path = Path("/proc/cgroups")
) -> set[str]:
    """Return the names of the controllers that are switched on; none where there is no Linux."""
    unified = root / "cgroup.controllers"
    if unified.exists():
        return set(unified.read_text().split())
    if not table.exists():
        return set()
    rows = [line.split() for line in table.read_text().splitlines() if not line.startswith("#")]
    return {row[0] for row in rows if row[3] == "1"}


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Return the bytes that programs can still get, None where the system does not say."""
    if not meminfo.exists():
        return None
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None
