"""A commit's files as the hook reads them: straight from git's objects, each YAML file once."""

from __future__ import annotations

import posixpath
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

import yaml

Plain: TypeAlias = Any
"""A value from YAML in tuples all through, so that two can be compared and shown."""
LARGEST = 4 * 1024 * 1024
"""Bytes of a file that are read as YAML."""
MOST = 50_000
"""Values that one document may have: aliases can make a small file into a huge one."""
SUFFIXES = (".yaml", ".yml")
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(Exception):
    """A file that is not YAML, as far as this server reads it; the message says why."""


class Tree:
    """The regular files of a commit, by path."""

    def __init__(self, commit: str) -> None:
        self.commit = commit
        self.files: dict[str, str] = {}
        words = ["git", "ls-tree", "-r", "-z", "--full-tree", commit]
        listed = subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout
        for entry in listed.decode(errors="surrogateescape").split("\0"):
            head, _, path = entry.partition("\t")
            # Neither links nor submodules: what they lead to is not judged here.
            if head.startswith("100"):
                self.files[path] = head.split()[2]
        self.folders = {folder for path in self.files for folder in _above(path)}

    def docs(self, path: str) -> list[Any]:
        """Return a file's documents, lists of objects taken apart. Raises Unreadable."""
        return list(_docs(self.files[path]))

    def text(self, path: str) -> str:
        """Return a file's text, with signs in place of what is no text."""
        return _blob(self.files[path]).decode(errors="replace")

    def kustomizations(self, folder: str) -> list[str]:
        """Return the files by which a folder is built; one, where all is as it should be."""
        paths = (posixpath.join(folder, name) for name in KUSTOMIZATIONS)
        return [path for path in paths if path in self.files]

    def manifests(self, folder: str) -> list[str]:
        """Return the YAML files below a folder."""
        start = f"{folder}/" if folder else ""
        return [p for p in self.files if p.startswith(start) and p.endswith(SUFFIXES)]


@cache
def tree(commit: str) -> Tree:
    """Return a commit's tree; a hook's life is one push, so that all may be kept."""
    return Tree(commit)


def joined(folder: str, path: str) -> str:
    """Return a path that was written in a file of a folder, from the repository's root."""
    together = posixpath.normpath(posixpath.join("/", folder, path)).lstrip("/")
    return together if not path.startswith("/") else f"/{together}"


def parse(text: bytes | str) -> list[Any]:
    """Return the documents of a text. Raises Unreadable."""
    if len(text) > LARGEST:
        raise Unreadable(f"it has more than {LARGEST} bytes")
    try:
        found = [doc for doc in yaml.load_all(text, LOADER) if doc is not None]
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise Unreadable(f"{where}{getattr(wrong, 'problem', None) or wrong}") from wrong
    except (ValueError, RecursionError) as wrong:
        raise Unreadable(str(wrong)) from wrong
    return [item for doc in found for item in _taken_apart(doc)]


def plain(value: Any) -> Plain:
    """Return a value as something to compare. Raises Unreadable where it has no end."""
    room = [MOST]

    def walk(part: Any) -> Plain:
        room[0] -= 1
        if room[0] < 0:
            raise Unreadable(f"a document has more than {MOST} values")
        if isinstance(part, Mapping):
            return tuple(sorted(((str(key), walk(each)) for key, each in part.items()), key=str))
        if isinstance(part, list):
            return ("list", *(walk(each) for each in part))
        # 1 and true are equal in Python; in YAML they are not the same.
        return part if isinstance(part, str) else (type(part).__name__, str(part))

    try:
        return walk(value)
    except RecursionError as wrong:
        raise Unreadable("a document is in itself") from wrong


@cache
def _blob(name: str) -> bytes:
    words = ["git", "cat-file", "blob", name]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout


@cache
def _docs(blob: str) -> tuple[Any, ...]:
    return tuple(parse(_blob(blob)))


def _taken_apart(doc: Any) -> Iterator[Any]:
    """Yield a document's objects: kustomize takes every List for what is in it."""
    if isinstance(doc, dict) and str(doc.get("kind", "")).endswith("List"):
        items = doc.get("items")
        if isinstance(items, list):
            yield from items
            return
    yield doc


def _above(path: str) -> Iterator[str]:
    while path:
        path = posixpath.dirname(path)
        yield path
