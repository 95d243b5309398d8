"""How the demo is told: readable at 80 columns, in a terminal and in a log."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from labs.demo.scene import Scene
from labs.demo.story import Stage

WIDTH = 80


@dataclass(frozen=True)
class Told:
    """A stage that is over: what it was, what came of it, and how many seconds it took."""

    title: str
    outcome: str
    seconds: float


class Teller:
    """Tells the stages as they come, and all of them in a table at the end."""

    def __init__(self, stages: int, step: bool = False, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, markup=False, width=_width())
        self.told: list[Told] = []
        self._stages = stages
        self._step = step and self.console.is_terminal
        if step and not self._step:
            self.line("There is no terminal, and so no key to wait for: it goes on by itself.")

    def line(self, text: str, style: str = "") -> None:
        """Tell something in between, indented, wrapped at the width."""
        indent = " " * 3
        for paragraph in text.splitlines():
            wrapped = textwrap.fill(
                *(paragraph, self.console.width - 1),
                initial_indent=indent,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
            self.console.print(wrapped, style=style or None, soft_wrap=True)

    def command(self, text: str) -> None:
        """Show what is typed; a long line stays one, so that it can be copied."""
        for line in text.splitlines():
            self.console.print(f"   $ {line}", style="bold", soft_wrap=True)

    def stage(self, stage: Stage, scene: Scene) -> None:
        """Tell a stage, do it, and tell what came of it and how long it took."""
        number = len(self.told) + 1
        head = f"{number} of {self._stages} · {stage.title} "
        self.console.print()
        self.console.print(head + "─" * max(0, self.console.width - 1 - len(head)), style="bold")
        self.line(stage.says)
        self.command(stage.command.format_map(scene.named))
        start = time.monotonic()
        with self._busy():
            outcome = stage.do(scene)
        took = time.monotonic() - start
        self.told.append(Told(stage.title, outcome, took))
        self.line(f"→ {outcome} ({took:.1f}\u00a0s)", style="green")
        if self._step and number < self._stages:
            self._key()

    def table(self) -> None:
        """Tell all stages once more, beside each other."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("", justify="right")
        table.add_column("what happened", overflow="fold")
        table.add_column("what came of it", overflow="fold", ratio=1)
        table.add_column("s", justify="right")
        for number, one in enumerate(self.told, 1):
            table.add_row(str(number), one.title, one.outcome, f"{one.seconds:.1f}")
        self.console.print()
        self.console.print(table)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        if self.console.is_terminal:
            with self.console.status("…"):
                yield
        else:
            yield

    def _key(self) -> None:
        """Wait for a key. Raises KeyboardInterrupt at Ctrl-C, as everywhere."""
        self.console.print("   (any key goes on, Ctrl-C ends and puts all back) ", end="")
        read_key()
        self.console.print()


def read_key() -> str:
    """Return one key from the terminal, without waiting for the end of a line."""
    import termios  # not on every system; who has no terminal never comes here
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)  # Ctrl-C still interrupts
        return sys.stdin.read(1)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _width() -> int:
    return min(WIDTH, Console().width)
