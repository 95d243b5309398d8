"""The page, made once for each request from page.html, with every value escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template

from hello.look import COLOURS, SHAPES

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The page needs nothing from elsewhere, and may not load it."""

_TEMPLATE = Template(files("hello").joinpath("page.html").read_text(encoding="utf-8"))


def render(facts: Mapping[str, str | int]) -> str:
    """Return the page as HTML."""
    values = {name: escape(str(value)) for name, value in facts.items()}
    return _TEMPLATE.substitute(
        values,
        short_commit=escape(short(str(facts["commit"]))),
        characters=len(str(facts["version"])),
        light="".join(
            f"--{name}:{colour.on_light_page};--on-{name}:{colour.ink_on_light_page};"
            for name, colour in COLOURS.items()
        ),
        dark="".join(
            f"--{name}:{colour.on_dark_page};--on-{name}:{colour.ink_on_dark_page};"
            for name, colour in COLOURS.items()
        ),
        symbols="".join(
            f'<symbol id="{name}" viewBox="0 0 100 100">{drawing}</symbol>'
            for name, drawing in SHAPES.items()
        ),
    )


def short(commit: str) -> str:
    """Return the first ten digits of a commit, or any other word as it is."""
    is_commit = len(commit) >= 40 and all(digit in "0123456789abcdef" for digit in commit)
    return commit[:10] if is_commit else commit
