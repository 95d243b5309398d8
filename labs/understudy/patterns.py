"""Regular expressions as Flux has them (Go's), matched by Python's, which are nearly the same.

Where the two differ, the expression is refused: it would mean something else than under Flux.
"""

from __future__ import annotations

import re
import warnings
from re import _parser  # type: ignore[attr-defined]  # not public; nothing else tells
from typing import Any

FOREIGN = {
    "ASSERT": "looking ahead or behind",
    "ASSERT_NOT": "looking ahead or behind",
    "GROUPREF": "a reference back to a group",
    "GROUPREF_EXISTS": "a condition on a group",
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive repetition",
}
"""What Python has and Go does not, by the parser's names."""
NAME = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))", re.ASCII)


class BadPattern(ValueError):
    """An expression that is wrong, or that Go and Python read differently."""


def compile_pattern(text: str) -> re.Pattern[str]:
    """Return the compiled expression. Raises BadPattern."""
    if "[[:" in text or "{," in text:
        raise BadPattern(f"unsupported: {text!r} has a part that only Go reads that way")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            compiled = re.compile(text, re.ASCII)
            foreign = _foreign(_parser.parse(text, re.ASCII))
    except (re.error, FutureWarning) as wrong:
        raise BadPattern(f"invalid regular expression pattern '{text}': {wrong}") from wrong
    if foreign:
        raise BadPattern(f"invalid regular expression pattern '{text}': Go has no {foreign}")
    return compiled


def expand(found: re.Match[str], template: str) -> str:
    """Return a template such as `$ts` or `${major}.$2` filled in; unknown names give nothing."""
    known = {str(number): text or "" for number, text in enumerate([found[0], *found.groups()])}
    known |= {name: text or "" for name, text in found.groupdict().items()}

    def value(reference: re.Match[str]) -> str:
        return "$" if reference[1] else known.get(reference[2] or reference[3], "")

    return NAME.sub(value, template)


def _foreign(parsed: Any) -> str:
    """Return what of an expression Go does not have, or ''."""
    if isinstance(parsed, (list, tuple, _parser.SubPattern)):
        for part in parsed:
            if (name := getattr(part, "name", "")) in FOREIGN:
                return FOREIGN[name]
            if found := _foreign(part):
                return found
    return ""
