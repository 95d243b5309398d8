"""A version can be read and told from another by everybody."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from hello import version
from hello.look import COLOURS, DARK, LIGHT, SHAPES
from hello.page import short

READABLE, VISIBLE = 4.5, 3.0  # WCAG 2.2, AA: text, and graphics


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", COLOURS)
def test_a_colour_is_seen_on_the_page_and_words_on_it_can_be_read(name: str) -> None:
    colour = COLOURS[name]
    assert contrast(colour.on_light_page, colour.ink_on_light_page) >= READABLE
    assert contrast(colour.on_dark_page, colour.ink_on_dark_page) >= READABLE
    assert contrast(colour.on_light_page, LIGHT) >= VISIBLE
    assert contrast(colour.on_dark_page, DARK) >= VISIBLE


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
