"""What an ImagePolicy chooses, in the corner cases of Flux's documentation too."""

from __future__ import annotations

from typing import Any

import pytest

from labs.understudy.patterns import BadPattern, compile_pattern, expand
from labs.understudy.policy import InvalidPolicy, NoChoice, filtered, latest


def semver(text: str, **more: Any) -> dict[str, Any]:
    return {"policy": {"semver": {"range": text}}, **more}


LAB = ["0.9.0", "1.0.0", "1.1.0", "1.2.0", "1.3.0", "2.0.0", "2.1.0", "latest", "sha-1a2b3c4"]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (">=0.1.0", "2.1.0"),
        ("1.x", "1.3.0"),
        ("~1.1", "1.1.0"),
        ("^1.1.0 !=1.3.0", "1.2.0"),
        ("<1.0.0 || 2.0.x", "2.0.0"),
        ("1.0 - 1.2", "1.2.0"),
        ("*", "2.1.0"),
    ],
)
def test_semver_takes_the_highest_in_the_range(text: str, tag: str) -> None:
    assert latest(LAB, semver(text)) == tag


@pytest.mark.parametrize(
    ("tags", "text", "tag"),
    [
        (["1.0.0", "1.1.0-rc.1"], ">=1.0.0", "1.0.0"),
        (["1.0.0", "1.1.0-rc.1"], ">=1.0.0-0", "1.1.0-rc.1"),
        (["1.0.0", "1.1.0-rc.1", "1.1.0-rc.11", "1.1.0-rc.2"], "^1.0-0", "1.1.0-rc.11"),
        (["v1.0.0", "v1.2.0", "1.1.0"], ">=1", "v1.2.0"),
        (["v1.0.0", "1.0.0"], ">=1", "v1.0.0"),  # equal: the first in descending order
        (["1.0.0_build", "1.0", "2", "1.0.1"], "*", "1.0.1"),
        (["1.0.9", "1.0.10"], "1.0.x", "1.0.10"),
    ],
)
def test_semver_and_tags_of_all_kinds(tags: list[str], text: str, tag: str) -> None:
    assert latest(tags, semver(text)) == tag


def test_nothing_in_the_range_is_told() -> None:
    with pytest.raises(NoChoice, match="unable to determine latest version from provided list"):
        latest(LAB, semver(">=3"))


@pytest.mark.parametrize("text", ["", "a", ">=1.2,,<2", "^1.2.3.4"])
def test_a_range_that_is_none_is_invalid(text: str) -> None:
    with pytest.raises(InvalidPolicy, match=r"invalid policy: improper constraint"):
        latest(LAB, semver(text))


def test_a_policy_that_says_nothing_is_invalid() -> None:
    with pytest.raises(InvalidPolicy, match="ImagePolicyChoice"):
        latest(LAB, {"policy": {}})


@pytest.mark.parametrize(
    ("order", "tag"), [(None, "9"), ("asc", "9"), ("desc", "1")], ids=["default", "asc", "desc"]
)
def test_alphabetical_goes_by_letters(order: str | None, tag: str) -> None:
    rules = {} if order is None else {"order": order}
    assert latest(["1", "10", "9"], {"policy": {"alphabetical": rules}}) == tag


@pytest.mark.parametrize(("order", "tag"), [("asc", "10"), ("desc", "1")])
def test_numerical_goes_by_size(order: str, tag: str) -> None:
    assert latest(["1", "10", "9"], {"policy": {"numerical": {"order": order}}}) == tag


@pytest.mark.parametrize("wrong", ["latest", "1_0", "v1", "1e999", "0x1f", ""])
def test_numerical_wants_numbers_only(wrong: str) -> None:
    with pytest.raises(NoChoice, match=f"failed to parse invalid numeric value '{wrong}'"):
        latest(["1", wrong], {"policy": {"numerical": {"order": "asc"}}})


