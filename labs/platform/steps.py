"""Shows a long command's steps: what it does, how long it took, how long it took last time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from labs.instance import write_json


class Steps:
    """Prints one line per finished step; in a terminal, a spinner with details meanwhile."""

    def __init__(self, durations: Path, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._path = durations
        self._last: dict[str, float] = (
            json.loads(durations.read_text()) if durations.exists() else {}
        )
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the first step."""
        return time.monotonic() - self._start

    def say(self, text: str) -> None:
        """Tell a detail of the current step."""
        self.console.print(f"  {text}", markup=False)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Time what is done inside, show it, and remember how long it took."""
        last = self._last.get(title)
        remark = f"last time {last:.0f} s" if last is not None else "first time"
        start = time.monotonic()
        try:
            if self.console.is_terminal:
                with self.console.status(f"{title} … ({remark})"):
                    yield
            else:
                yield
        except BaseException:
            self.console.print(f"✗ {title} ({time.monotonic() - start:.1f} s)", markup=False)
            raise
        took = time.monotonic() - start
        self._last[title] = round(took, 1)
        write_json(self._path, self._last)
        self.console.print(f"✓ {title:<46} {took:6.1f} s  ({remark})", markup=False)
