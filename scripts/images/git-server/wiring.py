"""How Flux comes to an environment's folder, and what else could bring the same app there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import entries
from entries import Entry
from tree import SUFFIXES, Plain, Tree, Unreadable, joined, plain
from versions import FOLLOWED, Build, Level

CLUSTERS = "clusters"
THIS = "config.git"
KUSTOMIZE = "kustomize.toolkit.fluxcd.io/"
SOURCE = "source.toolkit.fluxcd.io/"
NO_SAY = {
    "interval", "retryInterval", "timeout", "wait", "prune", "suspend", "dependsOn", "force",
    "healthChecks", "healthCheckExprs", "commonMetadata", "serviceAccountName",
}  # fmt: skip
AS_KUSTOMIZE = ("patches", "images", "components", "namePrefix", "nameSuffix")
"""Fields of Flux's Kustomization that kustomize's own has too."""
BRINGS = ("apiVersion", "kind", "metadata", *FOLLOWED)
"""Fields of a kustomization that change nothing of what it takes in."""


@dataclass(frozen=True)
class Workload:
    """An app in an environment: one Deployment."""

    env: str
    app: str
    file: str

    @property
    def folder(self) -> str:
        return f"apps/{self.env}"

    def __str__(self) -> str:
        return f"{self.app} in {self.env}"


@dataclass(frozen=True)
class Wire:
    """One of Flux's own objects in the repository."""

    file: str
    name: str
    kind: str
    spec: dict[str, Any]

    @property
    def path(self) -> str:
        return joined("", str(self.spec.get("path") or "./").lstrip("/"))


def version(files: Tree, workload: Workload) -> list[Entry]:
    """Return everything that decides which version of a workload runs."""
    build = Build(files, workload.app, workload.file)
    level = build.folder(workload.folder)
    found = [*_own_file(files, workload)]
    for each in _kustomizations(files):
        if _within(workload.folder, each.path):
            found.append(Entry("Flux", _told_by_flux(each), f"the Kustomization in {each.file}"))
            outer = Level([level])
            as_kustomize = {key: each.spec[key] for key in AS_KUSTOMIZE if key in each.spec}
            build.kustomization(outer, as_kustomize, each.path, each.file)
            level = outer
            found += _above(files, each)
    found += build.entries(level)
    namespace = _namespace(files, workload)
    for folder in _folders(files):
        if folder != workload.folder and (
            _says_namespace(files, folder) == namespace or _reaches(files, folder, workload.folder)
        ):
            found += _of_another(files, workload, folder)
    return found


def strays(files: Tree, workload: Workload, changed: Iterable[str], before: Tree) -> list[Entry]:
    """Return what in changed files would bring the app from outside the environment's folder."""
    namespace = _namespace(before, workload)
    known = _wires(before)
    found: list[Entry] = []
    for path in sorted(changed):
        if path not in files.files or not path.endswith(SUFFIXES):
            continue
        for doc in _docs(files, path):
            in_namespace = str(entries.meta_of(doc).get("namespace")) == namespace
            if in_namespace and entries.is_deployment(doc, workload.app):
                found.append(entries.deployment(doc, path, at_home=False))
            wire = _wire(path, doc)
            if wire is None or wire.kind != "Kustomization" or wire in known:
                continue
            here = wire.spec.get("targetNamespace") == namespace
            if here and not _within(workload.folder, wire.path):
                found += _of_another(files, workload, wire.path)
    return found


def _own_file(files: Tree, workload: Workload) -> Iterator[Entry]:
    """Yield the Deployment in the workload's own file, which carries the lock."""
    for doc in _docs(files, workload.file) if workload.file in files.files else []:
        entry = entries.merge_patch(doc, workload.file, at_home=True)
        if entry is not None and entries.is_deployment(doc, workload.app):
            yield entry


def _told_by_flux(wire: Wire) -> Plain:
    left_out = {*NO_SAY, *AS_KUSTOMIZE, "path"}
    return (wire.name, wire.path, plain({k: v for k, v in wire.spec.items() if k not in left_out}))


