"""A part: the smallest thing that the cache holds, with the recipe that it is keyed by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

FORMAT = 1
"""Raised when the way in which parts are made changes in a manner that no recipe shows."""


class Workshop(Protocol):
    """What making a part is given: where to put files, where needed parts are, a log."""

    folder: Path

    def of(self, part: Part) -> Path: ...

    def say(self, doing: str) -> None: ...

    def tell(self, doing: str) -> None: ...

    def run(
        self,
        *argv: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: Path | None = None,
        stdout: Path | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None: ...


@dataclass(frozen=True, eq=False)
class Part:
    """A folder of files that is made once per recipe."""

    name: str
    stage: str
    does: str
    recipe: Mapping[str, object]
    make: Callable[[Workshop], None]
    needs: tuple[Part, ...] = ()
    about: float = 5
    pinned: str = field(default="", compare=False)
    """The digest that a bundle recorded; empty where it is computed from the recipe."""

    @cached_property
    def digest(self) -> str:
        """Return the hex digest of the recipe and of everything that it needs."""
        if self.pinned:
            return self.pinned
        content = [FORMAT, self.name, self.recipe, [need.digest for need in self.needs]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def key(self) -> str:
        """The name of its folder in the cache."""
        return f"{self.name}-{self.digest[:12]}"


@dataclass(frozen=True)
class Plan:
    """Every part of one way in the order in which they are got, and which file is what."""

    made_by: str
    parts: tuple[Part, ...]
    tools: Mapping[str, tuple[Part, str]]
    images: Mapping[str, tuple[Part, str]]
    names: Mapping[str, str]
    """An image's full reference, by the last word of its name."""
    node: Part
    node_ref: str
    files: Mapping[str, tuple[Part, str]] = field(default_factory=dict)
    """Single files that are neither tool nor image, by their name."""

    @property
    def finals(self) -> list[Part]:
        """The parts that somebody asks for; the others are only needed to make these."""
        wanted = {part.key for part, _ in self._asked}
        return [part for part in self.parts if part.key in wanted or part is self.node]

    @property
    def _asked(self) -> list[tuple[Part, str]]:
        return [*self.tools.values(), *self.images.values(), *self.files.values()]

    def of_stages(self, stages: Iterable[str]) -> list[Part]:
        """The final parts of these stages, in order."""
        chosen = set(stages)
        return [part for part in self.finals if part.stage in chosen]

    @property
    def digest(self) -> str:
        """What a bundle must match: the recipes of everything that somebody asks for."""
        keys = sorted(part.key for part in self.finals)
        return hashlib.sha256("\n".join(keys).encode()).hexdigest()


def tree_digest(folder: Path, skip: Iterable[str] = ()) -> str:
    """Return the hex digest of all files below a folder: names, modes and contents."""
    ignored = {"__pycache__", ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache", *skip}
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not ignored.intersection(relative.parts):
            executable = bool(path.stat().st_mode & 0o100)
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{relative.as_posix()} {executable} {content}\n".encode())
    return total.hexdigest()
