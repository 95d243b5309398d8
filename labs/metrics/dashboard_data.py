"""What a dashboard's panels hold at a moment: asks Prometheus, draws nothing.

A panel whose query cannot be carried out holds the reason, so that the others are seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from labs.errors import LabError
from labs.gitops.monitoring.dashboards import (
    BUILT_IN,
    DRAWN,
    Dashboard,
    Panel,
    Style,
    Target,
    filled_in,
)
from labs.instance import Instance
from labs.metrics import frames
from labs.metrics.asked import default_step, seconds
from labs.metrics.dashboard_table import TIME, Row, rows_of
from labs.metrics.dashboard_units import colour, written
from labs.metrics.frames import Frame
from labs.platform import prometheus
from labs.platform.prometheus import BadQuery, Matrix, Scalar, Vector

SCRAPES = 10.0
"""Seconds from one look of Prometheus at a target to the next, as Grafana is told them too."""
CALCULATIONS = ("lastNotNull", "last", "mean", "max", "min", "sum")


@dataclass(frozen=True)
class Cell:
    """A value as it is shown: its words, their colour, and whose it is."""

    text: str
    colour: str = ""
    name: str = ""


@dataclass(frozen=True)
class Span:
    """The time that a dashboard shows."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True)
class Filled:
    """A panel with what it holds: lines over time, values, or a table."""

    panel: Panel
    lines: Frame | None = None
    values: tuple[Cell, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    remarks: tuple[str, ...] = ()


def filled(instance: Instance, board: Dashboard, span: Span) -> Iterator[Filled]:
    """Yield each panel with what it holds. Raises LabError where Prometheus does not answer."""
    for panel in board.panels:
        try:
            yield _filled(_Question(instance, board.variables, span), panel)
        except BadQuery as wrong:
            yield Filled(panel, remarks=(wrong.found,))


@dataclass(frozen=True)
class _Question:
    instance: Instance
    variables: Mapping[str, str]
    span: Span

    def at_once(self, target: Target) -> Vector | Scalar:
        """Return a target's values at the end of the time."""
        query = self._query(target)
        found = prometheus.query(self.instance, query, self.span.end)
        if isinstance(found, Matrix):
            raise BadQuery(
                f"a range of values: {query}",
                expected="a query that gives one value of each series",
                todo="put a function such as rate() or last_over_time() around it",
            )
        return found

    def over_time(self, target: Target) -> Matrix:
        """Return a target's values from the start to the end."""
        start, end = self.span.start, self.span.end
        query, step = self._query(target), self._step(target)
        return prometheus.query_range(self.instance, query, start, end, step)

    def frame(self, targets: Sequence[Target]) -> Frame:
        """Return the lines of all targets, with gaps where a series has no value."""
        parts = []
        for one in targets:
            lines = frames.over_time(self.over_time(one), one.legend)
            parts.append(frames.spaced(lines, self._step(one)))
        return frames.beside(parts)

    def _step(self, target: Target) -> float:
        try:
            least = seconds("interval", target.interval) if target.interval else 0.0
        except LabError as wrong:
            raise BadQuery(wrong.found, expected=wrong.expected, todo=wrong.todo) from wrong
        return max(default_step(self.span.seconds), least)

    def _query(self, target: Target) -> str:
        """Return the query with the dashboard's variables and Grafana's own filled in."""
        step, whole = self._step(target), self.span.seconds
        # Grafana's rule: a rate needs four looks at a target, and no gap from step to step.
        rate = max(step + SCRAPES, 4 * SCRAPES)
        own = {
            "__interval": f"{step:g}s",
            "__interval_ms": f"{step * 1000:g}",
            "__range": f"{whole:.0f}s",
            "__range_ms": f"{whole * 1000:.0f}",
            "__range_s": f"{whole:.0f}",
            "__rate_interval": f"{rate:g}s",
        }
        assert set(own) == set(BUILT_IN)
        return filled_in(target.expr, {**self.variables, **own})


def _filled(ask: _Question, panel: Panel) -> Filled:
    if panel.kind not in DRAWN:
        drawn = ", ".join(DRAWN)
        words = f"a panel of type {panel.kind!r} is not drawn here (drawn are: {drawn})"
        return Filled(panel, remarks=(words,))
    if panel.kind == "timeseries":
        return Filled(panel, lines=ask.frame(panel.targets))
    if panel.kind == "table":
        rows, remarks = rows_of(panel, [ask.at_once(one) for one in panel.targets])
        columns = tuple(dict.fromkeys(name for row in rows for name in row))
        styles = {name: panel.style.under(panel.of_columns.get(name, Style())) for name in columns}
        return Filled(
            panel,
            columns=tuple(styles[name].name or name for name in columns),
            rows=tuple(tuple(_cell(row, name, styles[name]) for name in columns) for row in rows),
            remarks=tuple(remarks),
        )
    return _stat(ask, panel)


def _stat(ask: _Question, panel: Panel) -> Filled:
    found: list[tuple[str, float]] = []
    remarks: tuple[str, ...] = ()
    for target in panel.targets:
        if target.instant:
            found += _named(ask.at_once(target), target)
            continue
        frame = ask.frame([target])
        found += [(str(name), _reduced(frame[name], panel.calculation)) for name in frame.columns]
        if panel.calculation not in CALCULATIONS:
            remarks = (f"the calculation {panel.calculation!r} is not done here: the last value",)
    values = []
    for name, value in found:
        style = panel.style.under(panel.of_columns.get(name, Style()))
        shown = name if len(found) > 1 else ""
        values.append(Cell(written(value, style), colour(value, style), shown))
    return Filled(panel, values=tuple(values), remarks=remarks)


def _named(found: Vector | Scalar, target: Target) -> list[tuple[str, float]]:
    if isinstance(found, Scalar):
        return [(target.legend or target.ref, found.value)]
    labels = [one.labels for one in found.samples]
    names = frames.series_names(labels)
    if target.legend:
        names = [frames.told(target.legend, one) for one in labels]
    return [(name, one.value) for name, one in zip(names, found.samples, strict=True)]


def _reduced(values: Frame, how: str) -> float:
    given = values.dropna()
    if given.empty:
        return float("nan")
    calculate = {"mean": given.mean, "max": given.max, "min": given.min, "sum": given.sum}
    return float(calculate[how]()) if how in calculate else float(given.iloc[-1])


def _cell(row: Row, name: str, style: Style) -> Cell:
    value = row.get(name)
    if isinstance(value, float):
        plain = replace(style, unit=style.unit or "short")
        return Cell(written(value, plain), colour(value, style) if style.words else "", name)
    if name == TIME and isinstance(value, datetime):
        return Cell(f"{value.astimezone():%H:%M:%S}", name=name)
    return Cell("" if value is None else str(value), name=name)
