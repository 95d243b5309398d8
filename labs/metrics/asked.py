"""What is written behind `%%promql`: options first, then the query, which is left as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from labs.errors import LabError

OPTIONS = {
    "range": "how far back: 30m",
    "step": "from one value to the next: 15s",
    "title": 'words above the picture: "Requests a second"',
    "at": "when: 14:05, 2026-05-04T14:05:00, or 10m for ten minutes ago; a range ends there",
    "into": "the name of a variable that is to hold the table",
}
OPTION = re.compile(r"\s*--([\w-]*)(?:=|\s+|$)(\"[^\"]*\"|'[^']*'|\S*)")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
SPAN = re.compile(r"(?:\d+(?:ms|[smhdw]))+")
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
"""Seconds that a step has by default: the first that makes no more than POINTS of a range."""
POINTS = 240


@dataclass(frozen=True)
class Asked:
    """A query, and how it is to be shown."""

    promql: str
    at: datetime
    span: float | None = None
    """Seconds up to `at`; None asks for that one moment."""
    step: float = 0
    title: str = ""
    into: str = ""


def asked(line: str, cell: str, now: datetime) -> Asked:
    """Return what is asked for. Raises LabError where an option is unknown or not to be read."""
    given, rest = _options(line)
    promql = "\n".join(part for part in (rest, cell.strip("\n")) if part.strip())
    if not promql.strip():
        raise LabError(
            "no query",
            expected="PromQL below `%%promql`, or behind `%promql`",
            todo="begin with the name of a metric: `up`",
        )
    span = seconds("range", given["range"]) if "range" in given else None
    if "step" in given and span is None:
        raise _unreadable("step", given["step"], "it needs `--range 30m` beside it")
    step = seconds("step", given["step"]) if "step" in given else default_step(span or 0)
    into = given.get("into", "")
    if into and not into.isidentifier():
        raise _unreadable("into", into, OPTIONS["into"])
    at = moment(given["at"], now) if "at" in given else now
    return Asked(promql, at, span, step, given.get("title", ""), into)


def seconds(option: str, text: str) -> float:
    """Return a duration as PromQL writes it (`1h30m`, `500ms`) in seconds. Raises LabError."""
    parts = re.findall(r"(\d+)(ms|[smhdw])", text) if SPAN.fullmatch(text) else []
    total = sum(int(number) * UNITS[unit] for number, unit in parts)
    if total <= 0:
        raise _unreadable(option, text, f"a duration such as 30s, 15m or 1h30m ({option})")
    return total


def moment(text: str, now: datetime) -> datetime:
    """Return the moment that `--at` names; an hour that is still to come was yesterday's."""
    if SPAN.fullmatch(text):
        return now - timedelta(seconds=seconds("at", text))
    clock = re.fullmatch(r"(\d\d?):(\d\d)(?::(\d\d))?", text)
    try:
        if clock:
            hour, minute, second = (int(part or 0) for part in clock.groups())
            found = now.astimezone().replace(hour=hour, minute=minute, second=second, microsecond=0)
            return found if found <= now else found - timedelta(days=1)
        found = datetime.fromisoformat(text)
    except ValueError as other:
        raise _unreadable("at", text, OPTIONS["at"]) from other
    return found if found.tzinfo else found.astimezone()


def default_step(span: float) -> float:
    """Return the seconds from one value to the next that suit a range."""
    return next((step for step in STEPS if span / step <= POINTS), STEPS[-1])


def _options(line: str) -> tuple[Mapping[str, str], str]:
    """Part the options from what follows them: `--` may stand in a query as well."""
    given: dict[str, str] = {}
    place = 0
    while found := OPTION.match(line, place):
        name, value = found[1], found[2].strip("\"'")
        if name not in OPTIONS:
            known = "; ".join(f"--{option}, {words}" for option, words in OPTIONS.items())
            raise LabError(f"--{name}", expected=known, todo="mend the first line of the cell")
        if not value:
            raise _unreadable(name, value, OPTIONS[name])
        given[name] = value
        place = found.end()
    return given, line[place:].strip()


def _unreadable(option: str, text: str, expected: str) -> LabError:
    return LabError(
        f"--{option} {text}".strip(), expected=expected, todo="mend the first line of the cell"
    )
