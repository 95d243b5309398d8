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
