"""The objects and kustomizations of monitoring/: files of YAML that no tool of Prometheus reads.

One that cannot be read, or that is named and not there, has the whole folder not applied. Flux says
so after the push, of the folder; here the file and the line are named before it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from labs.gitops import yaml_places
from labs.gitops.monitoring import FOLDER
from labs.gitops.yaml_places import Unreadable

NAMES = "kustomization.yaml"
WHERE = re.compile(r"line (\d+): ")
OURS = re.compile(r"[\w.-]+\.(ya?ml|json)|(\.\./|[\w.-]+/)+[\w.-]+\.(ya?ml|json)|[\w-]+/?")
"""Names in a kustomization.yaml that are files or folders beside it, not addresses elsewhere."""


def problems(root: Path, judged: Sequence[Path]) -> list[str]:
    """Return a line for each thing that is wrong, but in the files that are judged by others."""
    paths = [path for path in sorted((root / FOLDER).rglob("*.y*ml")) if path not in set(judged)]
    documents: dict[str, list[Any]] = {}
    found = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        try:
            documents[name] = yaml_places.load(path.read_text(errors="replace"))
        except Unreadable as wrong:
            # From "line 3: what" to "file:3: what", as all others are told.
            placed = WHERE.sub(r"\1: ", wrong.found, count=1)
            found.append(f"{name}:{placed if placed != wrong.found else f' {placed}'}")
        except ValueError as wrong:  # such as a date that there is not
            found.append(f"{name}: {wrong}")
    for name, told in documents.items():
        if posixpath.basename(name) == NAMES:
            found += _of_names(root, name, told, documents)
    return found


def _of_names(
    root: Path, name: str, told: Sequence[Any], documents: dict[str, list[Any]]
) -> Iterator[str]:
    """Yield what is wrong with what a kustomization.yaml names."""
    text = (root / name).read_text(errors="replace")
    if len(told) != 1 or not isinstance(told[0], dict):
        yield f"{name}:1: one list of what is built is to be in here"
        return
    folder = posixpath.dirname(name)
    for key in ("resources", "components"):
        listed = told[0].get(key) or []
        for one in map(str, listed if isinstance(listed, list) else [listed]):
            where = posixpath.normpath(posixpath.join(folder, one))
            if not OURS.fullmatch(one) or not where.startswith(f"{FOLDER}/"):
                continue
            line = next((n for n, row in enumerate(text.splitlines(), 1) if one in row), 1)
            if not (root / where).exists():
                yield f"{name}:{line}: {one} is not there"
            elif (root / where).is_dir() and not (root / where / NAMES).is_file():
                yield f"{name}:{line}: {one} has no {NAMES}"
            else:
                yield from _of_objects(where, documents.get(where, []))


def _of_objects(name: str, told: Sequence[Any]) -> Iterator[str]:
    """Yield each document of a file, by its number, that the API server could not know."""
    for number, one in enumerate((one for one in told if one is not None), 1):
        said = one if isinstance(one, dict) else {}
        meta = said.get("metadata")
        named = {**said, "metadata.name": isinstance(meta, dict) and meta.get("name")}
        lacks = [key for key in ("apiVersion", "kind", "metadata.name") if not named.get(key)]
        if lacks and not str(said.get("kind", "")).endswith("List"):  # these have no name
            yield f"{name}: object {number} has no {' and no '.join(lacks)}"
