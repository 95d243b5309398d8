"""What a correction undid: the fields that it changed, what Git says of them and what they were.

Flux corrects within seconds, so nobody can look in between, but the look before the correction has
what was wrong, and the one after it what is right. Of an object of which the metadata alone is
read, labels and annotations are known; what came and went between two looks is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labs.exporter.cluster import Managed, Name
from labs.exporter.fields import LONGEST, Difference

KEPT = 180.0
"""Seconds for which it is told: as long as the alert DriftCorrected is."""
MOST = 5
"""Fields of one object, and"""
OBJECTS = 20
"""objects that are told at a time, the newest."""
OTHERS = ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration")
"""Annotations that the cluster and kubectl keep their books with: nobody's wish."""


@dataclass(frozen=True)
class Content:
    """An object's fields that can be told, by their names, and which object it is."""

    uid: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Undone:
    """A correction: what was otherwise than Git says, and when (Unix seconds) it was put right."""

    differences: tuple[Difference, ...]
    when: float


class Undoings:
    """The last correction of each object, for as long as it is told."""

    def __init__(self) -> None:
        self._contents: dict[Managed, Content] = {}
        self.last: dict[tuple[Name, Managed], Undone] = {}

    def look(
        self,
        contents: Mapping[Managed, Content],
        corrected: Iterable[tuple[Name, Managed]],
        inventory: Iterable[Managed],
        now: float,
        pending: Collection[Managed] = (),
    ) -> None:
        """Take in a look: what there is, what was corrected since the last, and what is managed.

        Of what is `pending`, Drift says later whether it was corrected: it is known as it was.
        """
        found = {key: one for key, one in self.last.items() if now - one.when < KEPT}
        for name, managed in corrected:
            before, after = self._contents.get(managed), contents.get(managed)
            if before is not None and after is not None:
                found.pop((name, managed), None)  # the newest stand last
                found[name, managed] = Undone(_differences(managed, before, after), now)
        self.last = dict(list(found.items())[-OBJECTS:])
        # What is away is known on: it may come back.
        known = set(inventory)
        newer = {managed: one for managed, one in contents.items() if managed not in pending}
        self._contents = {
            managed: one for managed, one in {**self._contents, **newer}.items() if managed in known
        }


def content(managed: Managed, found: Mapping[str, Any]) -> Content:
    """Return what can be told of an object as the API server has it, whole or its metadata."""
    meta = found["metadata"]
    told = {
        "metadata": {key: meta.get(key) for key in ("labels", "annotations")},
        "spec": found.get("spec"),
    }
    values = {
        _named(path, managed.name): text[:LONGEST]
        for path, text in _flat(told)
        if path[-1] not in OTHERS
    }
    return Content(str(meta["uid"]), values)


def _differences(managed: Managed, before: Content, after: Content) -> tuple[Difference, ...]:
    if before.uid != after.uid:
        return (Difference(managed.kind, managed.name, ""),)
    was, says = before.values, after.values
    changed = sorted(key for key in {*was, *says} if was.get(key) != says.get(key))
    return tuple(Difference(key, says.get(key, ""), was.get(key, "")) for key in changed[:MOST])


def _flat(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each value of nested ones; what stands in a list by its own name, if it has one."""
    if isinstance(found, Mapping):
        for key, one in found.items():
            yield from _flat(one, (*path, str(key)))
    elif isinstance(found, list):
        for number, one in enumerate(found):
            name = one.get("name") if isinstance(one, Mapping) else None
            yield from _flat(one, (*path, str(name or number)))
    elif found is not None and path:
        yield path, str(found).lower() if isinstance(found, bool) else str(found)


def _named(path: tuple[str, ...], app: str) -> str:
    """Return a field's name, as labs.exporter.fields calls those that it knows."""
    match path:
        case ("metadata", what, key):
            return f"{what.removesuffix('s')} {key}"
        case ("spec", "template", "metadata", "labels" | "annotations" as what, key):
            return f"pod {what.removesuffix('s')} {key}"
        case ("spec", "template", "spec", "containers", name, *rest):
            where = "" if name == app else f"{name} "
            if rest[0] == "env" and rest[2:] == ["value"]:
                return f"{where}env {rest[1]}"
            return where + ".".join(rest)
    return ".".join(path[1:])
