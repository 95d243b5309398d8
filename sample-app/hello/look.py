"""The colours and shapes that exist, as the page draws them.

A shape always goes with a colour, so that versions differ for those who do not see colours, too.
"""

from typing import NamedTuple

LIGHT, DARK = "#ffffff", "#101418"


class Colour(NamedTuple):
    """A colour on a light page and on a dark one, each with what is written on it."""

    on_light_page: str
    ink_on_light_page: str
    on_dark_page: str
    ink_on_dark_page: str = DARK


COLOURS = {
    "amber": Colour("#d08000", DARK, "#fbbf24"),
    "blue": Colour("#1d4ed8", LIGHT, "#7ab0ff"),
    "green": Colour("#15702f", LIGHT, "#4ade80"),
    "magenta": Colour("#b3175f", LIGHT, "#f472b6"),
    "orange": Colour("#e8590c", DARK, "#fb8f3c"),
    "red": Colour("#b91c1c", LIGHT, "#f98080"),
    "slate": Colour("#475569", LIGHT, "#a3b1c6"),
    "teal": Colour("#0f6f68", LIGHT, "#2dd4bf"),
    "violet": Colour("#6d28d9", LIGHT, "#b69cfd"),
}

SHAPES = {
    "circle": '<circle cx="50" cy="50" r="48"/>',
    "square": '<rect x="6" y="6" width="88" height="88" rx="10"/>',
    "triangle": '<path d="M50 4 98 92H2z"/>',
    "diamond": '<path d="M50 1 99 50 50 99 1 50z"/>',
    "pentagon": '<path d="M50 2 99 38 80 96H20L1 38z"/>',
    "hexagon": '<path d="M25 7H75L100 50 75 93H25L0 50z"/>',
    "octagon": '<path d="M29 1H71L99 29V71L71 99H29L1 71V29z"/>',
    "star": '<path d="M50 0 62 33 97 33 69 55 79 90 50 69 21 90 31 55 3 33 38 33z"/>',
}
"""The inside of an SVG with the view box 0 0 100 100."""
