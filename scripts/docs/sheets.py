"""The seat card and the cheat sheet: one printed page each, and no secret on them.

A seat's address has a token, which is a password: the card says how to get it, and has a line to
write on. The ports are those that `make up` takes where nobody else has them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from labs.instance import PREFERRED_PORTS
from scripts.docs import cheats

SHEETS = ("seat-card.html", "cheat-sheet.html")
SHOWN = {
    "jupyter": "JupyterLab: notebooks and terminal",
    "console": "The console: from Git to the pods",
    "app": "Your app, in production",
    "git": "The Git server, to read",
    "prometheus": "Prometheus, from lab 09 on",
    "alerts": "The alerts' page, from lab 09 on",
}


def write(out: Path) -> list[Path]:
    """Write the sheets into the folder of the pages, and return them."""
    written = []
    for name in SHEETS:
        text = (
            environment()
            .get_template(f"{name}.j2")
            .render(
                places=[(what, PREFERRED_PORTS[part]) for part, what in SHOWN.items()],
                rows=cheats.ROWS,
                tools=cheats.TOOLS,
            )
        )
        (out / name).write_text(text)
        written.append(out / name)
    return written


@cache
def environment() -> jinja2.Environment:
    """Return where templates come from; a value that a template lacks is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
