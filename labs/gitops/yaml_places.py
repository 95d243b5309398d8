"""Where a value stands in a text of YAML: a parser says where each begins and ends."""

from __future__ import annotations

from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from labs.errors import LabError

Path: TypeAlias = tuple[str | int, ...]
"""The number of a document in its file, then the keys and positions that lead to a value."""


class Unreadable(LabError):
    """A file that is no YAML; the message says where."""


def load(text: str) -> list[Any]:
    """Return the documents of a text as plain values. Raises Unreadable."""
    try:
        return list(plain_yaml().load_all(text))
    except YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise Unreadable(
            f"{where}{getattr(wrong, 'problem', None) or wrong}",
            expected="YAML",
            todo="mend it by hand, or `git revert` the commit that broke it",
        ) from wrong


def nodes_to(text: str, path: Path, *, partly: bool = False) -> list[Node]:
    """Return the nodes on the way to a value, the document first; `partly`: as far as they go."""
    document, *rest = path
    assert isinstance(document, int)
    load(text)  # raises where it cannot be read
    found: list[Node] = [list(plain_yaml().compose_all(text))[document]]
    for key in rest:
        node = _child(found[-1], key)
        if node is None:
            if partly:
                return found
            raise not_in_place(path, f"there is no {key!r}")
        if node.start_mark.index < found[-1].start_mark.index:
            raise not_in_place(path, f"{key!r} is an alias: its text stands elsewhere")
        found.append(node)
    return found


def key_of(mapping: Node, value: Node) -> Node:
    """Return the key under which a mapping has a value."""
    found: Node = next(key for key, one in mapping.value if one is value)
    return found


def end_of(text: str, node: Node) -> int:
    """Return where a node's own text ends: not the comments and blank lines that follow it."""
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        return _end_of_block(text, node)
    if not isinstance(node, CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    if isinstance(node, SequenceNode):
        return end_of(text, node.value[-1])
    key, value = node.value[-1]
    return max(int(key.end_mark.index) + 1, end_of(text, value))


def rest_of_line(text: str, node: Node) -> str:
    """Return what stands behind a value on its line."""
    stop = text.find("\n", node.end_mark.index)
    rest = text[node.end_mark.index : stop if stop >= 0 else len(text)]
    return rest.removesuffix("\r")


def newline_of(text: str) -> str:
    """Return how the text ends its lines."""
    return "\r\n" if "\r\n" in text else "\n"


def not_in_place(path: Path, why: str) -> LabError:
    """Return the error for a value that is written in another way than the engine changes."""
    where = ".".join(str(part) for part in path[1:])
    return LabError(
        f"{where} cannot be changed in place: {why}",
        expected="a value on a line of its own, as the config repo comes with it",
        todo="change it by hand: edit, `git diff`, commit, push",
    )


def plain_yaml() -> YAML:
    """Return the parser: plain values, and places that are exact."""
    return YAML(typ="safe", pure=True)


def _child(node: Node, key: str | int) -> Node | None:
    if isinstance(node, SequenceNode) and isinstance(key, int):
        return node.value[key] if key < len(node.value) else None
    if isinstance(node, MappingNode):
        return next((value for one, value in node.value if one.value == key), None)
    return None


def _end_of_block(text: str, node: Node) -> int:
    """Return where the last line of a `|` or `>` text ends that is not blank."""
    end = text.find("\n", node.start_mark.index)
    depth = -1
    place = end
    while 0 <= place < len(text) - 1:
        stop = text.find("\n", place + 1)
        stop = len(text) if stop < 0 else stop
        line = text[place + 1 : stop]
        indent = len(line) - len(line.lstrip())
        if line.strip():
            depth = indent if depth < 0 else depth
            if indent < depth or indent == 0:
                break
            end = stop
        place = stop
    return end if end >= 0 else len(text)
