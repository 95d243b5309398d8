"""The overview: the loop as it is at this moment, and where the newest commit is in it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labs.console.loop import Loops
from labs.console.pages import sync
from labs.console.rendering import page
from labs.console.site import site
from labs.gitops.stages import STAGES


def overview(request: Request) -> Response:
    """Show the loop."""
    here = site(request)
    seen = here.kept(Loops).look()
    return page(
        request,
        "overview.html",
        topics=("cluster", "git", "registry", "ci"),
        seen=seen,
        stages=STAGES,
        sync_command=sync.command(here.cluster),
    )


ROUTES = [Route("/", overview)]
