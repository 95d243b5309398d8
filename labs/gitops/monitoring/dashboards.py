"""Dashboards as Grafana's JSON model has them, as far as the lab draws and judges them.

Nothing of Prometheus and nothing of drawing is here: notebooks, the console and the Git server's
hook read the same files by the same code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from labs.errors import LabError
from labs.gitops.monitoring import FOLDER

DASHBOARDS = f"{FOLDER}/dashboards"
DRAWN = ("timeseries", "stat", "table", "row")
"""The types of panels that the lab draws; of another it says that it does not."""
COLUMNS = 24
"""The width of Grafana's grid, in which a panel's place is given."""
VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?:[.:][^}]*)?\}|\[\[(\w+)\]\]")
BUILT_IN = ("__interval", "__interval_ms", "__range", "__range_ms", "__range_s", "__rate_interval")
ALL = "$__all"


class NotADashboard(LabError):
    """A file that is no dashboard; `line` is where, 0 where that cannot be told."""

    def __init__(self, found: str, line: int = 0) -> None:
        super().__init__(
            found,
            expected="a dashboard in Grafana's JSON model",
            todo="mend the file; `lab lint` reads it again",
        )
        self.line = line


@dataclass(frozen=True)
class Target:
    """One query of a panel."""

    ref: str
    expr: str
    legend: str = ""
    instant: bool = False
    interval: str = ""
    """The least that one value may be away from the next, such as `30s`."""


@dataclass(frozen=True)
class Threshold:
    """From which value on a colour holds; None: from the lowest."""

    value: float | None
    colour: str


@dataclass(frozen=True)
class Style:
    """How values are shown; None where nothing is said of it."""

    unit: str | None = None
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    name: str | None = None
    thresholds: tuple[Threshold, ...] = ()
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """What stands in place of a value, and its colour: `1` is `yes`, in green."""
    stepped: bool = False
    lined: bool = False
    """Whether thresholds are drawn as lines."""

    def under(self, other: Style) -> Style:
        """Return this style with what another one says in place of its own."""
        said = {key: value for key, value in vars(other).items() if value or value == 0}
        return replace(self, **{key: value for key, value in said.items() if value is not False})


@dataclass(frozen=True)
class Panel:
    """One picture, number or table, and its place in the grid."""

    kind: str
    title: str
    x: int
    y: int
    width: int
    height: int
    targets: tuple[Target, ...] = ()
    description: str = ""
    style: Style = Style()
    of_columns: Mapping[str, Style] = field(default_factory=dict)
    transformations: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    calculation: str = "lastNotNull"


@dataclass(frozen=True)
class Dashboard:
    """A file's panels, in the order of their places."""

    name: str
    uid: str
    title: str
    panels: tuple[Panel, ...]
    variables: Mapping[str, str]
    queries: tuple[str, ...]
    """Every query, those of annotations too, as it stands in the file."""

    def unknown_variables(self, query: str) -> list[str]:
        """Return what a query names and the dashboard does not have."""
        known = {*self.variables, *BUILT_IN}
        return [name for name in named(query) if name not in known]


