"""`make doctor`: reads what the lab stands on, and prints found, needed and remedy of each."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import textwrap
from itertools import zip_longest
from pathlib import Path
from typing import Any

from labs.errors import LabError
from labs.instance import PREFERRED_PORTS, Instance, is_free
from labs.platform import host, kind
from labs.platform import preconditions as pre
from labs.platform.engine import docker
from labs.run import CommandFailed, run
from scripts.supply import api
from scripts.supply.cache import default_root

WIDTH, INDENT, FOUND, NEEDED = 80, 20, 31, 27
"""Columns of the table: in all, before `found`, of `found`, of `needed`."""
UNKNOWN_PART = 30.0
"""Seconds assumed for a part that was never made here."""


def survey(instance: Instance) -> list[pre.Finding]:
    """Read this machine, and judge each precondition."""
    try:
        info: dict[str, Any] | LabError = dict(json.loads(docker("info", "--format={{json .}}")))
    except LabError as why:
        info = why
    answered = info if isinstance(info, dict) else None
    way, seconds = _supply()
    known = way if isinstance(way, str) else "source"
    if isinstance(way, str) and seconds is None:
        known = "cached"
    linux = sys.platform == "linux"
    # An engine in a machine of its own (Docker Desktop) has its own memory and control groups.
    total = (
        int(answered["MemTotal"])
        if answered
        else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    )
    version, controllers = host.cgroup_version(), host.cgroup_controllers()
    if not linux:
        version, controllers = int((answered or {}).get("CgroupVersion", "2")), pre.CONTROLLERS
    may_install = linux and shutil.which("apt-get") is not None and _may_become_root()
    return [
        pre.memory(total, host.available_memory() or total, known),
        pre.disk(_disk(answered, known)),
        pre.ports(
            _ports_of(instance, answered is not None),
            _listening(),
            kind.taken_ports(instance) if answered else {},
        ),
        pre.engine(info, may_install),
        pre.cgroups(version, controllers),
        pre.capabilities(host.restricted(), str(answered["DefaultRuntime"]) if answered else None),
        pre.python(tuple(int(part) for part in platform.python_version_tuple() if part.isdigit())),
        pre.network(way, seconds),
        pre.program("git", _version("git"), pre.GIT_NEEDED),
        pre.program("make", _version("make")),
    ]


def render(findings: list[pre.Finding]) -> str:
    """Return the table, at most 80 columns wide, each remedy below what it mends."""
    lines = [_row("", "", "found", "needed")]
    for finding in findings:
        mark = finding.state.upper() if finding.state == "blocks" else finding.state
        left = textwrap.wrap(finding.found, FOUND) or [""]
        right = textwrap.wrap(finding.needed, NEEDED) or [""]
        for number, (found, needed) in enumerate(zip_longest(left, right, fillvalue="")):
            start = (mark, finding.name) if number == 0 else ("", "")
            lines.append(_row(*start, found, needed))
        if finding.remedy:
            lines += textwrap.wrap(
                finding.remedy,
                WIDTH,
                initial_indent=_row("", "", "-> ", "") + " ",
                subsequent_indent=" " * (INDENT + 3),
            )
    return "\n".join(lines)


def _row(mark: str, name: str, found: str, needed: str) -> str:
    return f"{mark:<7}{name:<13}{found:<{FOUND}}  {needed}".rstrip()


def main() -> int:
    """Print the table; return 1 if something blocks."""
    findings = survey(Instance.current())
    print(render(findings))
    blocking = [finding.name for finding in findings if finding.state == "blocks"]
    print(f"\nThe lab cannot come up: {', '.join(blocking)}." if blocking else "\nNothing blocks.")
    return int(bool(blocking))


def _supply() -> tuple[str | LabError, float | None]:
    """Return the way and, unless everything is there, the seconds that it takes."""
    try:
        way = api.way()
        waiting = [part for part in api.status() if part.state != "done"]
    except LabError as why:
        return why, None
    if not waiting:
        return way, None
    return way, sum(part.last_seconds or UNKNOWN_PART for part in waiting)


def _may_become_root() -> bool:
    return os.geteuid() == 0 or shutil.which("sudo") is not None


def _disk(info: dict[str, Any] | None, way: str) -> dict[str, tuple[float, float]]:
    """Return the bytes free and needed at each place; two on one disk are one place."""
    cache = _existing(default_root())
    room = float(shutil.disk_usage(cache).free)
    free: dict[str, tuple[float, float]] = {"the cache": (room, pre.CACHE[way])}
    folder = _existing(Path(str((info or {}).get("DockerRootDir", "/var/lib/docker"))))
    if sys.platform != "linux":  # Docker Desktop keeps it in a machine of its own
        return free
    if folder.stat().st_dev == cache.stat().st_dev:
        return {"cache and Docker": (room, pre.CACHE[way] + pre.ENGINE[way])}
    return free | {"Docker": (float(shutil.disk_usage(folder).free), pre.ENGINE[way])}


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _ports_of(instance: Instance, engine_answers: bool) -> dict[str, int]:
    """Return the ports that this lab's own running parts hold."""
    from labs.platform import up

    if not (instance.root / "ports.json").exists() or not engine_answers:
        return {}
    held = [part for part in PREFERRED_PORTS if up.holds_port(instance, part)]
    return {part: instance.port(part) for part in held}


def _listening() -> set[int]:
    return {port for port in PREFERRED_PORTS.values() if not is_free(port)}


def _version(name: str) -> str | None:
    try:
        return run(name, "--version", timeout=20).splitlines()[0]
    except CommandFailed:
        return None
