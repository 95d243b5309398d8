"""Edits YAML where it stands: one value, one line; comments, order, quotes and markers stay.

A parser says where a value begins and ends, the text is changed there and nowhere else, and the
result is read again: unless it says exactly what was meant, and nothing else, nothing is changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from labs.gitops.yaml_places import (
    Path,
    Unreadable,
    end_of,
    key_of,
    load,
    newline_of,
    nodes_to,
    not_in_place,
    plain_yaml,
    rest_of_line,
)
from labs.understudy.setters import NOT_A_STRING

PLAIN = re.compile(r"[A-Za-z0-9/_](?:[\w ./,;()+=@^~<>'!?*-]|:(?=\S))*", re.ASCII)
"""What is surely the same text without quotes."""
PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")


def put(text: str, path: Path, value: str | bool) -> str:
    """Return the text with a value set; where the key is missing, it is added at the end.

    What of the path is not there is made. Raises LabError where it cannot be done in place.
    """

    def meant(documents: list[Any]) -> None:
        place: Any = documents
        for key in path[:-1]:
            if isinstance(place, dict) and place.get(key) is None:
                place[key] = {}
            place = place[key]
        place[path[-1]] = value

    return _checked(text, _put(text, path, value), meant, path)


def drop(text: str, path: Path) -> str:
    """Return the text without a key, and without its mapping if that is then empty."""

    def meant(documents: list[Any]) -> None:
        holder: Any = documents
        for key in path[:-2]:
            holder = holder[key]
        del holder[path[-2]][path[-1]]
        if not holder[path[-2]]:
            del holder[path[-2]]

    *_, mapping, _ = nodes_to(text, path)
    away = path if len(mapping.value) > 1 else path[:-1]
    return _checked(text, _without(text, away), meant, path)


def append(text: str, path: Path, value: str) -> str:
    """Return the text with one more item at the end of a list that has some."""
    *_, node = nodes_to(text, path)
    if not isinstance(node, SequenceNode) or node.flow_style or not node.value:
        raise not_in_place(path, "it is no list of one item for each line")
    line = f"{' ' * node.start_mark.column}- {_written(value)}"

    def meant(documents: list[Any]) -> None:
        place: Any = documents
        for key in path:
            place = place[key]
        place.append(value)

    return _checked(text, _below(text, end_of(text, node), line), meant, path)


def comment(text: str, path: Path) -> str:
    """Return the comment behind a value, without its sign, or ''."""
    *_, node = nodes_to(text, path)
    rest = rest_of_line(text, node)
    return rest.strip().lstrip("#").strip() if rest.lstrip().startswith("#") else ""


def put_comment(text: str, path: Path, words: str) -> str:
    """Return the text with a comment behind a value; one that was there moves to a line above."""
    *_, node = nodes_to(text, path)
    end = node.end_mark.index
    rest = rest_of_line(text, node)
    if rest.strip() and not rest.lstrip().startswith("#"):
        raise not_in_place(path, f"{rest.strip()!r} stands behind the value on its line")
    before = comment(text, path)
    if before.startswith("{"):  # another marker: this one takes its place
        before = ""
    start = text.rfind("\n", 0, node.start_mark.index) + 1
    indent = re.match(r"\s*", text[start:])
    above = f"{indent[0] if indent else ''}# {before}{newline_of(text)}" if before else ""
    line = f"{above}{text[start:end]} # {words}"
    return _checked(text, text[:start] + line + text[end + len(rest) :], lambda _: None, path)


def _put(text: str, path: Path, value: str | bool) -> str:
    nodes = nodes_to(text, path, partly=True)
    node, missing = nodes[-1], path[len(nodes) :]
    if not missing:
        return _with_scalar(text, nodes, path, value)
    if isinstance(node, ScalarNode) and str(node.tag).endswith(":null") and len(nodes) > 1:
        key = key_of(nodes[-2], node)
        block = _block(missing, value, key.start_mark.column + 2)
        return _below(text, max(key.end_mark.index + 1, node.end_mark.index), block)
    if not isinstance(node, MappingNode):
        raise not_in_place(path, "what should hold it is no mapping")
    if node.flow_style:
        inside = text[node.start_mark.index : node.end_mark.index]
        comma = ", " if node.value else ""
        flow = _flow(missing, value)
        cut = node.end_mark.index - 1
        if "#" in inside or "\n" in inside:
            raise not_in_place(path, "a mapping in braces goes over several lines")
        return f"{text[:cut].rstrip()}{comma}{flow}{text[cut:]}"
    return _below(text, end_of(text, node), _block(missing, value, node.start_mark.column))


def _with_scalar(text: str, nodes: list[Node], path: Path, value: str | bool) -> str:
    node = nodes[-1]
    if not isinstance(node, ScalarNode) or node.style in ("|", ">"):
        raise not_in_place(path, "it is not a value on one line")
    start, end = node.start_mark.index, node.end_mark.index
    if start == end:  # nothing stands there: it goes right behind the key's colon
        colon = text.index(":", key_of(nodes[-2], node).end_mark.index) + 1
        return f"{text[:colon]} {_written(value)}{text[colon:]}"
    properties = PROPERTIES.match(text, start, end)
    start = properties.end() if properties else start
    return text[:start] + _written(value, node.style) + text[end:]


def _without(text: str, path: Path) -> str:
    *_, mapping, value = nodes_to(text, path)
    if not isinstance(mapping, MappingNode):
        raise not_in_place(path, "what holds it is no mapping")
    key = key_of(mapping, value)
    if mapping.flow_style:
        start, end = mapping.start_mark.index, mapping.end_mark.index
        if "#" in text[start:end] or "\n" in text[start:end]:
            raise not_in_place(path, "a mapping in braces goes over several lines")
        kept = [
            text[one.start_mark.index : other.end_mark.index]
            for one, other in mapping.value
            if one is not key
        ]
        return f"{text[:start]}{{{', '.join(kept)}}}{text[end:]}"
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    if text[start : key.start_mark.index].strip():
        raise not_in_place(path, "it shares its line with something else")
    stop = text.find("\n", max(end_of(text, value), key.end_mark.index))
    return text[:start] + (text[stop + 1 :] if stop >= 0 else "")


def _below(text: str, place: int, block: str) -> str:
    """Return the text with lines put below the one in which `place` is."""
    newline = newline_of(text)
    stop = text.find("\n", min(place, len(text)))
    lines = block.replace("\n", newline)
    if stop < 0:
        return f"{text}{newline}{lines}{newline}"
    return f"{text[: stop + 1]}{lines}{newline}{text[stop + 1 :]}"


def _block(keys: Sequence[str | int], value: str | bool, column: int) -> str:
    lines = [f"{' ' * (column + 2 * n)}{_written(str(key))}:" for n, key in enumerate(keys)]
    lines[-1] += f" {_written(value)}"
    return "\n".join(lines)


def _flow(keys: Sequence[str | int], value: str | bool) -> str:
    inner = f"{_written(str(keys[-1]))}: {_quoted(value)}"
    for key in reversed(keys[:-1]):
        inner = f"{_written(str(key))}: {{{inner}}}"
    return inner


def _written(value: str | bool, style: str | None = None) -> str:
    """Return a value as it is written: in the quotes that were there, or such as it needs."""
    if isinstance(value, bool):
        return str(value).lower()
    if style == "'" and "\n" not in value:
        return "'" + value.replace("'", "''") + "'"
    plain = PLAIN.fullmatch(value) and not NOT_A_STRING.fullmatch(value) and value[-1] != " "
    if plain and style != '"' and plain_yaml().load(value) == value:  # a date is a string, too
        return value
    return _quoted(value)


def _quoted(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)


def _checked(text: str, changed: str, change: Callable[[list[Any]], None], path: Path) -> str:
    """Return the changed text if, read again, it says what was meant and all else as before."""
    meant = _copied(load(text))
    change(meant)
    try:
        said = load(changed)
    except Unreadable as broken:
        raise not_in_place(path, f"what comes of it is no YAML ({broken.found})") from broken
    if said != meant:
        raise not_in_place(path, "something else would change with it")
    return changed


def _copied(value: Any) -> Any:
    """Return a copy in which what was one by an alias is two: only one of them is meant."""
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value
