"""A dashboard of the config repo in the notebook: `lab.dashboard("app")`.

What is drawn is the file in the working folder of the reader's clone, pushed or not: so a panel is
seen before it is committed, and what is seen is said.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from labs import show as showing
from labs.errors import LabError
from labs.gitops.monitoring.dashboards import DASHBOARDS, Dashboard, read
from labs.instance import Instance


@dataclass(frozen=True)
class Listed:
    """A dashboard's file in the clone."""

    name: str
    path: Path

    def read(self) -> Dashboard:
        """Return what is in it. Raises NotADashboard."""
        return read(self.name, self.path.read_text())


def listed(instance: Instance) -> list[Listed]:
    """Return the dashboards in the reader's clone. Raises LabError where there are none."""
    folder = instance.work / "config-repo" / DASHBOARDS
    found = [Listed(path.stem, path) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise LabError(
            f"no dashboard in {folder}",
            expected="files of Grafana's JSON model, such as app.json",
            todo="`lab monitoring files` brings them, lab 09 tells of them",
        )
    return found


def named(instance: Instance, name: str) -> Listed:
    """Return the dashboard of a name. Raises LabError with those that there are."""
    found = listed(instance)
    wanted = [one for one in found if one.name == name.removesuffix(".json")]
    if not wanted:
        names = [one.name for one in found]
        near = difflib.get_close_matches(name, names, n=1)
        raise LabError(
            f"no dashboard {name!r} in {found[0].path.parent}",
            expected=f"one of {', '.join(names)}",
            todo=f"take {near[0]!r}" if near else f"write {DASHBOARDS}/{name}.json, or take one",
        )
    return wanted[0]


def show(instance: Instance, name: str, minutes: float = 15) -> None:
    """Draw a dashboard as it is now, over the last `minutes`.

    Raises LabError where there is no such file, or Prometheus does not answer.
    """
    html, said = drawn(instance, name, minutes)
    showing.html(html)
    showing.line(said)


def drawn(instance: Instance, name: str, minutes: float = 15) -> tuple[str, str]:
    """Return a dashboard as HTML, and which file it is, in words."""
    from labs.metrics.dashboard_data import Span, filled
    from labs.metrics.dashboard_page import page
    from labs.metrics.deploys import deploys

    if not minutes > 0:
        raise LabError(
            f"minutes={minutes}", expected="more than 0", todo="leave it out: the last 15 minutes"
        )
    chosen = named(instance, name)
    board = chosen.read()
    now = datetime.now().astimezone()
    span = Span(now - timedelta(minutes=minutes), now)
    panels = list(filled(instance, board, span))
    said = f"{board.title}: {minutes:g} minutes up to {now:%H:%M:%S}, from {_whence(chosen)}"
    try:
        made = deploys(instance, span.start, span.end)
    except LabError as failed:  # a picture without them is better than none, and says so
        made, said = [], f"{said}; without deploys: {failed.found}"
    return page(board, panels, span, made), said


def _whence(chosen: Listed) -> str:
    """Return where a file is and whether a commit has it so."""
    from labs.gitops.clone import Clone

    root = chosen.path.parents[len(Path(DASHBOARDS).parts)]
    path = chosen.path.relative_to(root).as_posix()
    clone = Clone(root)
    if clone.text(path) != chosen.path.read_text():
        return f"{path} in your clone, as no commit has it yet"
    return f"{path} in your clone, as commit {clone.commit().short} has it"
