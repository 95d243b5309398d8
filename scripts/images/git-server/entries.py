"""What in a manifest or a patch says which version of one app runs, as entries to be compared.

Two commits in which an app has the same entries run the same version of it. What cannot be told
for certain counts: an entry too many refuses a push that was harmless, one too few lets a lock be
got round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tree import Plain, plain

CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
LOCAL = "config.kubernetes.io/local-config"
"""An annotation by which kustomize leaves an object out."""


@dataclass(frozen=True)
class Entry:
    """One thing that has a say; how people would put it makes no difference."""

    what: str
    value: Plain
    told: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.told or self.what


def kind_of(doc: Any) -> str:
    """Return an object's kind, or ''."""
    return str(doc.get("kind") or "") if isinstance(doc, dict) else ""


def meta_of(doc: Any) -> dict[str, Any]:
    """Return an object's metadata, or {}."""
    found = doc.get("metadata") if isinstance(doc, dict) else None
    return found if isinstance(found, dict) else {}


def is_deployment(doc: Any, app: str) -> bool:
    """Return whether an object is the Deployment of this name, in whatever namespace."""
    return kind_of(doc) == "Deployment" and str(meta_of(doc).get("name")) == app


def deployment(doc: Any, where: str, at_home: bool) -> Entry:
    """Return the entry of a whole Deployment; in its environment's folder, its file counts."""
    value = (
        where if at_home else "",
        plain(doc.get("apiVersion")),
        plain(meta_of(doc).get("namespace")),
        _left_out(doc),
        tuple(shape(doc)),
    )
    return Entry("Deployment", value, _told(images(doc), where))


def merge_patch(doc: Any, where: str, at_home: bool, rest: Plain = ()) -> Entry | None:
    """Return the entry of a patch that is merged, or None where it has no say in the version."""
    said = [part for part in shape(doc) if part[0] != "container" or part[2] is not None]
    whole = at_home and kind_of(doc) == "Deployment" and bool(said)
    if not said and _left_out(doc) == plain(None) and not rest:
        return None
    namespace = plain(meta_of(doc).get("namespace"))
    value = (where if whole else "", namespace, _left_out(doc), tuple(said), rest)
    return Entry("patch", value, _told(images(doc), where))


def _left_out(doc: Any) -> Plain:
    notes = meta_of(doc).get("annotations")
    return plain(notes.get(LOCAL) if isinstance(notes, dict) else None)


def operations(found: list[Any], where: str) -> Entry | None:
    """Return the entry of a JSON patch's operations that have a say, or None."""
    said = [plain(each) for each in found if _has_a_say(each)]
    return Entry("JSON patch", tuple(said), f"a JSON patch in {where}") if said else None


def _has_a_say(operation: Any) -> bool:
    if not isinstance(operation, dict) or LOCAL in repr(operation):
        return True
    pointers = [str(operation[key]) for key in ("path", "from") if key in operation]
    return not pointers or any(touches(_pointer(each)) for each in pointers)


def _pointer(text: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def field_path(text: str) -> list[str]:
    """Return the parts of a replacement's field path such as `spec.containers.[name=a].image`."""
    if "\\" in text:
        return []
    return re.findall(r"\[[^\]]*\]|[^.\[\]]+", text)


def touches(parts: Sequence[str]) -> bool:
    """Return whether a change at this place of a Deployment, or above or below it, has a say."""
    match list(parts):
        case []:
            return True
        case [first, *_] if first in ("kind", "apiVersion", "*"):
            return True
        case ["metadata", *rest]:
            return not rest or rest[0] in ("name", "namespace", "*")
        case ["spec", *rest]:
            return _of_pods(rest)
    return False


def _of_pods(parts: list[str]) -> bool:
    for wanted in ("template", "spec"):
        if not parts:
            return True
        if parts.pop(0) not in (wanted, "*"):
            return False
    if not parts or parts[0] == "*":
        return True
    if parts[0] not in CONTAINERS:
        return False
    return len(parts) < 3 or parts[2] in ("image", "name", "*")


def shape(doc: Any) -> Iterator[tuple[Any, ...]]:
    """Yield what a Deployment says on the way to its images, and the images themselves."""
    level = doc
    for name in ("spec", "template", "spec"):
        yield from _directives(name, level)
        if name not in level:
            return
        level = level[name]
        if not isinstance(level, dict):
            yield ("odd", name, plain(level))
            return
    yield from _directives("pods", level)
    for section in CONTAINERS:
        found = level.get(section, [])
        if not isinstance(found, list):
            yield ("odd", section, plain(found))
            continue
        for each in found:
            if not isinstance(each, dict):
                yield ("odd", section, plain(each))
                continue
            yield from _directives(section, each)
            image = plain(each["image"]) if "image" in each else None
            yield ("container", (section, plain(each.get("name"))), image)


def images(doc: Any) -> list[str]:
    """Return the images that a Deployment or a patch of one names."""
    return [str(part[2]) for part in shape(doc) if part[0] == "container" and part[2] is not None]


def _directives(where: str, level: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield what tells kustomize to replace or delete, such as `$patch: delete`."""
    for key in level:
        if str(key).startswith("$"):
            yield ("directive", where, str(key), plain(level[key]))


def _told(found: Sequence[str], where: str) -> str:
    return f"{', '.join(found) or 'the Deployment'} in {where}"
