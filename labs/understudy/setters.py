"""Edits the values that a marker such as `# {"$imagepolicy": "flux-system:hello"}` stands behind.

Only the value's own characters change: a parser says where each value begins and ends, and all
else in the file stays byte for byte as it is (Flux formats the whole file anew).
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.tokens import KeyToken, ScalarToken

KEY = "$imagepolicy"
TOKEN = f'"{KEY}"'
"""A file without it is not even parsed, so that a chart's template does no harm."""
SUFFIXES = (".yaml", ".yml")
COMMENT = re.compile(r"[ \t]+#+[ \t]*(\{.*\})[ \t]*\r?$")
NOT_A_STRING = re.compile(
    r"""
    y|n|yes|no|on|off|true|false|null|~|                      # words of YAML 1.1
    [-+]?(?:\.inf|\.nan)|
    [-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-f_]+|[0-9][0-9_]*)|   # integers
    [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|         # sexagesimal
    [-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:e[-+]?[0-9]+)?
    """,
    re.IGNORECASE | re.VERBOSE,
)


class Unparsable(ValueError):
    """A file with markers that is no YAML of objects."""


@dataclass(frozen=True)
class ImageRef:
    """An image that a policy has chosen."""

    name: str
    tag: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.tag}" + (f"@{self.digest}" if self.digest else "")

    def field(self, word: str) -> str | None:
        """Return what a marker's last word asks for; '' stands for the whole reference."""
        words = {"": str(self), "tag": self.tag, "name": self.name, "digest": self.digest}
        return words.get(word)


@dataclass(frozen=True)
class Change:
    """One value that was set: what it was, what it is, and by which marker."""

    old: str
    new: str
    setter: str


@dataclass(frozen=True)
class Edited:
    """A text with its marked values set, and what changed."""

    text: str
    changes: tuple[Change, ...]


def is_candidate(path: str) -> bool:
    """Return whether markers count in a file of this name."""
    return path.endswith(SUFFIXES) or posixpath.basename(path) == "Kustomization"


def edit(text: str, images: Mapping[str, ImageRef]) -> Edited:
    """Return the text with the values set whose markers name one of the images.

    `images` are by `namespace:policy`. Raises Unparsable.
    """
    if TOKEN not in text:
        return Edited(text, ())
    _require_objects(text)
    changes: list[Change] = []
    pieces: list[str] = []
    done = 0
    for token in _values(text):
        start, end = token.start_mark.index, token.end_mark.index
        setter = _marker(text, end)
        value = _wanted(setter, images)
        if value is None or value == token.value:
            continue
        pieces += [text[done:start], _written(value, token.style)]
        done = end
        changes.append(Change(str(token.value), value, setter))
    return Edited("".join([*pieces, text[done:]]), tuple(changes))


def _values(text: str) -> Iterator[ScalarToken]:
    """Yield the scalars that are no keys and stand, with their marker, on one line."""
    is_key = False
    for token in _yaml().scan(text):
        if isinstance(token, ScalarToken):
            on_one_line = token.start_mark.line == token.end_mark.line
            if not is_key and on_one_line and token.style not in ("|", ">"):
                yield token
        is_key = isinstance(token, KeyToken)


def _marker(text: str, end: int) -> str:
    """Return what the comment behind a value names, or '' where it is no marker."""
    stop = text.find("\n", end)
    found = COMMENT.match(text[end : stop if stop >= 0 else len(text)])
    if found is None:
        return ""
    try:
        told = json.loads(found[1])
    except ValueError:
        return ""
    strings = all(isinstance(value, str) for value in told.values())
    return str(told.get(KEY, "")) if strings else ""


def _wanted(setter: str, images: Mapping[str, ImageRef]) -> str | None:
    """Return the value for a marker, or None where it names no policy that has chosen."""
    words = setter.split(":")
    if len(words) not in (2, 3):
        return None
    image = images.get(":".join(words[:2]))
    return None if image is None else image.field(words[2] if len(words) == 3 else "")


def _written(value: str, style: str | None) -> str:
    """Return a value as it is written: quoted as before, or quoted so that it stays a string."""
    if style in ("'", '"'):
        return f"{style}{value}{style}"
    return f'"{value}"' if not value or NOT_A_STRING.fullmatch(value) else value


def _require_objects(text: str) -> None:
    """Raise Unparsable unless every document is a mapping (or empty) and every alias is known."""
    anchors: set[str] = set()
    root_is_next = False
    try:
        for event in _yaml().parse(text):
            if root_is_next:
                empty = isinstance(event, ScalarEvent) and not event.value
                if not empty and not isinstance(event, MappingStartEvent):
                    raise Unparsable(f"line {event.start_mark.line + 1}: no object")
            root_is_next = isinstance(event, DocumentStartEvent)
            if root_is_next:
                anchors = set()
            elif isinstance(event, AliasEvent):
                if event.anchor not in anchors:
                    raise Unparsable(f"line {event.start_mark.line + 1}: no *{event.anchor}")
            elif isinstance(event, NodeEvent) and event.anchor:
                anchors.add(str(event.anchor))
    except YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise Unparsable(f"{where}{getattr(wrong, 'problem', None) or wrong}") from wrong


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)
