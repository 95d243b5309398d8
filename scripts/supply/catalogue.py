"""Reads images.toml: the one list of every image and tool. Checks it, and knows nothing of ways."""

from __future__ import annotations

import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from labs.errors import LabError

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
STAGES = ("servers", "cluster", "flux", "app", "ci", "monitoring")
"""In the order in which the labs need them."""

MACHINES = {"amd64": "x86_64", "arm64": "arm64"}
"""How upstreams name an architecture in their files, by Go's (and Debian's) name for it."""

T = TypeVar("T")


@dataclass(frozen=True)
class Build:
    """One `go build`: its programs, by the name of the file that they become."""

    name: str
    stage: str
    module: str
    programs: Mapping[str, str]
    about: float
    variables: Mapping[str, str] = field(default_factory=dict)
    copy_of: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rootfs:
    """A Debian root made by mmdebstrap."""

    name: str
    stage: str
    variant: str
    packages: tuple[str, ...]
    about: float


@dataclass(frozen=True)
class Tool:
    """An executable for the host, by its `pull` address; from source, by the [[build]] `source`, or
    as a `file` of a [[rootfs]]."""

    name: str
    version: str
    stage: str
    pull: str
    sums: str
    source: str = ""
    rootfs: str = ""
    file: str = ""

    def address(self, template: str, system: str = "") -> str:
        """Return a `pull` or `sums` address for a system (default: this one) on this machine."""
        system = system or platform.system().lower()
        return template.format(
            version=self.version,
            number=self.version.removeprefix("v"),
            os=system,
            Os=system.capitalize(),
            arch=host_arch(),
            machine=MACHINES[host_arch()],
        )


@dataclass(frozen=True)
class Image:
    """An image by its upstream name; see images.toml for what the fields mean."""

    name: str
    stage: str
    version: str = ""
    digest: str = ""
    own: str = ""
    include: tuple[str, ...] = ()
    way: str = ""
    about: float = 3
    with_node: bool = False
    in_node: bool = False
    rootfs: str = ""
    programs: Mapping[str, list[str]] = field(default_factory=dict)
    rootfs_files: Mapping[str, str] = field(default_factory=dict)
    project_files: Mapping[str, str] = field(default_factory=dict)
    busybox: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""

    @property
    def short(self) -> str:
        """The last word of the name, by which parts and callers know the image."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def recipe(self) -> dict[str, object]:
        """What the content depends on: the fields that are set, so that a new kind of field
        changes no image that does not use it."""
        other = ("about", "stage", "in_node", "with_node", "way")
        return {key: value for key, value in vars(self).items() if value and key not in other}


@dataclass(frozen=True)
class Catalogue:
    """All of images.toml, for images of one architecture."""

    arch: str
    go_version: str
    go_about: float
    nodejs_version: str
    nodejs_about: float
    suite: str
    slim: Image
    node: Image
    node_kubernetes: str
    engine_packages: tuple[str, ...]
    builds: Mapping[str, Build]
    rootfs: Mapping[str, Rootfs]
    tools: Mapping[str, Tool]
    images: Mapping[str, Image]
    extras: Mapping[str, Image]
    """Images that are pulled only when somebody asks for them."""

    def images_of(self, way: str) -> Mapping[str, Image]:
        """Return the images of one way: those that any way has, and its own."""
        return {short: one for short, one in self.images.items() if one.way in ("", way)}


def host_arch() -> str:
    """Return Go's name for this machine's architecture. Raises LabError for an unknown one."""
    machine = platform.machine().lower()
    arch = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(machine)
    if arch is None:
        raise LabError(
            f"this machine is a {machine}",
            expected="an amd64 (x86_64) or arm64 (aarch64) machine",
            todo="run the lab on one of these",
        )
    return arch


def load(path: Path = HERE / "images.toml", arch: str = "") -> Catalogue:
    """Return the list. Raises LabError that names the entry which is wrong."""
    data = tomllib.loads(path.read_text())
    node = dict(data["node"])
    kubernetes = str(node.pop("kubernetes"))
    catalogue = Catalogue(
        arch=arch or host_arch(),
        go_version=data["go"]["version"],
        go_about=data["go"]["about"],
        nodejs_version=data["nodejs"]["version"],
        nodejs_about=data["nodejs"]["about"],
        suite=data["debian"]["suite"],
        slim=Image(stage="servers", **data["debian"]["slim"]),
        node=Image(stage="cluster", **node),
        node_kubernetes=kubernetes,
        engine_packages=tuple(data["engine"]["packages"]),
        builds=_entries(Build, data["build"], "build"),
        rootfs=_entries(Rootfs, data["rootfs"], "rootfs"),
        tools=_entries(Tool, data["tool"], "tool"),
        images=_entries(Image, data["image"], "image"),
        extras=_entries(Image, data["extra"], "extra"),
    )
    _check(catalogue)
    return catalogue


def _entries(kind: type[T], rows: list[dict[str, Any]], table: str) -> dict[str, T]:
    found: dict[str, T] = {}
    for row in rows:
        name = str(row.get("name", "")).rsplit("/", 1)[-1]
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
        try:
            entry = kind(**values)
        except TypeError as wrong:
            raise _wrong(table, name, str(wrong)) from wrong
        if not name or name in found:
            raise _wrong(table, name, "no name, or the same name twice")
        found[name] = entry
    return found


def _check(catalogue: Catalogue) -> None:
    """Raise LabError where an entry names a stage, build or root that is not there."""
    for table, rows in (
        ("build", catalogue.builds),
        ("rootfs", catalogue.rootfs),
        ("tool", catalogue.tools),
        ("image", catalogue.images),
    ):
        for name, row in rows.items():
            if getattr(row, "stage", None) not in STAGES:
                raise _wrong(table, name, f"stage {getattr(row, 'stage', None)!r} is unknown")
    for tool in catalogue.tools.values():
        if tool.rootfs:
            if tool.rootfs not in catalogue.rootfs or not tool.file or tool.source:
                raise _wrong("tool", tool.name, f"no file of a [[rootfs]] {tool.rootfs!r} alone")
        elif tool.name not in _programs(catalogue, tool.source):
            raise _wrong("tool", tool.name, f"no [[build]] {tool.source!r} makes {tool.name!r}")
    for image in catalogue.images.values():
        if not image.own and not image.version:
            raise _wrong("image", image.name, "no version")
        if image.way not in ("", "pull", "source"):
            raise _wrong("image", image.name, f"way {image.way!r} is unknown")
        if image.rootfs and image.rootfs not in catalogue.rootfs:
            raise _wrong("image", image.name, f"no [[rootfs]] {image.rootfs!r}")
        for build, programs in image.programs.items():
            missing = set(programs) - set(_programs(catalogue, build))
            if missing:
                raise _wrong("image", image.name, f"no [[build]] {build!r} makes {missing}")


def _programs(catalogue: Catalogue, build: str) -> Mapping[str, str]:
    return catalogue.builds[build].programs if build in catalogue.builds else {}


def _wrong(table: str, name: str, what: str) -> LabError:
    return LabError(
        f"[[{table}]] {name or '?'} in scripts/supply/images.toml: {what}",
        expected="an entry as the head of that file describes it",
        todo="correct the entry",
    )
