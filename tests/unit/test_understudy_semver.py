"""Versions and ranges, held to what Masterminds' own library answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labs.understudy import semver
from labs.understudy.semver import BadRange, Range

TABLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "masterminds.json").read_text()
)
VERSIONS: list[str] = TABLE["versions"]


def answer(text: str) -> str:
    """Return the range's row as the table has it."""
    try:
        found = Range.parse(text)
    except BadRange:
        return "error"
    parsed = [semver.parse(version) for version in VERSIONS]
    return "".join("y" if version and found.allows(version) else "-" for version in parsed)


def test_the_table_is_not_empty() -> None:
    assert len(TABLE["ranges"]) > 700
    assert len(VERSIONS) > 50


def test_what_is_a_version_and_what_is_not() -> None:
    assert [version for version in VERSIONS if semver.parse(version) is None] == []
    assert [version for version in TABLE["no_versions"] if semver.parse(version)] == []


def test_versions_are_ordered_as_there() -> None:
    parsed = [version for text in VERSIONS if (version := semver.parse(text))]
    rows = ["".join("=" if a == b else "<" if a < b else ">" for b in parsed) for a in parsed]
    assert rows == TABLE["order"]


@pytest.mark.parametrize("text", sorted(TABLE["ranges"]), ids=lambda text: text[:40] or "empty")
def test_a_range_holds_what_it_holds_there(text: str) -> None:
    assert answer(text) == TABLE["ranges"][text]


@pytest.mark.parametrize(
    ("tag", "counts"),
    [("1.2.3", True), ("v1.2.3", True), ("1.2", False), ("1", False), ("latest", False),
     ("1.2.3-rc.1", True), ("1.0-rc.1", True), ("2024.01.02", True), ("sha-1a2b3c4", False)],
)  # fmt: skip
def test_a_tag_needs_two_dots(tag: str, counts: bool) -> None:
    assert (semver.parse_tag(tag) is not None) == counts
