"""What the lab needs of a machine, and a judgement of each reading: found, needed, remedy.

Judging is apart from reading the machine (labs.platform.doctor), so that each judgement is tested
with readings of machines that are not at hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from labs.errors import LabError
from labs.instance import PREFERRED_PORTS
from labs.platform.node_ports import FREE_IT, OR_ANOTHER

State = Literal["ok", "note", "blocks"]
GIB = 1024**3
# By the way in which parts are got; "cached": all of them are there already.
MEMORY = {"cached": 2.5 * GIB, "pull": 2.5 * GIB, "bundle": 2.5 * GIB, "source": 5 * GIB}
"""Bytes that have to be free. At rest a lab takes 1.3 GiB, measured; JupyterLab's kernels and the
browser come on top, and in source two compilers."""
CACHE = {"cached": 1 * GIB, "pull": 6 * GIB, "bundle": 6 * GIB, "source": 18 * GIB}
"""Bytes for the cache. One set of parts is 5 GiB, measured; Go's own caches 12 GiB."""
ENGINE = {"cached": 4 * GIB, "pull": 8 * GIB, "bundle": 8 * GIB, "source": 8 * GIB}
"""Bytes for Docker's folder: images 3 GiB, a lab's containers and volumes 2 GiB, measured."""
PYTHON_NEEDED, GIT_NEEDED = (3, 11), (2, 28)
ENGINE_NEEDED = (20, 10)
CONTROLLERS = {"cpu", "cpuset", "memory", "pids"}
WRAPPER = "within-bounds"
"""The default runtime that the role restricted_host sets."""


class Finding(NamedTuple):
    """One precondition; `note` is worth knowing, `blocks` stops the lab from coming up."""

    name: str
    state: State
    found: str
    needed: str
    remedy: str = ""


def memory(total: float, available: float, way: str) -> Finding:
    """Judge the memory that containers can have, in bytes."""
    needed = MEMORY[way]
    found = f"{total / GIB:.1f} GiB, {available / GIB:.1f} GiB of it free"
    enough = available >= needed
    return Finding(
        "memory",
        "ok" if enough else "blocks" if total < needed else "note",
        found,
        f"{needed / GIB:.1f} GiB free ({way})",
        "" if enough else "end other programs, or give Docker Desktop's machine more memory",
    )


def disk(places: dict[str, tuple[float, float]]) -> Finding:
    """Judge the bytes free and needed at each place, by the place's description."""
    short = [place for place, (free, needed) in places.items() if free < needed]
    return Finding(
        "disk",
        "blocks" if short else "ok",
        "; ".join(f"{free / GIB:.0f} GiB free for {name}" for name, (free, _) in places.items()),
        "; ".join(f"{needed / GIB:.0f} GiB for {name}" for name, (_, needed) in places.items()),
        f"free some for {', '.join(short)}; LAB_CACHE puts the cache elsewhere" if short else "",
    )


def ports(
    ours: dict[str, int], taken: Iterable[int], lost: Mapping[str, int] | None = None
) -> Finding:
    """Judge the loopback ports: `ours` belong to this lab already, by part.

    `lost` are those of its stopped node that another program holds: no other can take their place.
    """
    if lost:
        return Finding(
            "ports",
            "blocks",
            f"in use: {', '.join(f'{port} ({part})' for part, port in lost.items())}",
            "those that the lab's stopped node was made with",
            f"{FREE_IT}, {OR_ANOTHER}",
        )
    wanted = {part: ours.get(part, port) for part, port in PREFERRED_PORTS.items()}
    busy = sorted(set(taken) & {port for part, port in wanted.items() if part not in ours})
    numbers = ", ".join(str(port) for port in wanted.values())
    return Finding(
        "ports",
        "note" if busy else "ok",
        f"in use: {', '.join(map(str, busy))}" if busy else f"{numbers}: free, or this lab's",
        f"{len(PREFERRED_PORTS)} ports on 127.0.0.1",
        "none needed: the next free ones are taken, and `make up` says which" if busy else "",
    )


