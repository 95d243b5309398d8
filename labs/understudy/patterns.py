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
FLAGS = frozenset("imsU-")
"""What Go takes between `(?` and `:` or `)`; Python's own are refused, Go's U by Python itself."""
ESCAPES = frozenset("abfnrtvxdswzABDSW0")
ESCAPES_IN_CLASS = ESCAPES - frozenset("bzAB")
"""The letters and digits that Go takes behind a backslash, of those that Python takes too."""
LARGEST_REPEAT = 1000
"""How often Go has a part repeated, the repetitions around it multiplied."""
REPEATS = ("MAX_REPEAT", "MIN_REPEAT")
GROUP_FLAGS = re.compile(r"\(\?([a-zA-Z-]+)[:)]")
REPEAT = re.compile(r"\{(\d*)(?:,(\d*))?\}")
NAME = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))", re.ASCII)


class BadPattern(ValueError):
    """An expression that is wrong, or that Go and Python read differently."""


def compile_pattern(text: str) -> re.Pattern[str]:
    """Return the compiled expression. Raises BadPattern.

    It is for tags: these are ASCII without white space, so that `$`, `\\s` and `(?i)` mean the same
    to both languages.
    """
    if told := _read_otherwise(text):
        raise BadPattern(f"unsupported: in {text!r}, {told}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            compiled = re.compile(text, re.ASCII)
            parsed = _parser.parse(text, re.ASCII)
            foreign = _foreign(parsed)
            fine = _fits(parsed, LARGEST_REPEAT)
    except (re.error, FutureWarning, ValueError, OverflowError, RecursionError) as wrong:
        raise BadPattern(f"invalid regular expression pattern '{text}': {wrong}") from wrong
    if foreign:
        raise BadPattern(f"invalid regular expression pattern '{text}': Go has no {foreign}")
    if not fine:
        told = f"more than {LARGEST_REPEAT} repetitions"
        raise BadPattern(f"invalid regular expression pattern '{text}': Go has no {told}")
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


def _read_otherwise(text: str) -> str:
    """Return what in the text Go reads otherwise than Python, or ''."""
    if not text.isascii():
        return "Go folds the case of letters beyond ASCII, and no tag has any"
    at, opened = 0, -1  # where the class begins that the scan is in
    while at < len(text):
        told, length = "", 1
        if text[at] == "\\":
            told, length = _escape(text[at + 1 : at + 2], opened >= 0), 2
        elif opened >= 0:
            if text[at] == "]" and at > opened:
                opened = -1
            elif text.startswith("[:", at):
                told = "[: begins a named class in Go"
        elif text[at] == "[":
            length = 2 if text.startswith("[^", at) else 1
            opened = at + length  # a bracket that closes is a sign of its own in this place
        elif text[at] == "(":
            told = _group(text, at)
        elif found := REPEAT.match(text, at):
            told = _repeat(found)
        if told:
            return told
        at += length
    return ""


def _escape(sign: str, in_class: bool) -> str:
    known = ESCAPES_IN_CLASS if in_class else ESCAPES
    if not sign.isalnum() or sign in known:
        return ""
    return f"\\{sign} is none of Go's, or not the same"


def _group(text: str, at: int) -> str:
    if text.startswith("(?#", at):
        return "Go has no comments"
    flags = GROUP_FLAGS.match(text, at)
    foreign = sorted(set(flags[1]) - FLAGS) if flags else []
    return f"Go has no flag {foreign[0]}" if foreign else ""


def _repeat(found: re.Match[str]) -> str:
    """Return what is amiss with braces that Python takes for a repetition."""
    least, most = found[1], found[2]
    if not least and most is not None:
        return "Go takes a repetition without its least number for plain text"
    if any(number and number[0] == "0" and len(number) > 1 for number in (least, most)):
        return "Go takes a repetition with a leading zero for plain text"
    return ""


def _fits(parsed: Any, room: int) -> bool:
    """Return whether Go takes the repetitions: they multiply where one is in another."""
    if isinstance(parsed, tuple) and getattr(parsed[0], "name", "") in REPEATS:
        _, (least, most, inner) = parsed
        times = int(least if most is _parser.MAXREPEAT else most)
        if times > room or least > LARGEST_REPEAT:
            return False
        return _fits(inner, room // times if times else LARGEST_REPEAT)
    if isinstance(parsed, (list, tuple, _parser.SubPattern)):
        return all(_fits(part, room) for part in parsed)
    return True
