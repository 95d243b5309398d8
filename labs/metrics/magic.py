"""`%%promql`, and `%promql` on a line: asks Prometheus, shows a picture, hands back the table.

It is there after `from labs import lab` alone, in every kernel. What it needs is loaded when it
is first used: most cells ask nothing of Prometheus.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from labs import show
from labs.errors import LabError
from labs.instance import Instance

if TYPE_CHECKING:
    from labs.metrics.asked import Asked
    from labs.metrics.deploys import Deploy
    from labs.metrics.frames import Frame
    from labs.platform.prometheus import Matrix, Result


def register() -> None:
    """Make the magic known to the notebook; on the command line there is nothing to do."""
    if "IPython" not in sys.modules:
        return
    from IPython.core.getipython import get_ipython
    from IPython.core.magic import no_var_expand

    shell = cast(Any, get_ipython())
    if shell is None:
        return

    def magic(line: str, cell: str = "") -> Any:
        """Ask Prometheus: `%%promql --range 30m --title "Requests a second"`, a query below."""
        return promql(line, cell, shell.user_ns)

    # PromQL's own braces are not Python's: nothing is put in their place.
    verbatim = cast(Any, no_var_expand)(magic)
    shell.register_magic_function(verbatim, "line_cell", "promql")


def promql(line: str, cell: str, variables: dict[str, Any]) -> Frame | None:
    """Show what a query gives; return it as a table. Raises BadQuery, LabError.

    With `--into NAME` the table goes into that variable, and nothing is returned.
    """
    from labs.metrics.asked import asked
    from labs.metrics.frames import at_once
    from labs.platform import prometheus

    wanted = asked(line, cell, datetime.now().astimezone())
    instance = Instance.current()
    if wanted.span is None:
        found: Result = prometheus.query(instance, wanted.promql, wanted.at)
    else:
        start = wanted.at - timedelta(seconds=wanted.span)
        found = prometheus.query_range(instance, wanted.promql, start, wanted.at, wanted.step)
    for note in found.notes:
        show.line(f"Prometheus remarks: {note}")
    if isinstance(found, prometheus.Matrix):
        frame = _drawn(instance, found, wanted)
    else:
        frame = at_once(found)
        if wanted.title:
            show.markdown(f"**{wanted.title}**")
        if frame.empty:
            _nothing(wanted)
    if wanted.into:
        variables[wanted.into] = frame
        return None
    return frame


def _drawn(instance: Instance, found: Matrix, wanted: Asked) -> Frame:
    from labs.metrics import plot
    from labs.metrics.frames import over_time, spaced

    frame = over_time(found)
    if frame.empty:
        _nothing(wanted)
        return frame
    if wanted.span is None:  # a selector such as up[5m] asked at one moment: no steps to keep
        start, even = frame.index[0].to_pydatetime(), frame
    else:
        start, even = wanted.at - timedelta(seconds=wanted.span), spaced(frame, wanted.step)
    shown, remark = plot.drawable(even)
    title = wanted.title or " ".join(wanted.promql.split())
    show.drawing(
        plot.picture(shown, title, _deploys(instance, start, wanted.at), (start, wanted.at))
    )
    if remark:
        show.line(remark)
    return frame


def _deploys(instance: Instance, start: datetime, end: datetime) -> list[Deploy]:
    """Return the deploys to draw; a picture without them is better than none, and says so."""
    from labs.metrics.deploys import deploys

    try:
        return deploys(instance, start, end)
    except LabError as failed:
        show.line(f"Drawn without deploys: {failed.found}. Next: {failed.todo}")
        return []


def _nothing(wanted: Asked) -> None:
    when = f"{wanted.at.astimezone():%H:%M:%S}"
    span = f"in the {wanted.span:g} s up to {when}" if wanted.span else f"at {when}"
    show.line(
        f"No series has a value {span}: no such metric, no such label, or nothing scraped yet. "
        "`%promql count by (job) (up)` shows what is scraped."
    )
