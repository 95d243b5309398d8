"""The app's addresses: the page, the same facts as JSON, probes and metrics."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hello import version
from hello.metrics import Measured, Metrics
from hello.page import SECURITY_HEADERS, render
from hello.settings import Settings

Facts = dict[str, str | int]


@dataclass
class Life:
    """Where the process is in its life: until `draining` it is ready for requests."""

    draining: bool = False
    last_asked: float = 0.0
    """When somebody last asked, by the monotonic clock; the cluster's own probes do not count."""
    answered: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    started: float = field(default_factory=time.monotonic)


PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""What the cluster asks each pod itself, whether or not requests are still sent to it."""


class LastAnswers:
    """Middleware that notes when somebody asks, and sends clients of a draining process away.

    It asks them to come back by a new connection. That one leads to another pod, so that nobody
    holds a connection when this one ends.
    """

    def __init__(self, app: ASGIApp, life: Life) -> None:
        self.app = app
        self.life = life

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            self.life.last_asked = time.monotonic()

        async def last(message: Message) -> None:
            if message["type"] == "http.response.start" and self.life.draining:
                message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
            await send(message)

        await self.app(scope, receive, last if scope["type"] == "http" else send)


def create_app(settings: Settings, life: Life) -> Starlette:
    """Return the app; `life` is shared with the server, which ends it."""
    metrics = Metrics(version.VERSION, settings.commit)

    def facts() -> Facts:
        return {
            "app": "hello",
            "version": version.VERSION,
            "words": version.WORDS,
            "shape": version.SHAPE,
            "shape_colour": version.COLOUR,
            "commit": settings.commit,
            "built": settings.built,
            "greeting": settings.greeting,
            "colour": settings.colour,
            "pod": settings.pod,
            "answered": next(life.answered),
            "uptime_seconds": int(time.monotonic() - life.started),
        }

    async def page(request: Request) -> Response:
        return HTMLResponse(render(facts()), headers=SECURITY_HEADERS)

    async def api(request: Request) -> Response:
        # Closed after each answer: the next question may go to another pod.
        headers = {"Cache-Control": "no-store"}
        if not life.draining:
            headers["Connection"] = "close"
        return JSONResponse(facts(), headers=headers)

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        if life.draining:
            return PlainTextResponse("draining\n", status_code=503)
        return PlainTextResponse("ready\n")

    async def scrape(request: Request) -> Response:
        # The header is set whole: with `media_type` Starlette would add a second charset.
        return Response(
            generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    routes = [
        Route("/", page),
        Route("/api", api),
        Route("/api/info", api),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", scrape),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(LastAnswers, life=life),
            Middleware(Measured, metrics=metrics, paths=frozenset(route.path for route in routes)),
        ],
    )
