"""Values as a dashboard writes them: in Grafana's units, as far as known here, and colours."""

from __future__ import annotations

import math
from collections.abc import Mapping

from labs.gitops.monitoring.dashboards import Style

COLOURS: Mapping[str, str] = {
    "green": "#15702f",
    "red": "#b91c1c",
    "orange": "#b45309",
    "yellow": "#a16207",
    "blue": "#1d4ed8",
    "purple": "#6d28d9",
}
PLAIN = "#18181b"
SCALED = {
    "bytes": (1024, (" B", " KiB", " MiB", " GiB", " TiB")),
    "decbytes": (1000, (" B", " kB", " MB", " GB", " TB")),
    "Bps": (1000, (" B/s", " kB/s", " MB/s", " GB/s")),
    "binBps": (1024, (" B/s", " KiB/s", " MiB/s", " GiB/s")),
    "short": (1000, ("", " K", " Mil", " Bil")),
}
ENDINGS = {
    "reqps": " req/s", "ops": " ops/s", "cps": " c/s", "cpm": " c/m", "rpm": " req/m",
    "percent": "%", "none": "", "": "",
}  # fmt: skip
SECONDS = {"s": 1.0, "ms": 0.001, "dtdurations": 1.0}
SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
KNOWN = {*SCALED, *ENDINGS, *SECONDS, "percentunit"}
"""A value of another unit is written with the unit's own name behind it."""


def written(value: float, style: Style) -> str:
    """Return a value with its unit; what is mapped to words is those."""
    if f"{value:g}" in style.words:
        return style.words[f"{value:g}"][0]
    if math.isnan(value):
        return "-"
    unit = style.unit or "short"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if unit in SECONDS:
        return _span(value * SECONDS[unit], style.decimals)
    if unit == "percentunit":
        return f"{_number(value * 100, style.decimals)}%"
    if unit in SCALED:
        base, names = SCALED[unit]
        power = 0
        while abs(value) >= base and power < len(names) - 1:
            value, power = value / base, power + 1
        return f"{_number(value, style.decimals)}{names[power]}"
    return f"{_number(value, style.decimals)}{ENDINGS.get(unit, f' {unit}')}"


def colour(value: float, style: Style) -> str:
    """Return the colour that a value's words or thresholds give it."""
    if f"{value:g}" in style.words:
        return _shade(style.words[f"{value:g}"][1])
    if math.isnan(value):
        return PLAIN
    found = ""
    for step in style.thresholds:
        if step.value is None or value >= step.value:
            found = step.colour
    return _shade(found)


def _shade(name: str) -> str:
    """Return a colour of Grafana's as one that can be read on white: `dark-red` is red."""
    if name.startswith("#"):
        return name
    return COLOURS.get(name.rpartition("-")[2], PLAIN)


def _span(seconds: float, decimals: int | None) -> str:
    size = abs(seconds)
    for least, name in SPANS:
        if size >= least:
            return f"{_number(seconds / least, 1 if decimals is None else decimals)} {name}"
    if size >= 1 or not size:
        return f"{_number(seconds, decimals)} s"
    if size >= 0.001:
        return f"{_number(seconds * 1000, decimals)} ms"
    return f"{_number(seconds * 1e6, decimals)} µs"


def _number(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
