"""Tables of a dashboard: Prometheus' rows, and what Grafana's transformations make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from labs.gitops.monitoring.dashboards import Panel
from labs.platform.prometheus import Scalar, Vector

Row: TypeAlias = dict[str, Any]
"""Columns by name: labels as texts, values as numbers, the time as it is."""
TIME, VALUE = "Time", "Value"


def rows_of(panel: Panel, answers: Sequence[Vector | Scalar]) -> tuple[list[Row], list[str]]:
    """Return a panel's rows, and a remark for each transformation that is not known here."""
    several = len(answers) > 1
    frames = [
        _rows(answer, f"{VALUE} #{target.ref}" if several else VALUE)
        for target, answer in zip(panel.targets, answers, strict=True)
    ]
    remarks = []
    order: list[str] = []
    for name, options in panel.transformations:
        if name == "merge":
            frames = [merged(frames)]
        elif name == "organize":
            frames = [[_organised(row, options) for row in frame] for frame in frames]
            order = _order(options)
        else:
            remarks.append(f"the transformation {name!r} is not done here")
    if len(frames) > 1:
        remarks.append("several tables in one panel: the first is shown; `merge` joins them")
    shown = frames[0] if frames else []
    return [_sorted(row, order) for row in shown], remarks


def merged(frames: Sequence[Sequence[Row]]) -> list[Row]:
    """Return the rows of all tables, those put together that agree in what all tables have."""
    heads = [{name for row in frame for name in row} for frame in frames if frame]
    shared = set.intersection(*heads) if heads else set()
    found: list[Row] = []
    for row in (row for frame in frames for row in frame):
        for other in found:
            alike = all(other.get(name) == row.get(name) for name in shared)
            if alike and all(other.get(name, row[name]) == row[name] for name in row):
                other.update(row)
                break
        else:
            found.append(dict(row))
    return found


def _rows(answer: Vector | Scalar, value: str) -> list[Row]:
    if isinstance(answer, Scalar):
        return [{TIME: answer.when, value: answer.value}]
    return [{TIME: one.when, **one.labels, value: one.value} for one in answer.samples]


def _organised(row: Row, options: Mapping[str, Any]) -> Row:
    left_out = {name for name, out in (options.get("excludeByName") or {}).items() if out}
    names = options.get("renameByName") or {}
    return {names.get(name) or name: cell for name, cell in row.items() if name not in left_out}


def _order(options: Mapping[str, Any]) -> list[str]:
    """Return the new names of columns in the order that a panel gives them."""
    names = options.get("renameByName") or {}
    places = options.get("indexByName") or {}
    return [names.get(name) or name for name in sorted(places, key=lambda name: int(places[name]))]


def _sorted(row: Row, order: Sequence[str]) -> Row:
    first = [name for name in order if name in row]
    return {name: row[name] for name in [*first, *(name for name in row if name not in first)]}
