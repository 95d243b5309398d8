"""The instructor's page, made of seats' files: who is where, and which step fails most, and how.

One static page without a script, to be read from the last row: open it, project it, make it anew.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from labs.errors import LabError
from labs.seats.export import FORMAT

STYLE = Path(__file__).with_name("board.css")
QUIET_MINUTES = 10
"""A seat where nothing was done for so long may be stuck, or at lunch."""
MOST_STEPS = 8
WORDS = ("asks for help", "stuck", "quiet", "fails", "")
KINDS = ("ask", "stuck", "quiet", "quiet", "well")


@dataclass(frozen=True)
class Trouble:
    """A step at which seats fail: how many of them, how often, and with which message most."""

    step: str
    title: str
    lab: str
    seats: int
    failures: int
    message: str
    todo: str


def read(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Return the newest file of each seat. Raises LabError for what is no seat's file."""
    newest: dict[str, dict[str, Any]] = {}
    for path in paths:
        try:
            found = json.loads(path.read_text())
            if found["format"] != FORMAT:
                raise ValueError(f"format {found['format']}")
            seat, at = str(found["seat"]), str(found["at"])
            if missing := {"name", "lab", "step", "labs", "help"} - set(found):
                raise ValueError(f"without {', '.join(sorted(missing))}")
        except (OSError, ValueError, KeyError, TypeError) as wrong:
            raise LabError(
                f"{path}: {wrong or type(wrong).__name__}",
                expected="a file that `lab progress --export FILE` has written",
                todo="have it written again at that seat",
            ) from wrong
        if seat not in newest or at > str(newest[seat]["at"]):
            newest[seat] = found
    if not newest:
        raise LabError(
            "no seat's file",
            expected="at least one, from `lab progress --export seat.json`",
            todo='`make board FILES="seats/*.json"`',
        )
    return sorted(newest.values(), key=lambda one: (one["name"] or "~", one["seat"]))


def troubles(seats: Sequence[dict[str, Any]]) -> list[Trouble]:
    """Return the steps that seats have failed at and not done, the worst first."""
    found: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for seat in seats:
        for lab in seat["labs"]:
            for step in lab["steps"]:
                if step["failure"]:
                    found.setdefault(step["id"], []).append((lab, step))
    rows = []
    for ident, each in found.items():
        said = Counter((step["failure"]["found"], step["failure"]["next"]) for _, step in each)
        (message, todo), _ = said.most_common(1)[0]
        lab, step = each[0]
        count = sum(int(one["failure"]["count"]) for _, one in each)
        where = f"{lab['number']:02d} {lab['title']}"
        rows.append(Trouble(ident, step["title"], where, len(each), count, message, todo))
    return sorted(rows, key=lambda one: (-one.seats, -one.failures, one.step))


def page(seats: Sequence[dict[str, Any]], now: datetime) -> str:
    """Return the page."""
    found = sorted((_seat(seat, now) for seat in seats), key=lambda row: row.urgency)
    rows = "".join(row.html for row in found)
    worst = troubles(seats)[:MOST_STEPS]
    steps = "".join(_trouble(one) for one in worst)
    none = "<p>No check has failed that has not passed since.</p>"
    table = (
        "<table><thead><tr><th>Step<th>Seats<th>Failures<th>What most of them read</tr></thead>"
        f"<tbody>{steps}</tbody></table>"
    )
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GitOps Hackfest: {len(seats)} seats</title>
<style>
{STYLE.read_text()}</style>
</head>
<body>
<header><h1>GitOps Hackfest</h1>
<p>{len(seats)} seat{"" if len(seats) == 1 else "s"}, as of {now:%H:%M} UTC</p></header>
<main>
<section><h2>Who is where</h2>
<table><thead><tr><th>Seat<th>Lab<th>Next step<th>Done<th>Hints<th>Last<th></tr></thead>
<tbody>{rows}</tbody></table></section>
<section><h2>Which step fails most</h2>
{table if worst else none}</section>
</main>
</body>
</html>
"""


def write(paths: Sequence[Path], out: Path) -> int:
    """Write the page of these files; return how many seats are on it. Raises LabError."""
    seats = read(paths)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(seats, datetime.now(UTC)))
    return len(seats)


@dataclass(frozen=True)
class _Row:
    """A seat as the page shows it, and how much it wants somebody: 0 is most."""

    urgency: int
    html: str


def _seat(seat: dict[str, Any], now: datetime) -> _Row:
    lab = next(one for one in seat["labs"] if one["lab"] == seat["lab"])
    step = next((one for one in lab["steps"] if one["id"] == seat["step"]), None)
    done = sum(one["mark"] in ("done", "shown") for one in lab["steps"])
    quiet = _minutes(lab["last"], now)
    urgency = _urgency(seat, step, quiet)
    share = round(100 * done / max(1, len(lab["steps"])))
    failed = step is not None and step["failure"]
    said = f"<p class=said>{_words(step['failure']['found'])}</p>" if step and failed else ""
    hints = sum(int(one["hints"]) for one in lab["steps"])
    html = (
        f'<tr class="{KINDS[urgency]}"><th scope=row>{escape(seat["name"] or seat["seat"])}'
        f"<td class=short>{lab['number']:02d} {escape(lab['title'])}"
        f"<td>{escape(step['title']) if step else 'all done'}{said}"
        f'<td class=short><span class=bar><i style="width:{share}%"></i></span> '
        f"{done}/{len(lab['steps'])}<td>{hints or ''}<td class=short>{quiet} min"
        f"<td><b>{WORDS[urgency]}</b></tr>\n"
    )
    return _Row(urgency, html)


def _urgency(seat: dict[str, Any], step: dict[str, Any] | None, quiet: int) -> int:
    if seat["help"]:
        return 0
    failed = step is not None and bool(step["failure"])
    if quiet >= QUIET_MINUTES:
        return 1 if failed else 2
    return 3 if failed else 4


def _trouble(one: Trouble) -> str:
    return (
        f"<tr><th scope=row>{escape(one.title)}<p class=said>lab {escape(one.lab)}, "
        f"<code>{escape(one.step)}</code></p><td>{one.seats}<td>{one.failures}"
        f"<td>{_words(one.message)}<p class=said>{_words(one.todo)}</p></tr>\n"
    )


def _words(text: str) -> str:
    """Return a message as HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _minutes(last: str | None, now: datetime) -> int:
    if not last:
        return 0
    return max(0, round((now - datetime.fromisoformat(last)).total_seconds() / 60))
