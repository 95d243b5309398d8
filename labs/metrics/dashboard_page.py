"""Draws a dashboard's panels as HTML, each at its place in the grid; asks nobody for numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from labs.gitops.monitoring.dashboards import COLUMNS, Dashboard, Panel
from labs.metrics import plot
from labs.metrics.dashboard_data import Cell, Filled, Span
from labs.metrics.dashboard_units import colour, written
from labs.metrics.deploys import Deploy

ROW = 38
"""Pixels that one unit of height has in Grafana, with the gap below it."""
INCH = 72.0
WIDTH = 1100.0
"""Points that a dashboard is drawn for; what is narrower scales it down."""
FRAME = "border:1px solid #d4d4d8;border-radius:4px;padding:8px 10px;overflow:auto;min-width:0"
MUTED = "color:#52525b;font-size:12px"


def page(board: Dashboard, panels: Sequence[Filled], span: Span, deploys: Sequence[Deploy]) -> str:
    """Return the dashboard as one block of HTML."""
    grid = (
        f"display:grid;grid-template-columns:repeat({COLUMNS},minmax(0,1fr));"
        f"grid-auto-rows:minmax({ROW - 8}px,auto);gap:8px;background:#fff;color:#18181b;"
        "font-family:sans-serif"
    )
    inside = "".join(_placed(one, span, deploys) for one in panels)
    return f'<div role="group" aria-label="{escape(board.title)}" style="{grid}">{inside}</div>'


def _placed(one: Filled, span: Span, deploys: Sequence[Deploy]) -> str:
    panel = one.panel
    place = (
        f"grid-column:{panel.x + 1}/span {panel.width};grid-row:{panel.y + 1}/span {panel.height}"
    )
    if panel.kind == "row":
        return f'<h3 style="{place};margin:4px 0">{escape(panel.title)}</h3>'
    title = f'<div style="font-size:13px;font-weight:600">{escape(panel.title)}</div>'
    said = f' title="{escape(panel.description)}"' if panel.description else ""
    remarks = "".join(
        f'<pre style="{MUTED};white-space:pre-wrap;margin:4px 0">{escape(text)}</pre>'
        for text in one.remarks
    )
    return f'<div style="{place};{FRAME}"{said}>{title}{_body(one, span, deploys)}{remarks}</div>'


def _body(one: Filled, span: Span, deploys: Sequence[Deploy]) -> str:
    if one.lines is not None:
        there = not one.lines.dropna(how="all").empty
        return _lines(one, span, deploys) if there else _nothing("no value")
    if one.panel.kind == "stat":
        shown = "".join(_value(cell) for cell in one.values)
        return shown or ("" if one.remarks else _nothing("no value"))
    if one.panel.kind == "table":
        return _table(one) if one.rows else ("" if one.remarks else _nothing("no row"))
    return ""


def _lines(one: Filled, span: Span, deploys: Sequence[Deploy]) -> str:
    assert one.lines is not None
    shown, remark = plot.drawable(one.lines)
    svg = plot.picture(shown, one.panel.title, deploys, (span.start, span.end), look(one.panel))
    svg = svg.replace("<svg ", '<svg style="width:100%;height:auto;display:block" ', 1)
    return svg + (f'<div style="{MUTED}">{escape(remark)}</div>' if remark else "")


def look(panel: Panel) -> plot.Look:
    """Return how a panel's lines are drawn."""
    style = panel.style
    limits = [step for step in style.thresholds if step.value is not None] if style.lined else []
    return plot.Look(
        size=(panel.width / COLUMNS * WIDTH / INCH, (panel.height * ROW - 40) / INCH),
        written=lambda value: written(value, style),
        low=style.low,
        high=style.high,
        limits=tuple((step.value or 0.0, colour(step.value or 0.0, style)) for step in limits),
        stepped=style.stepped,
        whole=style.decimals == 0 and style.unit in (None, "short", "none"),
        ticks=tuple(float(value) for value in style.words if value.lstrip("-").isdigit()),
        titled=False,
    )


def _value(cell: Cell) -> str:
    name = f'<span style="{MUTED}"> {escape(cell.name)}</span>' if cell.name else ""
    style = f"font-size:28px;line-height:1.5;color:{cell.colour}"
    return f'<div style="{style}">{escape(cell.text)}{name}</div>'


def _table(one: Filled) -> str:
    line = "padding:3px 10px 3px 0;border-bottom:1px solid #e4e4e7;text-align:left;font-size:13px"
    head = "".join(f'<th scope="col" style="{line}">{escape(name)}</th>' for name in one.columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{line};color:{cell.colour or "inherit"}">{escape(cell.text)}</td>'
            for cell in row
        )
        + "</tr>"
        for row in one.rows
    )
    style = "width:100%;border-collapse:collapse;margin:4px 0"
    return f'<table style="{style}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _nothing(words: str) -> str:
    return f'<div style="{MUTED};padding-top:6px">{words}</div>'
