"""The console's HTTP: its pages, its stream of changes, and what stands before both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from labs.console import pages, rendering
from labs.console.guard import Guard, protect
from labs.console.hub import Hub
from labs.console.site import Site, site
from labs.errors import LabError

STATIC = Path(__file__).with_name("static")
PING_SECONDS = 15
TOPICS = 20
"""How many topics a stream may be about."""


def build(site: Site) -> Starlette:
    """Return the console of a site, ready to be served."""
    routes: list[BaseRoute] = [
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
        Route("/healthz", _healthy),
        Route("/stream", _stream),
    ]
    for found in iter_modules(pages.__path__):
        routes += import_module(f"{pages.__name__}.{found.name}").ROUTES
    port = site.seat.port("console")
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(
                Guard,
                token=site.token,
                cookie=f"console-{site.seat.name}",
                hosts=[f"127.0.0.1:{port}", f"localhost:{port}"],
                refuse=rendering.refusal,
            ),
            Middleware(_Noted, hub=site.hub),
        ],
        exception_handlers={LabError: _lab_error, HTTPException: _http_error, Exception: _broken},
    )
    app.state.site = site
    return app


class _Noted:
    """Notes, before a page looks at anything, that somebody looks, and how many changes there were.

    The page's stream begins at that number, so none is lost between the page and its stream.
    """

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._hub.asked()
            scope["hub_number"] = self._hub.number
        await self._app(scope, receive, send)


async def _healthy(request: Request) -> Response:
    return PlainTextResponse("well\n")


async def _stream(request: Request) -> Response:
    """Tell a page each time that something changed which it shows."""
    topics = request.query_params.get("topics", "").split()[:TOPICS]
    since = request.query_params.get("since", "")
    hub = site(request).hub

    async def events() -> AsyncIterator[dict[str, str]]:
        # Numbers begin anew with the process: a page of an earlier one is fetched again at once.
        start = int(since) if since.isdecimal() and int(since) <= hub.number else -1
        yield {"event": "open", "data": str(hub.number)}
        async for number in hub.changes(topics, start):
            yield {"event": "changed", "data": str(number)}

    return EventSourceResponse(events(), ping=PING_SECONDS)


def _lab_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LabError)
    return rendering.trouble(request, error)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        found = f"no page {request.url.path}"
        return rendering.refusal(request, 404, found, "one of those above", "choose one")
    return rendering.refusal(
        request, error.status_code, str(error.detail), "another request", "go back"
    )


def _broken(request: Request, error: Exception) -> Response:
    found = f"the console has a fault: {type(error).__name__}"
    todo = "see `make logs PART=console`; the rest of the console works"
    answer = rendering.refusal(request, 500, found, "a page", todo)
    protect(answer.headers)  # Starlette sends this one from outside all middleware
    return answer
