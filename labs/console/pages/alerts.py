"""Alerts: what fires, what is silenced, what has ended; and the divergence behind each.

A silence is the one thing here that is no commit: it ends by itself, and changes nothing that runs.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labs.console import books as library
from labs.console.divergence import behind, cards
from labs.console.rendering import form, page, redirect
from labs.console.site import Site, asked, site
from labs.platform import alertmanager
from labs.receiver.board import View
from labs.receiver.page import SEVERITIES, TIMES, USUAL, silencing

BY = "attendee"


def alerts(request: Request) -> Response:
    """Show the alerts."""
    here = site(request)
    firing = asked(here.alerts.value)
    groups = firing.value.groups if firing.value else ()
    places = asked(lambda: _places(here)).value or {}
    return page(
        request,
        "alerts.html",
        topics=("alerts", "git"),
        firing=firing,
        active=cards(groups, "active"),
        quiet=cards(groups, "suppressed"),
        behind=lambda labels: behind(labels, places),
        times=TIMES,
        usual=USUAL,
        severities=SEVERITIES,
    )


def silence(request: Request) -> Response:
    """Have nobody told of a group of alerts, or of one of it, for a time."""
    here, sent = site(request), form(request)
    view = View(groups=here.alerts.value().groups)
    todo = "nothing: go back, and look at what fires now"
    labels, seconds, reason = silencing(view, sent, todo)
    alertmanager.silence(here.seat, labels, seconds, BY, reason)
    here.alerts.hurry()
    return redirect("/alerts")


def unsilence(request: Request) -> Response:
    """End a silence now."""
    here = site(request)
    alertmanager.unsilence(here.seat, form(request).get("id", ""))
    here.alerts.hurry()
    return redirect("/alerts")


def _places(here: Site) -> dict[tuple[str, str], str]:
    """Return each workload's environment, by its namespace and name."""
    known = library.books(here.repo())
    return {
        (known.namespaces[one.environment], one.app): one.environment for one in known.workloads
    }


ROUTES = [
    Route("/alerts", alerts, methods=["GET"]),
    Route("/alerts/silence", silence, methods=["POST"]),
    Route("/alerts/unsilence", unsilence, methods=["POST"]),
]
