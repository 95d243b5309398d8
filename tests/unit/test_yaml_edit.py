"""Edits of YAML in place: what changes is what was meant, and nothing else in the file."""

from __future__ import annotations

import difflib

import pytest

from labs.errors import LabError
from labs.gitops.yaml_edit import append, comment, drop, put, put_comment
from labs.gitops.yaml_places import Path, Unreadable, load

IMAGE: Path = (0, "spec", "containers", 0, "image")
FILE = """\
# The head comment.
kind: Deployment # a kind
metadata:
  name: hello

  # A comment of its own.
spec:
  containers:
    - name: hello
      image: registry:5000/hello:0.9.0 # {"$imagepolicy": "flux-system:hello"}
      env: [{name: A, value: "1"}]   # odd   spaces
"""


def changed(before: str, after: str) -> list[str]:
    """Return the lines that went and came."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[:1] in "+-"]


def test_one_line_changes_and_its_marker_stays() -> None:
    after = put(FILE, IMAGE, "registry:5000/hello:1.0.0")
    assert changed(FILE, after) == [
        '-       image: registry:5000/hello:0.9.0 # {"$imagepolicy": "flux-system:hello"}',
        '+       image: registry:5000/hello:1.0.0 # {"$imagepolicy": "flux-system:hello"}',
    ]


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("a: old", "a: hello:1.0"),
        ("a: 'old'", "a: 'hello:1.0'"),
        ('a: "old" # kept', 'a: "hello:1.0" # kept'),
        ("a: &anchor old", "a: &anchor hello:1.0"),
        ("a: !!str old", "a: !!str hello:1.0"),
        ("{a: old, b: 1}", "{a: hello:1.0, b: 1}"),
        ("a:", "a: hello:1.0"),
        ("a: # empty", "a: hello:1.0 # empty"),
        ("a: ~", "a: hello:1.0"),
        ("a: old\r\nb: 1\r", "a: hello:1.0\r\nb: 1\r"),
        ("a: old\n---\na: another", "a: hello:1.0\n---\na: another"),
        ("ä: ünïcödé 🎉 # ✓\na: old", "ä: ünïcödé 🎉 # ✓\na: hello:1.0"),
        ("b: 1", "b: 1\na: hello:1.0"),
        ("{b: 1}", '{b: 1, a: "hello:1.0"}'),
        ("{}", '{a: "hello:1.0"}'),
    ],
)
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_value_is_set_however_it_is_written(written: str, becomes: str, end: str) -> None:
    assert put(written + end, (0, "a"), "hello:1.0").rstrip("\n") == becomes


@pytest.mark.parametrize(
    "value",
    ["until the talk is over", "1.0", "yes", "null", "2024-01-01", "- a", "a: b", "a # b", "'",
     '"x"', "[x]", "{x}", "*x", "&x", "!x", "%x", "@x", "`x`", "", " ", "x:", "Grüße 🎉", "0x1F",
     "1e3", "1:30", "\\n", "?", "? a", "...", "a\ttab"],
)  # fmt: skip
@pytest.mark.parametrize(
    "text", ["a:\n  b: 1\n", "a: {b: 1}\n", "a:\n  c: 'x'\n", 'a:\n  c: "x"\n']
)
def test_any_text_is_the_same_text_when_read_again(text: str, value: str) -> None:
    assert load(put(text, (0, "a", "c"), value))[0]["a"]["c"] == value


def test_a_missing_mapping_is_made_below_its_neighbours() -> None:
    after = put(FILE, (0, "metadata", "annotations", "lab/why"), "the talk")
    assert changed(FILE, after) == ["+   annotations:", "+     lab/why: the talk"]
    assert after.index("annotations") < after.index("# A comment of its own")
    assert drop(after, (0, "metadata", "annotations", "lab/why")) == FILE


@pytest.mark.parametrize(
    "metadata",
    [
        "metadata: {name: hello}\n",
        "metadata:\n  name: hello\n  annotations:\n",
        "metadata:\n  name: hello\n  annotations: {}\n",
        "metadata:\n  annotations:\n    x: |\n      two\n\n      lines\n\n  # c\n  name: hello\n",
        "metadata:\n    name: hello\n    labels:\n        app: hello\n",
        "metadata:\n  name: hello\n  labels: &l\n    a: b\nselector: *l\n",
        "metadata:\n  name: hello # last, without an end",
    ],
)
def test_a_key_comes_and_goes_wherever_it_can_stand(metadata: str) -> None:
    path: Path = (0, "metadata", "annotations", "lab/by")
    after = put(metadata, path, "ada")
    assert load(after)[0]["metadata"]["annotations"]["lab/by"] == "ada"
    again = load(drop(after, path))[0]
    before = load(metadata)[0]
    for told in (again, before):
        if not told["metadata"].get("annotations"):
            told["metadata"].pop("annotations", None)
    assert again == before


def test_two_annotations_go_with_their_mapping_and_leave_a_third() -> None:
    text = "m:\n  a:\n    x: 1 # one\n    # about y\n    y: 2\n  b: 3\n"
    assert drop(text, (0, "m", "a", "x")) == "m:\n  a:\n    # about y\n    y: 2\n  b: 3\n"
    assert load(drop(drop(text, (0, "m", "a", "x")), (0, "m", "a", "y")))[0] == {"m": {"b": 3}}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: |\n  old\n", (0, "a")),
        ("a: [old]\n", (0, "a")),
        ("a: &x old\nb: *x\n", (0, "a")),
        ("a: &x old\nb: *x\n", (0, "b")),
        ("a: &x {c: old}\nb: *x\n", (0, "a", "c")),
        ("a: &x {c: old}\nb: *x\n", (0, "b", "c")),
        ("a: {b: 1,\n  c: 2}\n", (0, "a", "d")),
        ("a: text\n", (0, "a", "b")),
    ],
)
def test_what_cannot_be_done_in_place_is_left_alone_and_said(text: str, path: Path) -> None:
    with pytest.raises(LabError, match="cannot be changed in place"):
        put(text, path, "new")


def test_a_file_that_is_no_yaml_is_told_with_its_line() -> None:
    with pytest.raises(Unreadable, match="line 3"):
        put("a: 1\nb: [\n", (0, "a"), "2")


def test_a_marker_is_put_behind_a_value_and_a_comment_that_was_there_moves_up() -> None:
    text = "spec:\n  image: hello:1 # pinned\n  other: 1\n"
    after = put_comment(text, (0, "spec", "image"), '{"$imagepolicy": "a:b"}')
    assert after == 'spec:\n  # pinned\n  image: hello:1 # {"$imagepolicy": "a:b"}\n  other: 1\n'
    assert comment(after, (0, "spec", "image")) == '{"$imagepolicy": "a:b"}'
    again = put_comment(after, (0, "spec", "image"), '{"$imagepolicy": "c:d"}')
    assert changed(after, again) == [
        '-   image: hello:1 # {"$imagepolicy": "a:b"}',
        '+   image: hello:1 # {"$imagepolicy": "c:d"}',
    ]
    with pytest.raises(LabError, match="stands behind the value"):
        put_comment("a: {image: x}\n", (0, "a", "image"), "c")


@pytest.mark.parametrize("indent", ["", "  "])
def test_an_item_is_added_to_a_list(indent: str) -> None:
    text = f"resources:\n{indent}- a.yaml # first\n{indent}- b.yaml\n\n# behind\nother: 1\n"
    after = append(text, (0, "resources"), "staging/hello.yaml")
    assert changed(text, after) == [f"+ {indent}- staging/hello.yaml"]
    with pytest.raises(LabError, match="no list"):
        append("resources: [a]\n", (0, "resources"), "b")
