"""What `lab lint` judges: the folders of a config repo that Flux applies, each as Flux builds it.

A folder with a kustomization is built by kustomize. Of one without, Flux takes the YAML as it is:
that goes for clusters/NAME/, and for each path that a Kustomization in there names.
"""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labs.gitops import yaml_places
from labs.gitops.rendering import render
from labs.gitops.yaml_places import Unreadable
from labs.platform import flux
from labs.platform.objects import Object
from labs.run import CommandFailed

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""The files by which kustomize builds a folder: one of them."""
MANIFESTS = (".yaml", ".yml")
API = "kustomize.toolkit.fluxcd.io/"


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one folder."""

    folder: str
    objects: int | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = "" if self.objects is None else f": {self.objects} object"
        count += "s" if self.objects not in (None, 1) else ""
        lines = [f"{'✗' if self.problems else '✓'} {self.folder}{count}"]
        lines += [f"    {line}" for problem in self.problems for line in problem.splitlines()]
        return "\n".join([*lines, *(f"    (not judged: {note})" for note in self.notes)])


def build(root: Path, kubectl: str | Path) -> tuple[dict[str, list[Object]], list[Verdict]]:
    """Return the objects of each folder that is applied, and a verdict on each that is not.

    A folder that another one builds upon is judged with it, and built alone besides.
    """
    folders = sorted({_name(root, each.parent) for each in files(root, root) if each.name in NAMES})
    used = {name for folder in folders for name in _builds_upon(root, folder)}
    built: dict[str, list[Object]] = {}
    verdicts = []
    for folder in folders:
        try:
            objects = render(root, folder, kubectl)
        except CommandFailed as failed:
            said = [line for line in failed.stderr.splitlines() if line.strip()][-1:]
            verdicts.append(Verdict(folder, 0, (f"does not build: {' '.join(said)}",)))
            continue
        if folder in used:
            verdicts.append(Verdict(folder, len(objects), ()))
        else:
            built[folder] = objects
    waiting = [_name(root, path) for path in sorted((root / "clusters").glob("*")) if path.is_dir()]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        objects, broken = built.get(name, []), list[str]()
        if name not in folders:
            objects, broken = _plain(root, root / name, folders)
            if broken:
                verdicts.append(Verdict(name, len(objects), tuple(broken)))
            elif objects:
                built[name] = objects
        for one in filter(_is_of_this_repo, objects):
            path = _path(one)
            if (root / path).is_dir():
                waiting.append(path)
            elif (astray := _astray(root, one)) not in verdicts:
                verdicts.append(astray)
    return built, verdicts


def files(root: Path, folder: Path) -> Iterator[Path]:
    """Yield the reader's files below a folder in their order: not Git's, nor an editor's."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if not hidden and path.is_file():
            yield path


def _name(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix()


def _builds_upon(root: Path, folder: str) -> set[str]:
    """Return the folders that a folder's kustomization names."""
    names: list[Any] = []
    for path in (root / folder / name for name in NAMES):
        try:
            documents = yaml_places.load(path.read_text()) if path.is_file() else []
        except (Unreadable, UnicodeDecodeError):
            continue  # the build says so
        told = documents[0] if documents and isinstance(documents[0], dict) else {}
        names += [*(told.get("resources") or []), *(told.get("components") or [])]
    paths = [(root / folder / str(name)).resolve() for name in names]
    top = root.resolve()
    return {p.relative_to(top).as_posix() for p in paths if p.is_dir() and p.is_relative_to(top)}


def _plain(root: Path, folder: Path, built: Sequence[str]) -> tuple[list[Object], list[str]]:
    """Return the objects of a folder that Flux takes as it is, and which files are no YAML."""
    found: list[Object] = []
    broken = []
    for path in files(root, folder):
        parents = (parent.as_posix() for parent in path.relative_to(root).parents)
        if path.suffix not in MANIFESTS or any(parent in built for parent in parents):
            continue
        try:
            found += [one for one in yaml_places.load(path.read_text()) if isinstance(one, dict)]
        except Unreadable as wrong:
            broken.append(f"{path.relative_to(root).as_posix()}: {wrong.found}")
        except UnicodeDecodeError as wrong:
            broken.append(f"{path.relative_to(root).as_posix()}: no UTF-8 ({wrong.reason})")
    return found, broken


def _is_of_this_repo(one: Object) -> bool:
    """Return whether an object is a Kustomization of Flux's that applies a path of this repo."""
    if one.get("kind") != "Kustomization" or not str(one.get("apiVersion")).startswith(API):
        return False
    source = (one.get("spec") or {}).get("sourceRef") or {}
    return (source.get("kind"), source.get("name")) == ("GitRepository", flux.SOURCE)


def _path(one: Object) -> str:
    """Return the folder that a Kustomization applies; none leads out of the repo."""
    return posixpath.normpath(f"/{_told(one) or ''}").lstrip("/") or "."


def _told(one: Object) -> Any:
    return one["spec"].get("path")


def _astray(root: Path, one: Object) -> Verdict:
    """Return the verdict on a Kustomization whose path is not there."""
    name, told = one["metadata"]["name"], _told(one)
    folders = sorted({_name(root, path.parent) for path in files(root, root)})
    near = difflib.get_close_matches(_path(one), folders, n=1)
    hint = f"; the nearest is ./{near[0]}" if near else ""
    file = next(_files_of(root, one), "clusters")
    return Verdict(
        file, None, (f"the Kustomization {name!r} applies {told}, no folder here{hint}",)
    )


def _files_of(root: Path, one: Object) -> Iterator[str]:
    """Yield the files that hold an object of this kind and name."""
    for path in files(root, root):
        if path.suffix not in MANIFESTS:
            continue
        try:
            documents = yaml_places.load(path.read_text())
        except (Unreadable, UnicodeDecodeError):
            continue  # told elsewhere
        if any(_is_same(document, one) for document in documents):
            yield path.relative_to(root).as_posix()


def _is_same(document: Any, one: Object) -> bool:
    if not isinstance(document, dict) or document.get("kind") != one["kind"]:
        return False
    meta, spec = document.get("metadata") or {}, document.get("spec") or {}
    found, wanted = (meta.get("name"), spec.get("path")), (one["metadata"]["name"], _told(one))
    return bool(found == wanted)
