"""What decides which version of an app runs in an environment: kustomize's build, read not run.

The files are followed from the environment's kustomization as kustomize follows them, and whatever
has a say in the image of one Deployment becomes an entry. What is known to have none (replicas,
labels, greetings) is left out; what this server does not know counts as it stands.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import Any

import entries
from entries import Entry
from tree import Plain, Tree, Unreadable, joined, parse, plain

NO_SAY = {
    "apiVersion", "kind", "metadata", "replicas", "labels", "commonLabels", "commonAnnotations",
    "generatorOptions", "buildMetadata", "sortOptions",
}  # fmt: skip
FOLLOWED = ("resources", "bases", "components")
PATCHES = ("patches", "patchesJson6902", "patchesStrategicMerge")
GENERATORS = ("configMapGenerator", "secretGenerator")
TAGGED = "(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?"
"""What kustomize lets follow a name in an image."""


@dataclass
class Level:
    """A kustomization: what it takes in, and what it does to that."""

    taken: list[Entry | Level] = field(default_factory=list)
    own: list[Entry] = field(default_factory=list)


class Build:
    """Follows a kustomization for the sake of one app; `home` is the file that may lock it."""

    def __init__(self, files: Tree, app: str, home: str) -> None:
        self.files = files
        self.app = app
        self.home = home
        self.read: set[str] = set()
        self._images: set[str] = set()
        self._objects: list[tuple[str, Any]] = []
        self._generated: list[Entry] = []
        self._wanted: list[dict[str, Any]] = []
        self._open: list[str] = []

    def entries(self, level: Level) -> list[Entry]:
        """Return everything that has a say, in its order."""
        names = self._names(level)
        found = self._flat(level, names)
        for source in self._wanted:  # a replacement takes its value from here
            found += [
                Entry("source", plain({**doc, "metadata": entries.meta_of(doc).get("name")}), where)
                for where, doc in self._objects
                if _is_source(doc, source)
            ]
        return found + (self._generated if self._wanted else [])

    def folder(self, path: str) -> Level:
        """Return what a folder brings."""
        if path in self._open:
            return Level()  # kustomize refuses a folder in itself
        self._open.append(path)
        level = Level()
        found = self.files.kustomizations(path)
        for file in found:
            self.read.add(file)
            try:
                docs = self.files.docs(file)
            except Unreadable as wrong:
                told = f"{file}, which cannot be read ({wrong}),"
                level.own.append(Entry("unreadable", self.files.text(file), told))
                continue
            for doc in docs:
                self.kustomization(level, doc if isinstance(doc, dict) else {}, path, file)
        if not found:  # Flux makes one that names every file
            for file in self.files.manifests(path):
                self._file(level, file)
        self._open.pop()
        return level

    def kustomization(self, level: Level, spec: dict[str, Any], base: str, where: str) -> None:
        """Add what a kustomization's fields say."""
        for key in FOLLOWED:
            for each in _listed(spec.get(key)):
                self._resource(level, str(each), base, where)
        for key in sorted(map(str, spec)):
            value = spec.get(key)
            if key in NO_SAY and entries.LOCAL not in repr(value):
                continue
            if key in FOLLOWED or not value:
                continue
            if key in PATCHES:
                for each in _listed(value):
                    self._patch(level, each, base, where)
            elif key == "images":
                for each in _listed(value):
                    level.own.append(Entry("images", plain(each), f"an image's name in {where}"))
            elif key == "replacements":
                for each in _listed(value):
                    self._replacement(level, each, base, where)
            elif key in GENERATORS:
                self._generated.append(Entry(key, self._literal(value, base), f"{key} in {where}"))
            else:
                told = f"`{key}` in {where}"
                level.own.append(Entry(key, self._literal(value, base), told))

    def _resource(self, level: Level, name: str, base: str, where: str) -> None:
        path = joined(base, name)
        if path in self.files.files:
            self._file(level, path)
        elif path in self.files.folders and "://" not in name:
            level.taken.append(self.folder(path))
        else:
            told = f"{name}, which is not in this repository, in {where}"
            level.taken.append(Entry("from elsewhere", name, told))

    def _file(self, level: Level, path: str) -> None:
        self.read.add(path)
        try:
            docs = self.files.docs(path)
        except Unreadable as wrong:
            if entry := self._unreadable(path, wrong):
                level.taken.append(entry)
            return
        for doc in docs:
            self._objects.append((path, doc))
            if entries.is_deployment(doc, self.app):
                self._images.update(entries.images(doc))
                level.taken.append(entries.deployment(doc, path, self._at_home(path)))
            elif entries.kind_of(doc) == "Namespace":
                name = plain(entries.meta_of(doc).get("name"))
                level.taken.append(Entry("Namespace", name, f"the namespace in {path}"))

    def _patch(self, level: Level, found: Any, base: str, where: str) -> None:
        """Add a patch where it may be for the app and has a say."""
        spec = found if isinstance(found, dict) else {"path": found}
        target = spec.get("target")
        if isinstance(target, dict) and not may_mean(target, self.app):
            return
        path = joined(base, str(spec.get("path") or ""))
        at_home = path in self.files.files
        inline = spec.get("patch") or (spec.get("path") if not at_home else "")
        where = path if at_home else where
        try:
            docs = self.files.docs(path) if at_home else parse(str(inline or ""))
        except Unreadable as wrong:
            self.read.add(path)
            if not at_home:
                level.own.append(Entry("unreadable", str(inline), f"a patch in {where} ({wrong})"))
            elif entry := self._unreadable(path, wrong):
                level.own.append(entry)
            return
        self.read.add(path)
        rest = plain(spec["options"]) if spec.get("options") else ()
        for doc in docs:
            entry = None
            if isinstance(doc, list):
                entry = entries.operations(doc, where)
                self._images.update(re.findall(r"[\w./:@-]+", repr(entry.value)) if entry else [])
            elif isinstance(doc, dict):
                if isinstance(target, dict) or entries.is_deployment(doc, self.app):
                    entry = entries.merge_patch(doc, where, self._at_home(where), rest)
                    self._images.update(entries.images(doc))
            else:
                entry = Entry("patch", plain(doc), f"a patch in {where}")
            if entry is not None:
                level.own.append(entry)

    def _replacement(self, level: Level, found: Any, base: str, where: str) -> None:
        if isinstance(found, dict) and found.get("path"):
            path = joined(base, str(found["path"]))
            self.read.add(path)
            try:
                docs = self.files.docs(path) if path in self.files.files else []
            except Unreadable as wrong:
                told = f"{path}, which cannot be read ({wrong}),"
                level.own.append(Entry("unreadable", self.files.text(path), told))
                return
            for doc in docs:
                for each in doc if isinstance(doc, list) else [doc]:
                    self._replacement(level, each, base, path)
            return
        spec = found if isinstance(found, dict) else {}
        if not any(_may_replace(target, self.app) for target in _listed(spec.get("targets"))):
            return
        level.own.append(Entry("replacement", plain(spec), f"a replacement in {where}"))
        if isinstance(spec.get("source"), dict):
            self._wanted.append(spec["source"])

    def _unreadable(self, path: str, wrong: Unreadable) -> Entry | None:
        """Return the entry of a file that is no YAML, unless it is clearly of another app."""
        text = self.files.text(path)
        if path != self.home and self.app not in text and "\\" not in text:
            return None
        lines = tuple(line.strip() for line in text.splitlines() if "image" in line)
        return Entry("unreadable", lines, f"{path}, which cannot be read ({wrong}),")

    def _literal(self, value: Any, base: str) -> Plain:
        """Return a value as it stands, with the contents of the files that it names."""
        named = {joined(base, word) for word in re.findall(r"[^\s'\"=,]+", repr(value))}
        files = [path for path in named if path in self.files.files]
        for folder in named & self.files.folders - {""}:
            files += self.files.manifests(folder)
        self.read.update(files)
        return (plain(value), tuple(sorted((path, self.files.files[path]) for path in files)))

    def _at_home(self, path: str) -> bool:
        return posixpath.dirname(path) == posixpath.dirname(self.home)

    def _names(self, level: Level) -> set[str]:
        """Return the images that the app may have on the way, other names given to it included."""
        names, before = set(self._images), -1
        while len(names) != before:
            before = len(names)
            for entry in _all(level):
                if entry.what == "images" and _renames(entry, names):
                    names.update(_said(entry, "newName"))
        return names

    def _flat(self, level: Level, names: set[str]) -> list[Entry]:
        found: list[Entry] = []
        for each in level.taken:
            found += self._flat(each, names) if isinstance(each, Level) else [each]
        own = [each for each in level.own if each.what != "images" or _renames(each, names)]
        # What is done at a level is done to what it took in, and to nothing beside it.
        return [Entry("(", ""), *found, *own, Entry(")", "")] if own else found