@pytest.mark.parametrize(("text", "fine"), [("1.5", "1.5"), ("2e3", "2e3"), ("0x1p4", "0x1p4")])
def test_numerical_reads_what_go_reads(text: str, fine: str) -> None:
    assert latest(["1", text], {"policy": {"numerical": {}}}) == fine


def test_a_filter_extracts_what_is_compared_and_gives_back_the_tag() -> None:
    tags = ["main-1a2b-1700", "main-9f8e-1800", "dev-0000-9999", "1.0.0"]
    rules = {"pattern": r"^main-[a-f0-9]+-(?P<ts>[0-9]+)$", "extract": "$ts"}
    spec = {"policy": {"numerical": {"order": "asc"}}, "filterTags": rules}
    assert latest(tags, spec) == "main-9f8e-1800"


@pytest.mark.parametrize(
    ("extract", "candidate"),
    [("$1", "7"), ("${1}", "7"), ("$n", "7"), ("${n}.0", "7.0"), ("$nx", ""), ("$$1", "$1"),
     ("", "rc-7"), ("$0!", "rc-7!"), ("$9", ""), ("$ 1", "$ 1")],
)  # fmt: skip
def test_templates_are_gos(extract: str, candidate: str) -> None:
    rules = {"pattern": r"^rc-(?P<n>\d+)$", "extract": extract}
    assert filtered(["rc-7"], rules) == {candidate: "rc-7"}


def test_a_filter_that_leaves_nothing_is_told() -> None:
    with pytest.raises(NoChoice, match="cannot be empty"):
        latest(LAB, semver("*", filterTags={"pattern": "^never$"}))


def test_a_filter_may_match_anywhere() -> None:
    assert latest(["1.0.0-alpine", "1.1.0"], semver("*-0", filterTags={"pattern": "alpine"})) == (
        "1.0.0-alpine"
    )


@pytest.mark.parametrize(
    "text",
    ["(?=1)", "(?<!a)b", r"(a)\1", "(?>a)", "a++", "[[:alpha:]]", r"\pL", "(", "a{,3}", "[a-",
     r"1\Z", "(?x)a b", "(?x:a b)", "(?#c)", "(?a)x", "(?u)a", "(?L)a", "(?i-x:a)", r"\u0041",
     r"\U00000041", r"\N{BULLET}", r"[\b]", r"[\1]", r"\é", "(?i)\u017f", "(?i)[\u212a]",
     "[a[:digit:]]", "[^[:digit:]]", "[][:digit:]]", "[a&&b]",
     "a{1001}", "a{1001,}", "a{2,1001}", "(a{50}){50}", "(?:(a{1001}){0})b", "a{4294967296}",
     "a{01}", "a{1,02}", "a{,}", "(" * 5000, "(" * 5000 + ")" * 5000],
)  # fmt: skip
def test_what_go_does_not_read_that_way_is_refused(text: str) -> None:
    with pytest.raises(BadPattern):
        compile_pattern(text)


@pytest.mark.parametrize(
    "text",
    [r"^v?(\d+)\.(\d+)$", "(?i)RC", "(?:a|b)+?", "[^-]+", r"\bx\b", "a{2,3}", "(?P<ts>[0-9]+)",
     r"\A[:,]\x41\.\_\0", "[]{,3}(?#]", r"[^\]x(?#]", r"\[:alpha:]", r"\(?#", r"[\w.\-]",
     "(?ms-i:a)", "(a{20}){50}", "(a{2,}){500}", "(?:a{0}){1000}", "((a+)*){1000}", "a{0}",
     "a{0,1}", "{}", "a{"],
)  # fmt: skip
def test_what_both_read_alike_is_taken(text: str) -> None:
    assert compile_pattern(text).pattern == text


def test_a_group_that_took_no_part_gives_nothing() -> None:
    found = compile_pattern("(a)|(b)").search("b")
    assert found is not None
    assert expand(found, "[$1][$2]") == "[][b]"