def engine(info: dict[str, Any] | LabError, may_install: bool) -> Finding:
    """Judge what `docker info` said; `may_install`: a Linux where `make up` can bring one."""
    needed = f"a running engine, {'.'.join(map(str, ENGINE_NEEDED))} or newer"
    if isinstance(info, LabError):
        if may_install and "permission denied" not in info.found:
            remedy = "none needed: `make up` installs and starts one"
            return Finding("Docker", "note", "no engine answers", needed, remedy)
        return Finding("Docker", "blocks", info.found, needed, info.todo)
    version = str(info["ServerVersion"])
    new = numbers(version) >= ENGINE_NEEDED
    found = f"{version} on {info.get('OperatingSystem', 'an unknown system')}"
    remedy = "" if new else "update Docker"
    return Finding("Docker", "ok" if new else "blocks", found, needed, remedy)


def cgroups(version: int, controllers: set[str]) -> Finding:
    """Judge the control groups of the system that the engine runs on."""
    lacking = CONTROLLERS - controllers
    if version == 0 or lacking:
        found = f"no {', '.join(sorted(lacking))}" if version else "none mounted"
        remedy = "mount them; where memory lacks, boot with cgroup_enable=memory"
        return Finding("cgroups", "blocks", found, ", ".join(sorted(CONTROLLERS)), remedy)
    return Finding("cgroups", "ok", f"version {version}", "version 1 or 2, with memory and pids")


def capabilities(restricted: bool, default_runtime: str | None) -> Finding:
    """Judge whether privileged containers can start; `default_runtime` None: no engine yet."""
    needed = "CAP_SYS_RESOURCE, or a runtime that does without"
    if not restricted:
        return Finding("capabilities", "ok", "all that a node needs", needed)
    if default_runtime == WRAPPER:
        return Finding("capabilities", "ok", f"restricted; default runtime {WRAPPER}", needed)
    if default_runtime is None:
        remedy = "none needed: `make up` sets the runtime up with the engine"
        return Finding("capabilities", "note", "restricted host", needed, remedy)
    return Finding(
        "capabilities",
        "blocks",
        f"restricted host, default runtime {default_runtime}",
        needed,
        f"make {WRAPPER} the engine's default runtime, as docs/machine.md shows",
    )


def python(version: tuple[int, ...]) -> Finding:
    """Judge the Python that runs this."""
    new = version >= PYTHON_NEEDED
    return Finding(
        "Python",
        "ok" if new else "blocks",
        ".".join(map(str, version)),
        f"{'.'.join(map(str, PYTHON_NEEDED))} or newer",
        "" if new else "install a newer one; make PYTHON=/path/to/python3 … names it",
    )


def network(way: str | LabError, seconds: float | None) -> Finding:
    """Judge the way in which the parts are got; `seconds` it takes, None if all is there."""
    needed = "the registries, a bundle, or Go modules and Debian packages"
    if isinstance(way, LabError):
        return Finding("supply", "blocks", way.found, needed, way.todo)
    how = {
        "pull": "pulled from the container registries",
        "bundle": "from a bundle",
        "source": "built from source: no container registry answers",
    }[way]
    if seconds is None:
        return Finding("supply", "ok", f"all parts are in the cache ({way})", needed)
    found = f"{how}, about {max(1, round(seconds / 60))} min"
    remedy = "a bundle is faster: make up BUNDLE=file" if way == "source" else ""
    return Finding("supply", "note" if remedy else "ok", found, needed, remedy)


def program(name: str, version: str | None, at_least: tuple[int, ...] = ()) -> Finding:
    """Judge a command that has to be there, by what it says of its version."""
    needed = f"{'.'.join(map(str, at_least))} or newer" if at_least else "any"
    if version is None:
        return Finding(name, "blocks", "not there", needed, f"install the package {name}")
    old = numbers(version) < at_least
    remedy = f"update the package {name}" if old else ""
    return Finding(name, "blocks" if old else "ok", version, needed, remedy)


def numbers(version: str) -> tuple[int, ...]:
    """Return the first dotted numbers in a text: `git version 2.39.5` is (2, 39, 5)."""
    found = re.search(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
