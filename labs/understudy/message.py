"""Commit messages: of Go's template language, as much as the lab's own messages use.

    {{ .Values.KEY }}                          from messageTemplateValues
    {{ .AutomationObject }} (.Name, .Namespace)
    {{ range .Changed.Changes }} … {{ .OldValue }} {{ .NewValue }} {{ .Setter }} … {{ end }}
    {{- … -}}                                  takes the white space before or behind it away

A template with anything else is refused as a whole, before a commit is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labs.understudy.setters import Change

DEFAULT = "Update from image update automation"
ACTION = re.compile(r"\{\{(-(?=\s))?\s*(.*?)\s*((?<=\s)-)?\}\}", re.DOTALL)
RANGE = re.compile(r"range\s+\.Changed\.Changes")
FIELD = re.compile(r"\.(OldValue|NewValue|Setter)")
VALUE = re.compile(r"\.Values\.([A-Za-z_][A-Za-z0-9_]*)")
OBJECT = re.compile(r"\.AutomationObject(\.Name|\.Namespace)?")
NO_VALUE = "<no value>"
"""What Go writes for a key that is not there."""


class UnsupportedTemplate(ValueError):
    """A template that uses more than is covered; the message quotes the part."""


@dataclass(frozen=True)
class Data:
    """What a template may show."""

    namespace: str
    name: str
    values: Mapping[str, str]
    changes: Sequence[Change]


@dataclass(frozen=True)
class Template:
    """A template that was read: texts and actions in turn, the text of a range apart."""

    before: tuple[str, ...]
    each: tuple[str, ...] | None = None
    after: Template | None = None

    def render(self, data: Data) -> str:
        """Return the message."""
        text = "".join(_shown(part, data, None) for part in self.before)
        if self.each is not None:
            for change in _unique(data.changes):
                text += "".join(_shown(part, data, change) for part in self.each)
        return text + (self.after.render(data) if self.after else "")


def read(text: str) -> Template:
    """Return the template. Raises UnsupportedTemplate."""
    return _template(_parts(text or DEFAULT))


def _parts(text: str) -> list[str]:
    """Return texts and actions in turn; an action is what stands between the braces."""
    parts: list[str] = []
    done = 0
    trim = False
    for found in ACTION.finditer(text):
        before = text[done : found.start()]
        before = before.lstrip(" \t\r\n") if trim else before
        parts += [before.rstrip(" \t\r\n") if found[1] else before, found[2]]
        done, trim = found.end(), bool(found[3])
    last = text[done:]
    parts.append(last.lstrip(" \t\r\n") if trim else last)
    for plain in parts[::2]:
        if "{{" in plain:
            raise UnsupportedTemplate(f"unsupported: an action without an end: {plain[:40]!r}")
    return parts


def _template(parts: Sequence[str]) -> Template:
    before: list[str] = []
    for index, part in enumerate(parts):
        if index % 2 and RANGE.fullmatch(part):
            rest = list(parts[index + 1 :])
            if "end" not in rest[1::2]:
                raise UnsupportedTemplate("unsupported: a range without an end")
            end = 1 + 2 * rest[1::2].index("end")
            each = [_checked(word, n % 2 == 1, in_range=True) for n, word in enumerate(rest[:end])]
            return Template(tuple(before), tuple(each), _template(rest[end + 1 :]))
        before.append(_checked(part, index % 2 == 1, in_range=False))
    return Template(tuple(before))


def _checked(part: str, is_action: bool, *, in_range: bool) -> str:
    """Return a part, an action with its braces. Raises UnsupportedTemplate for an unknown one."""
    if not is_action:
        return part
    known = FIELD.fullmatch(part) if in_range else VALUE.fullmatch(part) or OBJECT.fullmatch(part)
    if known is None:
        where = " in a range" if in_range else ""
        raise UnsupportedTemplate(f"unsupported: {{{{ {part} }}}}{where} in messageTemplate")
    return f"{{{{{part}}}}}"


def _shown(part: str, data: Data, change: Change | None) -> str:
    if not part.startswith("{{"):
        return part
    word = part[2:-2]
    if change is not None:
        return {".OldValue": change.old, ".NewValue": change.new, ".Setter": change.setter}[word]
    if found := VALUE.fullmatch(word):
        return data.values.get(found[1], NO_VALUE)
    whole = f"{data.namespace}/{data.name}"
    return {".Name": data.name, ".Namespace": data.namespace}.get(word[17:], whole)


def _unique(changes: Sequence[Change]) -> list[Change]:
    """Return each change once, as Flux's `.Changed.Changes` does."""
    return list(dict.fromkeys(changes))
