"""Setter edits: the value of a marked line changes, and not one byte besides."""

from __future__ import annotations

import pytest

from labs.understudy.setters import Change, ImageRef, Unparsable, edit, is_candidate

DIGEST = "sha256:" + "6" * 64
HELLO = ImageRef("registry:5000/hello", "1.2.0", DIGEST)
PLAIN = ImageRef("registry:5000/hello", "1.2.0")
IMAGES = {"flux-system:hello": PLAIN, "flux-system:pinned": HELLO}
MARK = '# {"$imagepolicy": "flux-system:hello"}'


def edited(text: str, images: dict[str, ImageRef] = IMAGES) -> str:
    return edit(text, images).text


def test_one_value_changes_and_nothing_else() -> None:
    text = (
        "# head\n\napiVersion: apps/v1   # odd   spacing\nkind:    Deployment\nspec:\n"
        "    template: {spec: {x: 1}}\n    list:\n    - a\n    -   b\n"
        f"    image:   registry:5000/hello:0.9.0    {MARK}  \n"
        "    other: 'registry:5000/hello:0.9.0'\n\n\n# foot, no newline at the end"
    )
    assert edited(text) == text.replace("hello:0.9.0    #", "hello:1.2.0    #")


def test_what_changed_is_told() -> None:
    found = edit(f"image: registry:5000/hello:0.9.0 {MARK}\n", IMAGES)
    change = Change("registry:5000/hello:0.9.0", "registry:5000/hello:1.2.0", "flux-system:hello")
    assert found.changes == (change,)


def test_a_value_that_is_right_is_no_change() -> None:
    found = edit(f"image: registry:5000/hello:1.2.0 {MARK}\n", IMAGES)
    assert found.changes == ()


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("", f"registry:5000/hello:1.2.0@{DIGEST}"),
        (":tag", "1.2.0"),
        (":name", "registry:5000/hello"),
        (":digest", DIGEST),
    ],
)
def test_a_marker_may_ask_for_a_part(word: str, value: str) -> None:
    mark = f'# {{"$imagepolicy": "flux-system:pinned{word}"}}'
    assert edited(f"a: old {mark}\n") == f"a: {value} {mark}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [("'old'", "'{}'"), ('"old"', '"{}"'), ("old", "{}"), ("&here old", "&here {}"),
     ("!!str old", "!!str {}"), ("''", "'{}'")],
)  # fmt: skip
def test_quotes_anchors_and_tags_stay(before: str, after: str) -> None:
    wanted = after.format("registry:5000/hello:1.2.0")
    assert edited(f"image: {before} {MARK}\n") == f"image: {wanted} {MARK}\n"


@pytest.mark.parametrize(
    "tag", ["1", "1.0", "1e3", "0x1f", "12_000", "on", "no", "null", "1:30", ".5"]
)
def test_a_tag_that_would_be_no_string_is_quoted(tag: str) -> None:
    mark = '# {"$imagepolicy": "flux-system:hello:tag"}'
    images = {"flux-system:hello": ImageRef("hello", tag)}
    assert edited(f"tag: 1.2.0 {mark}\n", images) == f'tag: "{tag}" {mark}\n'
    assert edited(f"tag: '1.2.0' {mark}\n", images) == f"tag: '{tag}' {mark}\n"


@pytest.mark.parametrize("tag", ["1.2.0", "v1", "1.2.0-rc.1", "main-1a2b-1700", "2024.01.02"])
def test_a_tag_that_is_a_string_is_not_quoted(tag: str) -> None:
    mark = '# {"$imagepolicy": "flux-system:hello:tag"}'
    images = {"flux-system:hello": ImageRef("hello", tag)}
    assert edited(f"tag: 1.1.0 {mark}\n", images) == f"tag: {tag} {mark}\n"


def test_a_digest_that_is_not_known_leaves_an_empty_string() -> None:
    mark = '# {"$imagepolicy": "flux-system:hello:digest"}'
    assert edited(f"digest: {DIGEST} {mark}\n") == f'digest: "" {mark}\n'


@pytest.mark.parametrize(
    "comment",
    [
        '# {"$imagepolicy": "flux-system:unknown"}',
        '# {"$imagepolicy": "other:hello"}',
        '# {"$imagepolicy": "flux-system:hello:part"}',
        '# {"$imagepolicy": "hello"}',
        '# {"$imagepolicy": "flux-system:hello"} and more',
        '# see {"$imagepolicy": "flux-system:hello"}',
        '# {"$imagepolicy": "flux-system:hello", "n": 1}',
        '# {"$imagepolicy": "flux-system:hello"',
        '# {"$openapi": "$imagepolicy"}, "$imagepolicy"',
    ],
)
def test_what_is_no_marker_changes_nothing(comment: str) -> None:
    text = f"image: registry:5000/hello:0.9.0 {comment}\n"
    assert edited(text) == text


