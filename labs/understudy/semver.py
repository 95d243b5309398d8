"""Versions and ranges by the rules of Masterminds' semver library, which Flux's policies use.

No library for Python has these rules: `~1` and `^0.2`, `x` in any place, hyphens, and above all
that a pre-release counts only in a range that names one. tests/unit/data/masterminds.json holds
what that library itself answers, and this module is held to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

LARGEST = 2**64 - 1
LONGEST_VERSION = 256
LONGEST_RANGE = 512
MOST_ALTERNATIVES = 32

IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
TAIL = rf"(?:-(?P<pre>{IDENTIFIERS}))?(?:\+{IDENTIFIERS})?"
VERSION = re.compile(rf"v?(?P<major>[0-9]+)(?:\.(?P<minor>[0-9]+))?(?:\.(?P<patch>[0-9]+))?{TAIL}")
OPERATOR = r"(?:!=|>=|=>|<=|=<|~>|[=<>~^])?"
WILD = "xX*"
NUMBERS = r"[0-9xX*]+"
PATTERN = rf"v?{NUMBERS}(?:\.{NUMBERS})?(?:\.{NUMBERS})?(?:-{IDENTIFIERS})?(?:\+{IDENTIFIERS})?"
ONE = rf"{OPERATOR}\s*{PATTERN}"
ALL_OF = re.compile(rf"\s*{ONE}\s*(?:(?:\s+|,\s*){ONE}\s*)*", re.ASCII)
EACH = re.compile(rf"({OPERATOR})\s*({PATTERN})", re.ASCII)
PARTS = re.compile(rf"v?({NUMBERS})(?:\.({NUMBERS}))?(?:\.({NUMBERS}))?((?:-{IDENTIFIERS})?)")
HYPHEN = re.compile(rf"\s*({PATTERN})\s+-\s+({PATTERN})\s*", re.ASCII)


class BadRange(ValueError):
    """A text that is no range; its message is the library's own."""


@total_ordering
@dataclass(frozen=True)
class Version:
    """A version; build metadata takes no part in comparing."""

    major: int
    minor: int
    patch: int
    pre: str = ""

    @property
    def numbers(self) -> tuple[int, int, int]:
        return (self.major, self.minor, self.patch)

    def __lt__(self, other: Version) -> bool:
        if self.numbers != other.numbers:
            return self.numbers < other.numbers
        if not self.pre or not other.pre:
            return bool(self.pre) and not other.pre
        return _pre_release_key(self.pre) < _pre_release_key(other.pre)


def parse(text: str) -> Version | None:
    """Return the version that a text stands for, or None. `v1`, `1.2` and `01.2.3` are versions."""
    found = VERSION.fullmatch(text)
    if found is None or len(text) > LONGEST_VERSION:
        return None
    major, minor, patch = (int(found[name] or 0) for name in ("major", "minor", "patch"))
    pre = found["pre"] or ""
    leading_zero = any(p.isdigit() and len(p) > 1 and p[0] == "0" for p in pre.split("."))
    if leading_zero or max(major, minor, patch) > LARGEST:
        return None
    return Version(major, minor, patch, pre)


def parse_tag(tag: str) -> Version | None:
    """Return the version that an image's tag stands for; Flux asks for two dots at least."""
    return parse(tag) if tag.count(".") >= 2 else None


@dataclass(frozen=True)
class Comparator:
    """One comparison: an operator, and a version of which the first `given` numbers were named."""

    operator: str
    base: Version
    given: int

    def allows(self, version: Version) -> bool:
        """Return whether the version stands the comparison, pre-releases taken as they are."""
        match self.operator:
            case "" | "=":
                return version == self.base if self.given == 3 else self._near(version)
            case "!=":
                return self._differs(version)
            case ">":
                if self.given in (1, 2):
                    return version.numbers[: self.given] > self.base.numbers[: self.given]
                return version > self.base
            case ">=" | "=>":
                return version >= self.base
            case "<":
                return version < self.base
            case "<=" | "=<":
                # Of an `x` alone, the library compares major and minor, with 0.
                many = {0: 2, 1: 1, 2: 2}.get(self.given)
                if many is not None:
                    return version.numbers[:many] <= self.base.numbers[:many]
                return version <= self.base
            case "~" | "~>":
                return self._near(version)
            case _:
                return self._compatible(version)

    def _near(self, version: Version) -> bool:
        """`~`: the same minor version, or the same major version where that alone was given."""
        if version < self.base:
            return False
        if self.base.numbers == (0, 0, 0) and self.given in (0, 3):
            return True
        many = 1 if self.given == 1 else 2
        return version.numbers[:many] == self.base.numbers[:many]

    def _compatible(self, version: Version) -> bool:
        """`^`: nothing left of the first number that is not 0 may differ."""
        if version < self.base:
            return False
        many = 3
        if self.base.major > 0 or self.given == 1:
            many = 1
        elif self.base.minor > 0 or self.given == 2:
            many = 2
        return version.numbers[:many] == self.base.numbers[:many]

    def _differs(self, version: Version) -> bool:
        if self.given == 1:
            return version.major != self.base.major
        if self.given == 2:
            same = version.numbers[:2] == self.base.numbers[:2]
            return not same or version.pre != self.base.pre
        return version != self.base


@dataclass(frozen=True)
class Range:
    """A range such as `>=1.2 <2 || ^3.1`: one of its groups must hold, and all of that group."""

    groups: tuple[tuple[Comparator, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Range:
        """Return the range. Raises BadRange."""
        if len(text.encode()) > LONGEST_RANGE:
            raise BadRange(f"constraint string is too long (max {LONGEST_RANGE} bytes)")
        written = HYPHEN.sub(r">= \1, <= \2 ", text)
        groups = written.split("||")
        if len(groups) > MOST_ALTERNATIVES:
            raise BadRange(f"too many constraint groups (max {MOST_ALTERNATIVES})")
        return cls(tuple(_group(group) for group in groups))

    def allows(self, version: Version) -> bool:
        """Return whether a version is in the range; a pre-release only where one is named."""
        return any(
            (not version.pre or any(one.base.pre for one in group))
            and all(one.allows(version) for one in group)
            for group in self.groups
        )


def _group(text: str) -> tuple[Comparator, ...]:
    if ALL_OF.fullmatch(text) is None:
        raise BadRange(f'improper constraint: "{text}"')
    return tuple(_comparator(operator, pattern) for operator, pattern in EACH.findall(text))


def _comparator(operator: str, pattern: str) -> Comparator:
    found = PARTS.match(pattern)
    numbers = found.groups()[:3] if found else ()
    given = 0
    for number in numbers:
        if number is None or number in WILD:
            break
        given += 1
    filled = [*(numbers[:given]), *["0"] * (3 - given)]
    base = parse(".".join(filled) + (found[4] if found else ""))
    if base is None:
        raise BadRange("constraint parser error")
    return Comparator(operator, base, given)


def _pre_release_key(pre: str) -> tuple[tuple[int, int, str], ...]:
    """Return what orders pre-releases: numbers by size and before words, words by their letters."""
    parts = pre.split(".")
    return tuple(
        (0, int(part), "") if part.isdigit() and int(part) <= LARGEST else (1, 0, part)
        for part in parts
    )
