"""What is wrong with dashboards: their JSON, their names, and queries that Prometheus cannot read.

promtool judges all queries of all dashboards in one run, as if they were rules: it reads these
without a server, and says where in a query it stopped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from labs.gitops.monitoring.dashboards import (
    BUILT_IN,
    DASHBOARDS,
    DRAWN,
    Dashboard,
    NotADashboard,
    filled_in,
    lines_of,
    read,
)
from labs.run import CommandFailed, run

SECONDS = 20
REFUSED = re.compile(r'^\d+:\d+: group "(\d+)", rule (\d+), "q": could not parse expression: (.+)$')
INSTEAD = {name: "60" if name.endswith(("_ms", "_s")) else "1m" for name in BUILT_IN}
"""What a query is judged with in place of what Grafana puts in when it asks."""


def problems(root: Path, files: Sequence[Path], promtool: Path) -> list[str]:
    """Return what is wrong with dashboards, each with its file and line."""
    boards: list[tuple[str, str, Dashboard]] = []
    found = []
    for path in files:
        name, text = path.relative_to(root).as_posix(), path.read_text(errors="replace")
        try:
            boards.append((name, text, read(path.stem, text)))
        except NotADashboard as wrong:
            found.append(
                f"{name}:{wrong.line}: {wrong.found}" if wrong.line else f"{name}: {wrong.found}"
            )
    found += _of_uids(boards)
    for name, text, board in boards:
        for line, query in zip(lines_of(text, board.queries), board.queries, strict=True):
            for unknown in board.unknown_variables(query):
                found.append(f"{name}:{line}: no variable ${unknown} in this dashboard")
    return [*found, *_unreadable(boards, promtool)]


def undrawn(root: Path) -> list[str]:
    """Return a remark for each panel that Grafana draws and the lab does not."""
    found = []
    for path in sorted((root / DASHBOARDS).glob("*.json")):
        try:
            board = read(path.stem, path.read_text(errors="replace"))
        except NotADashboard:
            continue  # problems() says so
        found += [
            f"{path.relative_to(root).as_posix()}: {panel.title!r} is of type {panel.kind!r}, which"
            " Grafana draws and the lab does not"
            for panel in board.panels
            if panel.kind not in DRAWN
        ]
    return found


def _of_uids(boards: Sequence[tuple[str, str, Dashboard]]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name, text, board in boards:
        line = next((n for n, one in enumerate(text.splitlines(), 1) if '"uid"' in one), 1)
        if not board.uid:
            yield f"{name}: no uid: Grafana would give it a new one, and links to it would break"
        elif board.uid in seen:
            yield f"{name}:{line}: the uid {board.uid!r} is that of {seen[board.uid]} too"
        seen.setdefault(board.uid, name)


def _unreadable(boards: Sequence[tuple[str, str, Dashboard]], promtool: Path) -> list[str]:
    """Return what promtool has against the queries."""
    groups = [
        {
            "name": str(number),
            "rules": [{"record": "q", "expr": judged(board, query)} for query in board.queries],
        }
        for number, (_, _, board) in enumerate(boards)
    ]
    if not any(group["rules"] for group in groups):
        return []
    try:
        run(
            *(promtool, "check", "rules", "--lint=none"),
            stdin=json.dumps({"groups": groups}),
            timeout=SECONDS,
        )
    except CommandFailed as refused:
        said = list(told(boards, f"{refused.stdout}\n{refused.stderr}"))
        return said or [f"{DASHBOARDS}: {refused.found}"]
    return []


def told(boards: Sequence[tuple[str, str, Dashboard]], words: str) -> Iterator[str]:
    """Yield what promtool said of queries, each with its file and line."""
    for line in words.splitlines():
        refused = REFUSED.match(line.strip())
        if refused:
            name, text, board = boards[int(refused[1])]
            number = int(refused[2]) - 1
            place = lines_of(text, board.queries)[number]
            yield f"{name}:{place}: in the query {board.queries[number]!r}: {refused[3]}"


def judged(board: Dashboard, query: str) -> str:
    """Return a query as it may be asked: something stands in place of each variable."""
    values = {name: value or "x" for name, value in board.variables.items()}
    return filled_in(query, {**values, **INSTEAD})
