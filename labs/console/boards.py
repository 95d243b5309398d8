"""The config repo's dashboards and a line of PromQL, drawn for the console.

A moment is a tick of some seconds: all who look within it see the same numbers, and Prometheus is
asked for them once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from labs.console import books as library
from labs.console.brief import Brief
from labs.console.site import Asked, Site, asked
from labs.errors import LabError
from labs.gitops.clone import UPSTREAM
from labs.gitops.monitoring.dashboards import DASHBOARDS, Dashboard, read
from labs.metrics import frames, plot
from labs.metrics.asked import default_step
from labs.metrics.dashboard_data import Filled, Span, filled
from labs.metrics.dashboard_page import look
from labs.metrics.deploys import Deploy, among
from labs.metrics.frames import Frame
from labs.platform import prometheus

TICK_SECONDS = 5
OLDEST_TICKS = 24
"""How old a picture may be that is asked for: a page loads its pictures after itself."""
ROWS = 200
RANGES = {"": 0, "5m": 300, "15m": 900, "1h": 3600, "6h": 21600, "1d": 86400}
"""The ranges that a query is drawn over, in seconds; '' is this moment alone."""
MINUTES = (5, 15, 60, 360, 1440)


@dataclass(frozen=True)
class Listed:
    """A dashboard of the newest commit, or why its file is none."""

    name: str
    board: Asked[Dashboard]

    @property
    def title(self) -> str:
        return self.board.value.title if self.board.value else self.name


@dataclass(frozen=True)
class Shown:
    """A dashboard at a moment."""

    board: Dashboard
    panels: tuple[Filled, ...]
    span: Span
    deploys: tuple[Deploy, ...]
    without_deploys: str
    """Why there are none to be told, or ''."""


@dataclass(frozen=True)
class Answer:
    """What a query gave: a table of rows, and over time a picture's lines."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int
    """How many rows are not shown."""
    lines: Frame | None
    notes: tuple[str, ...]
    remark: str = ""


