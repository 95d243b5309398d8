"""What Prometheus answers to PromQL. The only module that speaks its HTTP API.

A query that it cannot read is shown with a mark under the place that it names: PromQL is learned
by mending, and a column number is of no help in a cell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import urlencode

from labs.errors import LabError
from labs.instance import Instance
from labs.platform.loopback import fetch
from labs.wait import NotYet

QUERY_SECONDS = 20
"""How long Prometheus may work on one query; it ends the query then, and says so."""
GRACE_SECONDS = 5
WRONG = {400: "bad_data", 422: "execution"}
"""The statuses with which Prometheus blames the query, and what it calls that."""
PLACE = re.compile(r"(?:invalid parameter \"query\": )?(\d+):(\d+): (?:parse error: )?")


class BadQuery(LabError):
    """Prometheus cannot read the query, or not carry it out; `found` shows where."""


@dataclass(frozen=True)
class Sample:
    """One value of one series."""

    labels: Mapping[str, str]
    when: datetime
    value: float


@dataclass(frozen=True)
class Series:
    """The values of one series in a span of time."""

    labels: Mapping[str, str]
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True)
class Vector:
    """What most queries give: each series' value at one moment."""

    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    """What Prometheus remarks on a query that it carried out all the same."""


@dataclass(frozen=True)
class Scalar:
    """A number that belongs to no series."""

    when: datetime
    value: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matrix:
    """Series over time: of `query_range`, or of a selector such as `up[5m]`."""

    series: tuple[Series, ...]
    notes: tuple[str, ...] = ()


Result: TypeAlias = Vector | Scalar | Matrix


@dataclass(frozen=True)
class Rule:
    """A rule that Prometheus has read."""

    name: str
    kind: str
    """`recording` or `alerting`."""
    health: str
    """`ok`, `err`, or `unknown`: not evaluated yet."""
    error: str


def address(instance: Instance) -> str:
    """Return where Prometheus is on this computer."""
    return f"http://127.0.0.1:{instance.port('prometheus')}/"


def query(instance: Instance, promql: str, at: datetime | None = None) -> Result:
    """Return what a query gives at a moment, by default now. Raises BadQuery, LabError."""
    given = {} if at is None else {"time": f"{at.timestamp():.3f}"}
    data, notes = _ask(instance, "query", promql, given)
    kind, found = data["resultType"], data["result"]
    if kind == "vector":
        samples = (Sample(one["metric"], *_point(_numbers(promql, one, "value"))) for one in found)
        return Vector(tuple(samples), notes)
    if kind == "scalar":
        return Scalar(*_point(found), notes)
    if kind == "matrix":
        return Matrix(_series(promql, found), notes)
    raise BadQuery(
        f"the query gives a {kind}: {found[-1]!r}",
        expected="one that gives numbers",
        todo="write the name of a metric, such as `up`, without quotes",
    )


def query_range(
    instance: Instance,
    promql: str,
    start: datetime,
    end: datetime,
    step: float,
    seconds: int = QUERY_SECONDS,
) -> Matrix:
    """Return what a query gives from `start` to `end`, each `step` seconds.

    `seconds` is how long Prometheus may work on it. Raises BadQuery, and LabError where Prometheus
    is not there or does not answer.
    """
    times = {"start": f"{start.timestamp():.3f}", "end": f"{end.timestamp():.3f}"}
    data, notes = _ask(instance, "query_range", promql, {**times, "step": f"{step:g}"}, seconds)
    return Matrix(_series(promql, data["result"]), notes)


def rules(instance: Instance) -> list[Rule]:
    """Return the rules that are in force. Raises LabError where Prometheus is not there."""
    data, _ = _ask(instance, "rules", "", {})
    return [
        Rule(one["name"], one["type"], one["health"], one.get("lastError", ""))
        for group in data["groups"]
        for one in group["rules"]
    ]


def _ask(
    instance: Instance,
    what: str,
    promql: str,
    given: Mapping[str, str],
    seconds: int = QUERY_SECONDS,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    form = {"query": promql, "timeout": f"{seconds}s", **given}
    where = address(instance)
    try:
        answer = fetch(
            f"{where}api/v1/{what}",
            {"Content-Type": "application/x-www-form-urlencoded"},
            method="POST" if promql else "GET",
            body=urlencode(form).encode() if promql else None,
            timeout=seconds + min(seconds, GRACE_SECONDS),
        )
    except NotYet as silent:
        raise _away(str(silent)) from silent
    try:
        told = json.loads(answer.body)
        error = str(told.get("error", ""))
    except (ValueError, AttributeError) as other:
        text = answer.body[:200].decode(errors="replace").strip()
        raise _away(f"{where} answers {answer.status}, and not as Prometheus: {text}") from other
    if answer.status in WRONG and told.get("errorType") == WRONG[answer.status]:
        raise BadQuery(**_explained(promql, error))
    if answer.status == 503 and told.get("errorType") in ("timeout", "canceled"):
        raise BadQuery(
            f"no result after {seconds} s: {error}",
            expected="a query that is done sooner",
            todo="ask for fewer series, a shorter range or a longer step",
        )
    if answer.status != 200 or told.get("status") != "success":
        raise _away(f"{where} answers {answer.status}: {error or 'no reason given'}")
    notes = [*told.get("warnings", ()), *told.get("infos", ())]
    return dict(told["data"]), tuple(str(note) for note in notes)


def _away(found: str) -> LabError:
    return LabError(
        f"Prometheus is not to be asked: {found}",
        expected="Prometheus in the namespace `monitoring`, ready",
        todo="`kubectl -n monitoring get pods` shows it. Not there: lab 09 brings it by a commit, "
        "`flux get kustomizations monitoring` shows how far that is. Just started: ask again",
    )


def _explained(promql: str, error: str) -> dict[str, str]:
    """Return a refusal as found, expected and to do, the query marked where it is wrong."""
    match = PLACE.match(error)
    if match is None:
        return {
            "found": f"{error}\n{_indented(promql.splitlines())}",
            "expected": "a query that Prometheus can carry out",
            "todo": "mend what it names, and ask again",
        }
    marked = _marked(promql, line=int(match[1]), column=int(match[2]))
    return {
        "found": f"{error[match.end() :]}\n{_indented(marked)}",
        "expected": "a query that Prometheus can read",
        "todo": "mend the place above the ^, and ask again",
    }


def _marked(promql: str, *, line: int, column: int) -> list[str]:
    """Return the query's lines with a mark below a place, both counted from 1, in bytes."""
    lines = promql.split("\n")
    if not 1 <= line <= len(lines):
        return lines
    before = lines[line - 1].encode()[: column - 1].decode(errors="ignore")
    space = "".join("\t" if one == "\t" else " " for one in before)
    return [*lines[:line], f"{space}^", *lines[line:]]


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"    {line}".rstrip() for line in lines)


def _series(promql: str, found: Iterable[Mapping[str, Any]]) -> tuple[Series, ...]:
    return tuple(
        Series(one["metric"], tuple(_point(pair) for pair in _numbers(promql, one, "values")))
        for one in found
    )


def _numbers(promql: str, one: Mapping[str, Any], key: str) -> Any:
    if key not in one:
        raise BadQuery(
            f"the query gives native histograms\n{_indented(promql.splitlines())}",
            expected="numbers",
            todo="make a number of each: `histogram_quantile(0.9, …)`, `histogram_count(…)`",
        )
    return one[key]


def _point(pair: tuple[float, str]) -> tuple[datetime, float]:
    when, text = pair
    return datetime.fromtimestamp(when, UTC), float(text)  # Python reads NaN and +Inf as well
