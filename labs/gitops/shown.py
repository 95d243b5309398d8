"""How the engine's answers are shown: a notebook renders them, a terminal gets text and tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labs import show
from labs.instance import Instance

if TYPE_CHECKING:
    from labs.gitops.stages import Sync


def follow(instance: Instance, revision: str = "", timeout: float = 120) -> Sync:
    """Show a commit's stages as it reaches them; return the last look. Raises as `sync.follow`."""
    from labs.gitops import sync as way
    from labs.gitops.sync_text import text

    if show.notebook() is not None:
        live = show.Live("…")
        return way.follow(
            instance, revision, timeout=timeout, on_look=lambda seen: live.update(text(seen))
        )
    # A log has no use for a countdown: it gets the end alone.
    if not sys.stdout.isatty():
        seen = way.follow(instance, revision, timeout=timeout)
        show.line(text(seen))
        return seen
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(highlight=False), refresh_per_second=5) as block:
        return way.follow(
            instance, revision, timeout=timeout, on_look=lambda seen: block.update(Text(text(seen)))
        )


def difference(diff: str) -> None:
    """Show what `git diff` would: coloured where that can be seen."""
    if show.notebook() is not None:
        show.markdown(f"```diff\n{diff.rstrip()}\n```")
        return
    if not sys.stdout.isatty():
        show.line(diff.rstrip())
        return
    from rich.console import Console
    from rich.text import Text

    colours = {"+": "green", "-": "red", "@": "cyan"}
    shown = Text()
    for one in diff.rstrip().splitlines():
        plain = one.startswith(("+++", "---"))
        shown.append(f"{one}\n", "bold" if plain else colours.get(one[:1], ""))
    Console(highlight=False).print(shown, end="")


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, whole: Sequence[str] = ()
) -> None:
    """Show rows under the names of their columns; what is in `whole` columns is never broken."""
    if show.notebook() is not None:
        lines = [columns, ["---"] * len(columns), *rows]
        cells = [[cell.replace("|", "\\|").replace("<", "&lt;") for cell in line] for line in lines]
        show.markdown("\n".join(f"| {' | '.join(line)} |" for line in cells))
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False)
    for name in columns:
        shown.add_column(name, overflow="fold", no_wrap=name in whole)
    for row in rows:
        shown.add_row(*row)
    Console(highlight=False, markup=False).print(shown)