class Boards:
    """What the metrics page shows of one lab."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._shown: Brief[Shown] = Brief()
        self._answers: Brief[Answer] = Brief()
        self._pictures: Brief[bytes] = Brief(256)
        self._drawing = threading.Lock()

    def listed(self) -> list[Listed]:
        """Return the dashboards of the newest commit that is known. Raises LabError."""
        tree = self._site.repo().tree(UPSTREAM)
        paths = [PurePosixPath(path) for path in tree.files(DASHBOARDS)]
        return [
            Listed(path.stem, asked(lambda path=path: read(path.stem, tree.read(str(path)))))  # type: ignore[misc]
            for path in paths
            if path.suffix == ".json" and str(path.parent) == DASHBOARDS
        ]

    def shown(self, name: str, minutes: int, tick: int) -> Shown:
        """Return a dashboard with its numbers. Raises LabError."""
        sha = self._site.repo().commit(UPSTREAM).sha
        return self._shown.get((name, sha, minutes, tick), lambda: self._look(name, minutes, tick))

    def answer(self, query: str, span: str, tick: int) -> Answer:
        """Return what a query gives. Raises BadQuery, LabError."""
        return self._answers.get((query, span, tick), lambda: self._ask(query, span, tick))

    def panel(self, name: str, minutes: int, number: int, tick: int) -> bytes:
        """Return the drawing (SVG) of one of a dashboard's panels. Raises LabError."""
        found = self.shown(name, minutes, tick)
        if not 0 <= number < len(found.panels) or found.panels[number].lines is None:
            raise _no_picture(f"panel {number} of {name}")
        one = found.panels[number]

        def draw() -> str:
            assert one.lines is not None
            lines, _ = plot.drawable(one.lines)
            ends = (found.span.start, found.span.end)
            return plot.picture(lines, one.panel.title, found.deploys, ends, look(one.panel))

        return self._picture(("panel", name, found.board, minutes, number, tick), draw)

    def graph(self, query: str, span: str, tick: int) -> bytes:
        """Return the drawing (SVG) of a query over time. Raises LabError."""
        found = self.answer(query, span, tick)
        if found.lines is None or found.lines.empty:
            raise _no_picture(f"the query {query!r}")
        lines, _ = plot.drawable(found.lines)
        end = at(tick)
        ends = (end - timedelta(seconds=RANGES[span]), end)
        made, _ = _deploys(self._site, *ends)
        shape = plot.Look(titled=False)
        return self._picture(
            ("graph", query, span, tick), lambda: plot.picture(lines, query, made, ends, shape)
        )

    def _picture(self, key: tuple[object, ...], draw: Callable[[], str]) -> bytes:
        def drawn() -> bytes:
            with self._drawing:  # one at a time: drawing is work, and others are to be answered
                return draw().encode()

        return self._pictures.get(tuple(map(str, key)), drawn)

    def _look(self, name: str, minutes: int, tick: int) -> Shown:
        found = next((one for one in self.listed() if one.name == name), None)
        if found is None or found.board.value is None:
            raise (found and found.board.trouble) or LabError(
                f"no dashboard {name!r} in the newest commit",
                expected=f"{DASHBOARDS}/{name}.json",
                todo="choose one of those that there are",
            )
        end = at(tick)
        span = Span(end - timedelta(minutes=minutes), end)
        panels = tuple(filled(self._site.seat, found.board.value, span))
        return Shown(found.board.value, panels, span, *_deploys(self._site, span.start, span.end))

    def _ask(self, query: str, span: str, tick: int) -> Answer:
        seat, end = self._site.seat, at(tick)
        if RANGES[span]:
            start, step = end - timedelta(seconds=RANGES[span]), default_step(RANGES[span])
            over = prometheus.query_range(seat, query, start, end, step)
            lines = frames.spaced(frames.over_time(over), step)
            _, remark = plot.drawable(lines)
            last = [(str(name), _last(lines[name])) for name in lines.columns]
            return _answer(["series", "last value"], last, lines, over.notes, remark)
        found = prometheus.query(seat, query, end)
        if isinstance(found, prometheus.Matrix):
            each_series = [
                (name, f"{len(one.points)} values, last {one.points[-1][1]:g}")
                for name, one in zip(
                    frames.series_names([each.labels for each in found.series]),
                    found.series,
                    strict=True,
                )
            ]
            return _answer(["series", "values"], each_series, None, found.notes)
        table = frames.at_once(found)
        rows = [tuple(_text(cell) for cell in row) for row in table.itertuples(index=False)]
        return _answer([str(name) for name in table.columns], rows, None, found.notes)


def now() -> int:
    """Return the tick that it is."""
    return int(time.time() // TICK_SECONDS)


def at(tick: int) -> datetime:
    """Return a tick's moment, in this computer's own time."""
    return datetime.fromtimestamp(tick * TICK_SECONDS, UTC).astimezone()


def near(text: str) -> int:
    """Return the tick that an address asks for, if it is not long ago; else the present one."""
    present = now()
    asked_for = int(text) if text.isdecimal() and len(text) < 15 else present
    return asked_for if present - OLDEST_TICKS <= asked_for <= present else present


def _deploys(site: Site, start: datetime, end: datetime) -> tuple[tuple[Deploy, ...], str]:
    found = asked(lambda: among(library.events(site.repo()), start, end))
    return tuple(found.value or ()), found.trouble.found if found.trouble else ""


def _last(values: Frame) -> str:
    given = values.dropna()
    return "-" if given.empty else f"{given.iloc[-1]:g}"


def _answer(
    columns: list[str],
    rows: Sequence[tuple[str, ...]],
    lines: Frame | None,
    notes: tuple[str, ...],
    remark: str = "",
) -> Answer:
    more = max(0, len(rows) - ROWS)
    return Answer(tuple(columns), tuple(rows[:ROWS]), more, lines, notes, remark)


def _text(cell: object) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)


def _no_picture(what: str) -> LabError:
    return LabError(
        f"no picture of {what}", expected="values over time", todo="load the page again"
    )
