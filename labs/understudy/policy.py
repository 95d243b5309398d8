"""Chooses the newest of an image's tags, as an ImagePolicy's spec says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from labs.understudy.patterns import BadPattern, compile_pattern, expand
from labs.understudy.semver import BadRange, Range, parse_tag

EMPTY = "version list argument cannot be empty"
NONE = "unable to determine latest version from provided list"


class InvalidPolicy(ValueError):
    """A policy that can choose nothing whatever the tags are."""


class NoChoice(ValueError):
    """No tag fits the policy, or one of them cannot be judged by it."""


def latest(tags: Iterable[str], spec: Mapping[str, Any]) -> str:
    """Return the tag that an ImagePolicy's spec chooses. Raises InvalidPolicy or NoChoice."""
    choose = chooser(spec["policy"])
    candidates = filtered(tags, spec.get("filterTags"))
    if not candidates:
        raise NoChoice(EMPTY)
    return candidates[choose(list(candidates))]


def chooser(policy: Mapping[str, Any]) -> Callable[[Sequence[str]], str]:
    """Return what chooses among candidates. Raises InvalidPolicy."""
    if policy.get("semver") is not None:
        try:
            allowed = Range.parse(policy["semver"]["range"])
        except BadRange as wrong:
            raise InvalidPolicy(f"invalid policy: {wrong}") from wrong
        return lambda candidates: by_semver(candidates, allowed)
    if policy.get("alphabetical") is not None:
        ascending = _ascending(policy["alphabetical"])
        return lambda candidates: max(candidates) if ascending else min(candidates)
    if policy.get("numerical") is not None:
        ascending = _ascending(policy["numerical"])
        return lambda candidates: by_number(candidates, ascending)
    raise InvalidPolicy("invalid policy: given ImagePolicyChoice object is invalid")


def filtered(tags: Iterable[str], rules: Mapping[str, str] | None) -> dict[str, str]:
    """Return the candidates, each with its tag: the tag itself, or what was extracted from it.

    They come in descending order of the tags. Raises InvalidPolicy.
    """
    ordered = sorted(tags, reverse=True)
    if rules is None:
        return {tag: tag for tag in ordered}
    try:
        pattern = compile_pattern(rules.get("pattern", ""))
    except BadPattern as wrong:
        raise InvalidPolicy(f"failed to filter tags: {wrong}") from wrong
    extract = rules.get("extract", "")
    found = ((tag, pattern.search(tag)) for tag in ordered)
    return {expand(match, extract) if extract else tag: tag for tag, match in found if match}


def by_semver(candidates: Sequence[str], allowed: Range) -> str:
    """Return the highest version in the range; what is no version does not count."""
    best: str | None = None
    highest = None
    for candidate in candidates:
        version = parse_tag(candidate)
        if version is None or not allowed.allows(version):
            continue
        if highest is None or version > highest:
            best, highest = candidate, version
    if best is None:
        raise NoChoice(NONE)
    return best


def by_number(candidates: Sequence[str], ascending: bool) -> str:
    """Return the candidate with the largest number, or the smallest; all must be numbers."""
    best = candidates[0]
    leading = _number(best)
    for candidate in candidates[1:]:
        number = _number(candidate)
        if number < leading if ascending else number > leading:
            continue
        best, leading = candidate, number
    return best


def _number(text: str) -> float:
    """Return a number as Go's ParseFloat reads it. Raises NoChoice."""
    refused = NoChoice(f"failed to parse invalid numeric value '{text}'")
    unsigned = text.lstrip("+-").lower()
    if "_" in text or text != text.strip():
        raise refused
    try:
        if unsigned.startswith("0x"):
            if "p" not in unsigned:
                raise refused
            return float.fromhex(text)
        number = float(text)
    except (ValueError, OverflowError) as wrong:
        raise refused from wrong
    if math.isinf(number) and "inf" not in unsigned:
        raise refused  # too large for a float: Go calls that an error
    return number


def _ascending(rules: Mapping[str, Any]) -> bool:
    return str(rules.get("order") or "asc").lower() == "asc"
