"""Metrics: the dashboards of the config repo, and a line of PromQL."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labs.console import boards
from labs.console.boards import MINUTES, RANGES, Boards
from labs.console.rendering import page
from labs.console.site import asked, site
from labs.gitops.monitoring.dashboards import COLUMNS, DRAWN
from labs.metrics import plot
from labs.metrics.dashboard_units import COLOURS

USUAL = 15
MOODS = {
    "green": "good",
    "red": "bad",
    "orange": "warn",
    "yellow": "warn",
    "blue": "act",
    "purple": "act",
}
SVG = {
    # A drawing has its looks in it; shown by <img>, it can do nothing else.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "private, max-age=120",
}


def metrics(request: Request) -> Response:
    """Show a dashboard, and what a query gives."""
    found = site(request).kept(Boards)
    asked_for = request.query_params
    tick = boards.now()
    listed = asked(found.listed)
    names = [one.name for one in listed.value or ()]
    name = asked_for.get("board", "") or next(iter(names), "")
    minutes = _minutes(asked_for.get("minutes", ""))
    query, span = asked_for.get("query", "").strip(), asked_for.get("range", "")
    span = span if span in RANGES else ""
    return page(
        request,
        "metrics.html",
        topics=("metrics", "git"),
        listed=listed,
        name=name,
        minutes=minutes,
        choices=MINUTES,
        shown=asked(lambda: found.shown(name, minutes, tick)) if names else None,
        query=query,
        span=span,
        ranges=[*RANGES],
        answer=asked(lambda: found.answer(query, span, tick)) if query else None,
        tick=tick,
        mood=_mood,
        words=lambda one, made: plot.in_words(plot.drawable(one)[0], "", made).lstrip("; "),
        columns=COLUMNS,
        drawn=DRAWN,
    )


def panel(request: Request) -> Response:
    """Return a panel's drawing."""
    asked_for = request.query_params
    number = asked_for.get("panel", "")
    drawn = (
        site(request)
        .kept(Boards)
        .panel(
            asked_for.get("board", ""),
            _minutes(asked_for.get("minutes", "")),
            int(number) if number.isdecimal() and len(number) < 5 else -1,
            boards.near(asked_for.get("at", "")),
        )
    )
    return Response(drawn, media_type="image/svg+xml", headers=SVG)


def graph(request: Request) -> Response:
    """Return a query's drawing."""
    asked_for = request.query_params
    span = asked_for.get("range", "")
    drawn = (
        site(request)
        .kept(Boards)
        .graph(
            asked_for.get("query", ""),
            span if span in RANGES else "",
            boards.near(asked_for.get("at", "")),
        )
    )
    return Response(drawn, media_type="image/svg+xml", headers=SVG)


def _minutes(text: str) -> int:
    """Return how many minutes an address asks for: a day at most."""
    return min(max(int(text), 1), MINUTES[-1]) if text.isdecimal() and len(text) < 6 else USUAL


def _mood(colour: str) -> str:
    """Return the class of a colour: the page has its own, which can be read on dark as well."""
    names = {shade: name for name, shade in COLOURS.items()}
    return MOODS.get(names.get(colour, ""), "")


ROUTES = [
    Route("/metrics", metrics),
    Route("/metrics/panel.svg", panel),
    Route("/metrics/query.svg", graph),
]