def may_mean(target: dict[str, Any], app: str) -> bool:
    """Return whether a selector may mean the app's Deployment; its labels are not looked at."""
    return _fits(target.get("kind"), "Deployment") and _fits(target.get("name"), app)


def _fits(pattern: Any, text: str) -> bool:
    if not pattern:
        return True
    try:
        return re.fullmatch(str(pattern), text) is not None
    except re.error:
        return True


def _may_replace(target: Any, app: str) -> bool:
    if not isinstance(target, dict):
        return True
    select = target.get("select")
    if isinstance(select, dict) and not may_mean(select, app):
        return False
    paths = _listed(target.get("fieldPaths")) or ["metadata.name"]
    return any(entries.touches(entries.field_path(str(path))) for path in paths)


def _is_source(doc: Any, source: dict[str, Any]) -> bool:
    pairs = ((entries.kind_of(doc), "kind"), (str(entries.meta_of(doc).get("name")), "name"))
    return all(not source.get(key) or str(source[key]) == has for has, key in pairs)


def _renames(entry: Entry, names: set[str]) -> bool:
    """Return whether an entry of `images:` is for one of these images."""
    if not (said := _said(entry, "name")):
        return True
    name = said[0]
    try:
        return any(image == name or re.fullmatch(name + TAGGED, image) for image in names)
    except re.error:
        return True


def _said(entry: Entry, key: str) -> list[str]:
    """Return what an entry made of a mapping has under a key; nothing where it is no mapping."""
    pairs = entry.value if isinstance(entry.value, tuple) else ()
    return [str(p[1]) for p in pairs if isinstance(p, tuple) and len(p) == 2 and p[0] == key]


def _all(level: Level) -> list[Entry]:
    inner = [e for each in level.taken if isinstance(each, Level) for e in _all(each)]
    return [*inner, *level.own]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
