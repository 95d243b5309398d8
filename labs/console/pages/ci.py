"""CI: its runs, each with its stages, its log as it comes, and the image that came out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labs.console import books as library
from labs.console import rendering
from labs.console.rendering import page
from labs.console.site import asked, site
from labs.errors import LabError

LISTED = 50
"""Runs that are listed, the newest."""
LINES = 2000
"""Lines of a log that are shown, the last ones."""


def runs(request: Request) -> Response:
    """Show the newest runs."""
    here = site(request)
    return page(
        request,
        "ci.html",
        topics=("ci", "git"),
        ci=asked(here.ci.value),
        runs=here.ci.seen[:LISTED],
        more=len(here.ci.seen[LISTED:]),
        books=asked(lambda: library.books(here.repo())),
    )


def run(request: Request) -> Response:
    """Show one run."""
    here = site(request)
    number = request.path_params["number"]
    follower = here.following.run(number)
    if follower.seen is None:
        trouble = follower.trouble or _silent(number)
        return rendering.trouble(request, trouble, 404, (follower.topic, "ci"))
    seen = follower.seen
    lines = seen.text.splitlines()
    return page(
        request,
        "ci_run.html",
        topics=(follower.topic, "git", *(["ci"] if seen.run.has_ended else [])),
        run=seen.run,
        lines=lines[-LINES:],
        left_out=max(0, len(lines) - LINES),
        trouble_now=follower.trouble,
        books=asked(lambda: library.books(here.repo())),
    )


def _silent(number: int) -> LabError:
    return LabError(
        f"run {number} is not told yet: CI takes its time",
        expected="CI's answer within a few seconds",
        todo="load the page again; `make status` shows whether CI is up",
    )


ROUTES = [
    Route("/ci", runs),
    Route("/ci/{number:int}", run),
]
