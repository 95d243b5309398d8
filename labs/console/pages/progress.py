"""The reader's progress, and the way back into the notebook."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labs.console.rendering import page
from labs.console.site import asked, site
from labs.seats.summary import standing


def progress(request: Request) -> Response:
    """Show labs and steps, and the one that the reader is at."""
    here = site(request)
    return page(
        request,
        "progress.html",
        topics=("progress",),
        standing=asked(lambda: standing(here.labs.value())),
        notebooks=notebooks(request),
    )


def notebooks(request: Request) -> str:
    """Return where JupyterLab opens the reader's notebooks, without the file's name.

    Behind JupyterLab's proxy that is the same address; otherwise its own port.
    """
    prefix = str(request.scope.get("prefix", ""))
    if prefix:
        return f"{prefix.rpartition('/')[0]}/lab/tree/notebooks/"
    return f"http://127.0.0.1:{site(request).seat.port('jupyter')}/lab/tree/notebooks/"


ROUTES = [Route("/progress", progress)]
