"""What the rest of the project asks of the supply: a tool, an image, the node, and how far it is.

Names are the upstream ones whichever way they were got, so nobody else needs to know the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labs.errors import LabError

Way = Literal["pull", "bundle", "source"]
STAGES = ("servers", "cluster", "flux", "app")


class NotReady(LabError):
    """A tool or image is not there yet; the message says what it waits for and how long."""


@dataclass(frozen=True)
class PartStatus:
    """One part's progress; the times are in seconds."""

    name: str
    stage: str
    state: Literal["waiting", "running", "done", "failed"]
    doing: str
    started: float | None
    seconds: float
    last_seconds: float | None
    log: Path


def way() -> Way:
    """Return how parts are got: LAB_SUPPLY, else what a probe of 3 s finds, once."""
    raise NotImplementedError


def tool(name: str) -> Path:
    """Return a ready executable (`kind`, `kubectl`, `flux`, `crane`). Raises NotReady."""
    raise NotImplementedError


def image(name: str) -> str:
    """Return the full reference of an image of the list by its last word (`git-server`).

    Own images are tagged with the digest of their recipe, so that a changed one has a new name.
    """
    raise NotImplementedError


def image_archive(ref: str) -> Path:
    """Return the docker-archive of an image by its reference. Raises NotReady."""
    raise NotImplementedError


def load(ref: str) -> None:
    """Make the image present in the Docker engine under its name. Raises NotReady."""
    raise NotImplementedError


def node_image() -> str:
    """Return the reference of the node image, loaded into the engine. Raises NotReady."""
    raise NotImplementedError


def ensure(*stages: str, say: Callable[[str], None] = print) -> None:
    """Get everything that the stages (default: all) need, in order; resumes, repeats nothing."""
    raise NotImplementedError


def start_in_background() -> None:
    """Start `ensure` of all stages in a process of its own, unless one runs or all is there."""
    raise NotImplementedError


def status() -> list[PartStatus]:
    """Return the progress of every part, in the order in which they are got."""
    raise NotImplementedError
