"""What the rest of the project asks of the supply: a tool, an image, the node, and how far it is.

Names are the upstream ones whichever way they were got, so nobody else needs to know the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labs.errors import LabError
from scripts.supply import archive, engine, node, ways
from scripts.supply.cache import Cache
from scripts.supply.catalogue import STAGES
from scripts.supply.maker import Maker
from scripts.supply.parts import Part, Plan
from scripts.supply.progress import Board, Durations, duration
from scripts.supply.ways import Way, way

__all__ = [
    "STAGES",
    "NodeImage",
    "NotReady",
    "PartStatus",
    "Way",
    "ensure",
    "file",
    "image",
    "image_archive",
    "linux_tool",
    "load",
    "node_image",
    "node_images",
    "status",
    "tool",
    "understudy",
    "way",
]

State = Literal["waiting", "running", "done", "failed"]


class NotReady(LabError):
    """A tool or image is not there yet; the message says what it waits for and how long."""


@dataclass(frozen=True)
class NodeImage:
    """An image that a node is to have: its docker-archive, and its config's sha256 in hex."""

    archive: Path
    identity: str


@dataclass(frozen=True)
class PartStatus:
    """One part's progress; the times are in seconds."""

    name: str
    stage: str
    state: State
    doing: str
    started: float | None
    seconds: float
    last_seconds: float | None
    log: Path
    expected: float = 0.0
    """What it takes: as long as last time, or as was measured on another machine."""


def tool(name: str) -> Path:
    """Return a ready executable (`kind`, `kubectl`, `flux`, `crane`). Raises NotReady."""
    plan = _plan()
    if name not in plan.tools:
        raise _unknown("tool", name, sorted(plan.tools))
    part, file = plan.tools[name]
    return _ready(part, name) / file


def image(name: str) -> str:
    """Return the full reference of an image of the list by its last word (`git-server`).

    Own images are tagged with the digest of their recipe, so that a changed one has a new name.
    """
    names = _plan().names
    if name not in names:
        raise _unknown("image", name, sorted(names))
    return names[name]


def file(name: str) -> Path:
    """Return a ready file that is neither tool nor image (`flux-crds.yaml`). Raises NotReady."""
    files = _plan().files
    if name not in files:
        raise _unknown("file", name, sorted(files))
    part, inside = files[name]
    return _ready(part, name) / inside


def linux_tool(name: str) -> Path:
    """Return a ready executable for the lab's containers, whatever the host's system is.

    Raises NotReady.
    """
    return file(f"linux/{name}") if f"linux/{name}" in _plan().files else tool(name)


def understudy() -> bool:
    """Return whether the lab's understudy stands in for Flux's image and notification controllers.

    It does where these cannot be had; where they can, they run, and never both.
    """
    return "understudy" in _plan().names


def image_archive(ref: str) -> Path:
    """Return the docker-archive of an image by its reference. Raises NotReady."""
    part, file = _image(ref)
    return _ready(part, ref) / file


def load(ref: str) -> None:
    """Make the image present in the Docker engine under its name. Raises NotReady."""
    part, file = _image(ref)
    _load(ref, part, file)


def node_image() -> str:
    """Return the reference of the node image, loaded into the engine. Raises NotReady."""
    plan = _plan()
    _load(plan.node_ref, plan.node, "node.tar")
    return plan.node_ref


def node_images() -> dict[str, NodeImage]:
    """Return the images that the node image carries for the lab, by reference. Raises NotReady."""
    plan = _plan()
    found = {
        ref: image_archive(ref) for ref, (part, _) in plan.images.items() if part in plan.node.needs
    }
    return {ref: NodeImage(path, archive.identity_of(path)) for ref, path in found.items()}


def ensure(*stages: str, say: Callable[[str], None] = print) -> None:
    """Get everything that the stages (default: all) need, in order; resumes, repeats nothing."""
    for stage in stages:
        if stage not in STAGES:
            raise _unknown("stage", stage, list(STAGES))
    plan = _plan()
    Maker(plan, Cache(), say).get(plan.of_stages(stages or STAGES))


def status() -> list[PartStatus]:
    """Return the progress of every part, in the order in which they are got."""
    cache, plan = Cache(), _plan()
    board, durations = Board(cache.root), Durations(cache.root)
    rows, running = board.read(), board.running()
    missing = {part.key for part in Maker(plan, cache).missing(plan.finals)}
    result = []
    for part in plan.parts:
        row = rows.get(part.key, {})
        state: State = "waiting"
        if part.key not in missing:
            state = "done"
        elif part.key in running:
            state = "running"
        elif row.get("state") == "failed":
            state = "failed"
        started = row.get("started")
        seconds = row.get("seconds", 0.0)
        if state == "running" and started:
            seconds = time.time() - started
        result.append(
            PartStatus(
                part.name,
                part.stage,
                state,
                str(row.get("doing", part.does)) if state in ("running", "failed") else part.does,
                started if state in ("running", "failed") else None,
                seconds if state in ("running", "failed") else 0.0,
                durations.last(part),
                cache.log_path(part),
                durations.expected(part),
            )
        )
    return result


def _plan() -> Plan:
    return ways.plan_of(way())


def _image(ref: str) -> tuple[Part, str]:
    images = _plan().images
    if ref not in images:
        raise _unknown("image", ref, sorted(images))
    return images[ref]


def _load(ref: str, part: Part, file: str) -> None:
    cache = Cache()
    folder = _ready(part, ref)
    if not engine.present(ref, part.key, cache.root):
        if wrong := cache.verify(part):
            raise LabError(
                wrong,
                expected="the archive as it was made",
                todo="run `python -m scripts.supply verify`, then `make up`",
            )
        engine.load(ref, part.key, folder / file, cache.root)
        if part is _plan().node:
            engine.drop_older(node.NAME)


def _ready(part: Part, what: str) -> Path:
    cache = Cache()
    folder = cache.find(part)
    if folder is not None:
        return folder
    plan = _plan()
    board, durations = Board(cache.root), Durations(cache.root)
    rows, running = board.read(), board.running()
    missing = Maker(plan, cache).missing([part])
    # What stands before it in the order is made before it, whether it needs that or not.
    order = Maker(plan, cache).missing(plan.finals)
    ahead = order[: order.index(part) + 1] if part in order else missing
    left, now = 0.0, ""
    for one in ahead:
        row = rows.get(one.key, {})
        spent = 0.0
        if one.key in running:
            spent = time.time() - float(row.get("started") or time.time())
            now = f"; now: {row.get('doing', one.does)}"
        left += max(durations.expected(one) - spent, 1.0)
    raise NotReady(
        f"{what} is not there yet: {len(ahead)} parts to go, about {duration(left)}{now}"[:400],
        expected=f"the part {part.name}",
        todo="wait and try again; `make status` shows how far it is, `make up` starts it",
    )


def _unknown(kind: str, name: str, known: list[str]) -> LabError:
    return LabError(
        f"no {kind} {name!r} in the list",
        expected=f"one of {', '.join(known)}",
        todo="see scripts/supply/images.toml",
    )