def read(name: str, text: str) -> Dashboard:
    """Return the dashboard of a file. Raises NotADashboard with the line."""
    try:
        told = json.loads(text)
    except ValueError as wrong:
        line = getattr(wrong, "lineno", 0)
        raise NotADashboard(f"no JSON: {getattr(wrong, 'msg', wrong)}", line) from wrong
    if not isinstance(told, dict) or not isinstance(told.get("panels"), list):
        raise NotADashboard("no list `panels` at its top")
    try:
        panels = sorted(_panels(told["panels"]), key=lambda one: (one.y, one.x))
        listed = [_variable(one) for one in told.get("templating", {}).get("list", [])]
        notes = told.get("annotations", {}).get("list", [])
        queries = [target.expr for panel in panels for target in panel.targets]
        queries += [str(one["expr"]) for one in notes if one.get("expr")]
        return Dashboard(
            name,
            str(told.get("uid") or ""),
            str(told.get("title") or name),
            tuple(panels),
            dict(listed),
            tuple(queries),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise NotADashboard(f"not as Grafana has it: {type(wrong).__name__}: {wrong}") from wrong


def named(query: str) -> list[str]:
    """Return the variables that a query names, each once."""
    found = (next(filter(None, one.groups())) for one in VARIABLE.finditer(query))
    # `$1` is PromQL's own, of label_replace.
    return list(dict.fromkeys(name for name in found if not name.isdigit()))


def filled_in(query: str, values: Mapping[str, str]) -> str:
    """Return a query with these values in place of its variables; others stay as they are."""

    def value(found: re.Match[str]) -> str:
        name = next(filter(None, found.groups()))
        return values.get(name, found[0])

    return VARIABLE.sub(value, query)


def lines_of(text: str, queries: Sequence[str]) -> list[int]:
    """Return the line of a file on which each query stands; 0 where that cannot be told."""
    places: dict[str, list[int]] = {}
    for query in queries:
        written = json.dumps(query), json.dumps(query, ensure_ascii=False)
        places[query] = [
            number
            for number, line in enumerate(text.splitlines(), 1)
            if any(one in line for one in written)
        ]
    # One that stands there twice is told twice, each time at another place.
    return [places[query].pop(0) if places[query] else 0 for query in queries]


def _panels(listed: list[dict[str, Any]]) -> Iterator[Panel]:
    for one in listed:
        place = one.get("gridPos", {})
        reduced = one.get("options", {}).get("reduceOptions", {}).get("calcs") or ["lastNotNull"]
        config = one.get("fieldConfig", {})
        yield Panel(
            kind=str(one["type"]),
            title=str(one.get("title") or ""),
            x=int(place.get("x", 0)),
            y=int(place.get("y", 0)),
            width=int(place.get("w", COLUMNS)),
            height=int(place.get("h", 8)),
            targets=tuple(_targets(one.get("targets", []))),
            description=str(one.get("description") or ""),
            style=_style(config.get("defaults", {})),
            of_columns=dict(_of_columns(config.get("overrides", []))),
            transformations=tuple(
                (str(each["id"]), dict(each.get("options") or {}))
                for each in one.get("transformations", [])
                if not each.get("disabled")
            ),
            calculation=str(reduced[0]),
        )
        yield from _panels(one.get("panels", []))  # of a row that is folded in


def _targets(listed: list[dict[str, Any]]) -> Iterator[Target]:
    for one in listed:
        if one.get("hide") or not one.get("expr"):
            continue
        yield Target(
            str(one.get("refId") or ""),
            str(one["expr"]),
            "" if one.get("legendFormat") == "__auto" else str(one.get("legendFormat") or ""),
            bool(one.get("instant")) and not one.get("range"),
            str(one.get("interval") or ""),
        )


def _style(told: Mapping[str, Any]) -> Style:
    custom = told.get("custom") or {}
    steps = (told.get("thresholds") or {}).get("steps") or []
    words: dict[str, tuple[str, str]] = {}
    for one in told.get("mappings") or []:
        for value, put in one["options"].items() if one.get("type") == "value" else ():
            words[str(value)] = (str(put.get("text", value)), str(put.get("color", "")))
    return Style(
        told.get("unit"),
        told.get("decimals"),
        told.get("min"),
        told.get("max"),
        told.get("displayName"),
        tuple(Threshold(step.get("value"), str(step["color"])) for step in steps),
        words,
        stepped=str(custom.get("lineInterpolation", "")).startswith("step"),
        lined="line" in str((custom.get("thresholdsStyle") or {}).get("mode", "")),
    )


def _of_columns(listed: list[dict[str, Any]]) -> Iterator[tuple[str, Style]]:
    for one in listed:
        if one["matcher"]["id"] == "byName":
            told = {each["id"]: each.get("value") for each in one["properties"]}
            yield str(one["matcher"]["options"]), _style(told)


def _variable(told: Mapping[str, Any]) -> tuple[str, str]:
    value = (told.get("current") or {}).get("value", "")
    values = value if isinstance(value, list) else [value]
    if ALL in values:
        return str(told["name"]), str(told.get("allValue") or ".*")
    return str(told["name"]), "|".join(str(one) for one in values)
