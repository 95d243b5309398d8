"""Prometheus' answers as pandas tables. The only module that imports pandas.

Series are named by what tells them apart, as a legend does: six labels of which five are the same
everywhere say nothing. All of a series' labels stay in the table's `attrs["labels"]`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import pandas

from labs.platform.prometheus import Matrix, Scalar, Vector

Frame: TypeAlias = pandas.DataFrame
NAME = "__name__"
VALUE = "value"
LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def at_once(found: Vector | Scalar) -> Frame:
    """Return a row for each series: its labels, then its value."""
    if isinstance(found, Scalar):
        return pandas.DataFrame({VALUE: [found.value]})
    columns = _columns([one.labels for one in found.samples])
    rows = [
        {**{columns[label]: text for label, text in one.labels.items()}, VALUE: one.value}
        for one in found.samples
    ]
    return pandas.DataFrame(rows, columns=[*columns.values(), VALUE]).fillna(
        dict.fromkeys(columns.values(), "")
    )


def over_time(found: Matrix, legend: str = "") -> Frame:
    """Return a column for each series, a row for each moment; NaN where a series has no value.

    A `legend` such as `{{pod}}` names the series.
    """
    names = series_names([one.labels for one in found.series])
    if legend:
        names = unlike([told(legend, one.labels) for one in found.series])
    columns = {
        name: pandas.Series(
            [value for _, value in one.points], index=_times([when for when, _ in one.points])
        )
        for name, one in zip(names, found.series, strict=True)
    }
    frame = pandas.DataFrame(columns, index=None if columns else _times([])).sort_index()
    frame.index.name = "time"
    frame.attrs["labels"] = {
        name: dict(one.labels) for name, one in zip(names, found.series, strict=True)
    }
    return frame


def beside(frames: Sequence[Frame]) -> Frame:
    """Return several tables over time as one."""
    given = [frame for frame in frames if not frame.empty]
    if not given:
        return pandas.DataFrame(index=_times([]))
    names = iter(unlike([str(name) for frame in given for name in frame.columns]))
    named = [frame.rename(columns=lambda _: next(names)) for frame in given]
    return pandas.concat(named, axis=1, sort=True)


def spaced(frame: Frame, step: float) -> Frame:
    """Return the table with a row for each step: a line is to have a gap where nothing was."""
    if frame.empty:
        return frame
    every = pandas.date_range(
        frame.index[0], frame.index[-1], freq=pandas.Timedelta(seconds=step), name="time"
    )
    return frame.reindex(every.union(frame.index))


def series_names(labels: Sequence[Mapping[str, str]]) -> list[str]:
    """Return a name for each series, made of the labels in which they differ."""
    keys = sorted({key for one in labels for key in one})
    differ = [key for key in keys if len({one.get(key) for one in labels}) > 1]
    if not differ:
        return [_whole(one) for one in labels]
    return [
        ", ".join(
            one[key] if key == NAME or len(differ) == 1 else f"{key}={one[key]}"
            for key in differ
            if key in one
        )
        or "(no labels)"
        for one in labels
    ]


def told(legend: str, labels: Mapping[str, str]) -> str:
    """Return a legend with a series' labels in it, as Grafana fills it in."""
    return LABEL.sub(lambda found: labels.get(found[1], ""), legend).strip() or _whole(labels)


def unlike(names: Sequence[str]) -> list[str]:
    """Return names of which none is there twice: the second of a kind has a number."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _whole(labels: Mapping[str, str]) -> str:
    inside = ", ".join(f'{key}="{text}"' for key, text in sorted(labels.items()) if key != NAME)
    braces = f"{{{inside}}}" if inside else ""
    return f"{labels.get(NAME, '')}{braces}" or VALUE


def _columns(labels: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what the column of each label is called; a label `value` is not to hide the value."""
    keys = sorted({key for one in labels for key in one}, key=lambda key: (key != NAME, key))
    return {key: {NAME: "metric", VALUE: "label value"}.get(key, key) for key in keys}


def _times(moments: Sequence[datetime]) -> Any:
    here = datetime.now().astimezone().tzinfo
    return pandas.DatetimeIndex(pandas.to_datetime(list(moments), utc=True)).tz_convert(here)