@pytest.mark.parametrize(
    "comment",
    ['#{"$imagepolicy":"flux-system:hello"}', '##  {"$imagepolicy": "flux-system:hello"}',
     '# {"$imagepolicy": "flux-system:hello", "why": "because"}'],
)  # fmt: skip
def test_a_marker_may_be_written_in_several_ways(comment: str) -> None:
    assert edited(f"image: old {comment}\n") == f"image: registry:5000/hello:1.2.0 {comment}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"image: {MARK}\n",
        f"image: {MARK}\n  old\n",
        f"{MARK}\nimage: old\n",
        f"image: |  {MARK}\n  old\n",
        f"image: {{name: old}} {MARK}\n",
        f"images: [old] {MARK}\n",
        f"image: old  # not this\n{MARK}\n",
        f"? old {MARK}\n: x\n",
        f'image: "old # {MARK[2:].replace(chr(34), chr(39))}"\nx: \'"$imagepolicy"\'\n',
    ],
)
def test_a_marker_counts_behind_one_value_on_its_line(text: str) -> None:
    assert edited(text) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"- old {MARK}\n- old\n", None),
        (f"a:\n- old {MARK}\n- old\n", f"a:\n- registry:5000/hello:1.2.0 {MARK}\n- old\n"),
        (f"a: [x,\n  old {MARK}\n  ]\n", f"a: [x,\n  registry:5000/hello:1.2.0 {MARK}\n  ]\n"),
        (f"a: 1\nb: old {MARK}", f"a: 1\nb: registry:5000/hello:1.2.0 {MARK}"),
    ],
    ids=["a list is no object", "item", "flow", "last line"],
)
def test_where_a_marked_value_may_stand(text: str, wanted: str | None) -> None:
    if wanted is None:
        with pytest.raises(Unparsable):
            edit(text, IMAGES)
    else:
        assert edited(text) == wanted


def test_several_markers_and_documents() -> None:
    tag = '# {"$imagepolicy": "flux-system:pinned:tag"}'
    text = (
        f"---\na: x {MARK}\nb: x {tag}\n---\n# only a comment\n---\nc: x {MARK}\n"
        f"d: &d x {MARK}\ne: *d\n...\n---\nf: x # plain\n"
    )
    found = edit(text, IMAGES)
    image = "registry:5000/hello:1.2.0"
    assert found.text == (
        f"---\na: {image} {MARK}\nb: 1.2.0 {tag}\n---\n# only a comment\n---\nc: {image} {MARK}\n"
        f"d: &d {image} {MARK}\ne: *d\n...\n---\nf: x # plain\n"
    )
    assert len(found.changes) == 4


def test_line_ends_and_other_letters_stay() -> None:
    text = f"# Grüße 🎉\r\nimage: 'äöü'  {MARK}\r\nname: ☃\r\n"
    assert edited(text) == text.replace("'äöü'", "'registry:5000/hello:1.2.0'")
    marked = f"\ufeffimage: old {MARK}\n"
    assert edited(marked) == f"\ufeffimage: registry:5000/hello:1.2.0 {MARK}\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"a: b: c {MARK}\n", "line 1"),
        (f"a: x {MARK}\n\tb: y\n", "line 2"),
        (f"a: *nobody\nb: x {MARK}\n", "nobody"),
        (f"a: x {MARK}\n---\n- item\n", "line 3"),
        (f"{{{{- if .x }}}}\na: x {MARK}\n", "line"),
    ],
)
def test_a_file_that_is_no_yaml_of_objects_is_left_alone(text: str, why: str) -> None:
    with pytest.raises(Unparsable, match=why):
        edit(text, IMAGES)


def test_a_file_without_markers_is_not_even_parsed() -> None:
    text = "{{- if .Values.x }}\n\t: : :\n"
    assert edited(text) == text


@pytest.mark.parametrize(
    ("path", "counts"),
    [("a/b.yaml", True), ("b.yml", True), ("x/Kustomization", True), ("b.json", False),
     ("README.md", False), ("yaml", False)],
)  # fmt: skip
def test_which_files_count(path: str, counts: bool) -> None:
    assert is_candidate(path) == counts
