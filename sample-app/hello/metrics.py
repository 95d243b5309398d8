"""What Prometheus can ask: how many requests, how many failed, how long they took, which build.

Probes and scrapes are not counted: they would hide how the app does for people.
"""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNCOUNTED = {"/healthz", "/readyz", "/metrics"}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The metrics of one app."""

    def __init__(self, version: str, commit: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "hello_http_requests",
            "Requests answered, without probes and scrapes.",
            ["method", "path", "code"],
            registry=self.registry,
        )
        self.errors = Counter(
            "hello_http_errors",
            "Requests that ended with a server error (code 500 or above).",
            ["path"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "hello_http_request_duration_seconds",
            "Seconds from a request to the end of its answer.",
            ["path"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        build = Gauge(
            "hello_build_info",
            "Always 1; the labels say which build this is.",
            ["version", "commit"],
            registry=self.registry,
        )
        build.labels(version, commit).set(1)


class Measured:
    """Middleware that counts and times each request by its route, so that paths stay few."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]) -> None:
        self.app = app
        self.metrics = metrics
        self.paths = paths
        for path in paths - UNCOUNTED:  # a series that exists from the start has a rate at once
            metrics.errors.labels(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self.app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self.paths else "other"
        method = scope["method"] if scope["method"] in METHODS else "other"
        code = 500  # what the reader gets if the app raises before it answers

        async def watched(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        start = time.perf_counter()
        try:
            await self.app(scope, receive, watched)
        finally:
            self.metrics.seconds.labels(path).observe(time.perf_counter() - start)
            self.metrics.requests.labels(method, path, str(code)).inc()
            if code >= 500:
                self.metrics.errors.labels(path).inc()
