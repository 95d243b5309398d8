"""A query's picture that is drawn anew while something happens: `lab.watch(promql=…)`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from labs.errors import LabError
from labs.instance import Instance
from labs.metrics.asked import default_step
from labs.platform.prometheus import BadQuery
from labs.step import Frame

if TYPE_CHECKING:
    from labs.metrics.deploys import Deploy


def view(promql: str, title: str, minutes: float) -> Callable[[Instance], Frame]:
    """Return what shows the last minutes of a query, up to the moment of each look.

    The first look raises BadQuery, LabError; a later one tells on the picture's place what is
    amiss: Prometheus may go, and come back, while one watches.
    """
    if not minutes > 0:
        raise LabError(f"minutes={minutes:g}", expected="more than none", todo="leave it out: 5")
    looked = False

    def look(instance: Instance) -> Frame:
        nonlocal looked
        try:
            found = _frame(instance, promql, title, timedelta(minutes=minutes))
        except BadQuery:
            raise
        except LabError as away:
            if not looked:
                raise
            return Frame(str(away))
        looked = True
        return found

    return look


def _frame(instance: Instance, promql: str, title: str, span: timedelta) -> Frame:
    from labs.metrics import plot  # pandas: most cells ask nothing of Prometheus
    from labs.metrics.frames import over_time, spaced
    from labs.platform import prometheus

    now = datetime.now().astimezone()
    start, step = now - span, default_step(span.total_seconds())
    found = over_time(prometheus.query_range(instance, promql, start, now, step))
    words = title or " ".join(promql.split())
    if found.empty:
        return Frame(f"{words}: no series has a value yet")
    shown, remark = plot.drawable(spaced(found, step))
    moves, without = _deploys(instance, start, now)
    drawing = plot.picture(shown, words, moves, (start, now))
    told = plot.in_words(shown, words, moves)
    return Frame("\n".join(one for one in (told, remark, without) if one), drawing=drawing)


def _deploys(instance: Instance, start: datetime, end: datetime) -> tuple[list[Deploy], str]:
    """Return the deploys to draw; a picture without them is better than none, and says so."""
    from labs.metrics.deploys import deploys

    try:
        return deploys(instance, start, end), ""
    except LabError as failed:
        return [], f"Drawn without deploys: {failed.found}. Next: {failed.todo}"