def _above(files: Tree, wire: Wire) -> Iterator[Entry]:
    """Yield what brings a Kustomization into the cluster: its source, and whoever applies it."""
    for each in _sources(files, wire):
        told = {k: v for k, v in each.spec.items() if k not in NO_SAY}
        value = (each.kind, each.name, plain(told))
        yield Entry("Flux's source", value, f"the {each.kind} in {each.file}")
    folder = posixpath.dirname(wire.file)
    for each in _kustomizations(files):
        if each != wire and _within(folder, each.path):
            whole = (_told_by_flux(each), plain([each.spec.get(key) for key in AS_KUSTOMIZE]))
            yield Entry("Flux", whole, f"the Kustomization in {each.file}")
    for file in files.kustomizations(folder):
        build = Build(files, "", "")
        build.folder(folder)
        if wire.file not in build.read:
            yield Entry("left out", wire.file, f"{file}, which leaves {wire.file} out,")
        said = [{k: v for k, v in doc.items() if k not in BRINGS} for doc in _docs(files, file)]
        # Whatever changes the wires on their way counts with every file that it may read.
        with_files = sorted((p, files.files[p]) for p in build.read if p in files.files)
        yield Entry("patched wiring", (plain(said), tuple(with_files) if any(said) else ()), file)


def _of_another(files: Tree, workload: Workload, folder: str) -> list[Entry]:
    """Return what a folder that is not the environment's brings, if it brings the app."""
    build = Build(files, workload.app, workload.file)
    found = build.entries(build.folder(folder))
    return found if any(each.what == "Deployment" for each in found) else []


def _namespace(files: Tree, workload: Workload) -> str:
    """Return the namespace of an environment: what its kustomization says, else its name."""
    return _says_namespace(files, workload.folder) or workload.env


def _says_namespace(files: Tree, folder: str) -> str:
    said = (d.get("namespace") for f in files.kustomizations(folder) for d in _docs(files, f))
    return next((str(each) for each in said if each), "")


def _reaches(files: Tree, folder: str, target: str, passed: tuple[str, ...] = ()) -> bool:
    """Return whether a folder's kustomization takes another folder in, or a file of it."""
    for file in files.kustomizations(folder):
        for doc in _docs(files, file):
            for key in FOLLOWED:
                each = doc.get(key)
                for name in each if isinstance(each, list) else []:
                    path = joined(folder, str(name))
                    if _within(path, target):
                        return True
                    inner = path in files.folders and path not in passed
                    if inner and _reaches(files, path, target, (*passed, path)):
                        return True
    return False


def _docs(files: Tree, path: str) -> list[dict[str, Any]]:
    """Return a file's objects; none where it cannot be read, since Flux can read it no better."""
    try:
        return [doc for doc in files.docs(path) if isinstance(doc, dict)]
    except Unreadable:
        return []


def _folders(files: Tree) -> list[str]:
    return sorted(folder for folder in files.folders if files.kustomizations(folder))


@cache
def _wires(files: Tree) -> tuple[Wire, ...]:
    """Return Flux's objects in the clusters' folders."""
    found = (_wire(path, doc) for path in files.manifests(CLUSTERS) for doc in _docs(files, path))
    return tuple(wire for wire in found if wire is not None)


def _kustomizations(files: Tree) -> list[Wire]:
    """Return the Kustomizations that read this repository, by name.

    What another repository brings cannot be judged here (docs/git-server.md says so).
    """
    found = []
    for wire in _wires(files):
        addresses = [str(each.spec.get("url")) for each in _sources(files, wire)]
        elsewhere = addresses and not any(url.endswith(f"/{THIS}") for url in addresses)
        if wire.kind == "Kustomization" and not elsewhere:
            found.append(wire)
    return sorted(found, key=lambda wire: (wire.name, wire.file))


def _sources(files: Tree, wire: Wire) -> list[Wire]:
    """Return the source that a Kustomization names, as it stands in Git."""
    ref = wire.spec.get("sourceRef")
    named = (ref.get("kind"), ref.get("name")) if isinstance(ref, dict) else ()
    return [each for each in _wires(files) if (each.kind, each.name) == named]


def _wire(path: str, doc: dict[str, Any]) -> Wire | None:
    api, spec = str(doc.get("apiVersion") or ""), doc.get("spec")
    is_flux = api.startswith((KUSTOMIZE, SOURCE))
    if not is_flux or not isinstance(spec, dict):
        return None
    return Wire(path, str(entries.meta_of(doc).get("name")), entries.kind_of(doc), spec)


def _within(folder: str, path: str) -> bool:
    return path in ("", folder) or folder.startswith(f"{path}/")
