"""A version can be read and told from another by everybody."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from hello import version
from hello.look import COLOURS, ON_COLOUR, SHAPES
from hello.page import short

READABLE = 4.5  # WCAG 2.2, AA


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", COLOURS)
def test_words_on_a_colour_can_be_read(name: str) -> None:
    for colour, ink in zip(COLOURS[name], ON_COLOUR, strict=True):
        dark, light = sorted((luminance(colour), luminance(ink)))
        assert (light + 0.05) / (dark + 0.05) >= READABLE


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_can_be_drawn(name: str) -> None:
    ElementTree.fromstring(SHAPES[name])  # noqa: S314 - our own constant


def test_this_version_has_a_look_that_exists() -> None:
    assert version.COLOUR in COLOURS
    assert version.SHAPE in SHAPES
    assert version.WORDS.strip()


def test_a_commit_is_shortened_and_a_word_is_not() -> None:
    assert short("0123456789abcdef0123456789abcdef01234567") == "0123456789"
    assert short("comes-with-the-lab") == "comes-with-the-lab"
