"""How something is shown: rendered in a notebook, as plain text on the command line."""

from __future__ import annotations

import io
import sys
from html import escape
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def notebook() -> Any | None:
    """Return the notebook's interactive shell, or None on the command line."""
    if "IPython" not in sys.modules:  # a command need not wait for that import
        return None
    from IPython.core.getipython import get_ipython

    shell = cast(Any, get_ipython())
    return shell if hasattr(shell, "kernel") else None


def line(text: str) -> None:
    """Print text."""
    print(text, flush=True)


def markdown(text: str) -> None:
    """Show Markdown; on the command line it is readable as it is."""
    if notebook() is None:
        line(text)
        return
    from IPython.display import Markdown, display

    display(Markdown(text))  # type: ignore[no-untyped-call]


def svg(figure: Figure, words: str) -> str:
    """Return a figure as an SVG that has the words for who does not see it."""
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    text = drawn.getvalue()
    label = escape(words, quote=True)
    return text[text.index("<svg ") :].replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def drawing(text: str) -> None:
    """Show an SVG in the notebook."""
    from IPython.display import SVG, display

    display(SVG(text))  # type: ignore[no-untyped-call]


def html(text: str) -> None:
    """Show HTML in the notebook; the command line has nothing to show it with."""
    if notebook() is None:
        return
    from IPython.display import HTML, display

    display(HTML(text))  # type: ignore[no-untyped-call]


class Passing:
    """A line that shows for as long as something is under way, and leaves no trace."""

    def __init__(self) -> None:
        self._shown = False

    def update(self, text: str) -> None:
        """Show the text in place of the one before."""
        if notebook() is not None:
            from IPython.display import clear_output

            clear_output(wait=True)  # type: ignore[no-untyped-call]
            line(text)
        elif sys.stdout.isatty():
            print(f"\r\033[K{text}", end="", flush=True)
        else:
            return
        self._shown = True

    def end(self) -> None:
        """Take the line away, as soon as anything else is shown."""
        if not self._shown:
            return
        if notebook() is not None:
            from IPython.display import clear_output

            clear_output(wait=True)  # type: ignore[no-untyped-call]
        else:
            print("\r\033[K", end="", flush=True)
        self._shown = False


class Live:
    """A block of text that a thread may go on changing after its cell has ended.

    A notebook shows the drawing (SVG) in place of the text, where there is one.
    """

    def __init__(self, text: str, drawing: str = "") -> None:
        self._last = (text, drawing)
        self._handle: Any = None
        if notebook() is None:
            line(text)
            return
        from IPython.display import display

        self._handle = display(  # type: ignore[no-untyped-call]
            _block(text, drawing), display_id=True
        )

    def update(self, text: str, drawing: str = "") -> None:
        """Show the text in place of the one before; on the command line, below it."""
        if (text, drawing) == self._last:
            return
        self._last = (text, drawing)
        if self._handle is None:
            line(text)
        else:
            self._handle.update(_block(text, drawing))


def _block(text: str, drawing: str) -> Any:
    from IPython.display import SVG, Markdown

    if drawing:
        return SVG(drawing)  # type: ignore[no-untyped-call]
    return Markdown(f"```text\n{text}\n```")  # type: ignore[no-untyped-call]
