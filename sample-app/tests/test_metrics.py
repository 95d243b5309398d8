"""What Prometheus gets."""

from __future__ import annotations

import asyncio

import pytest
from conftest import Running
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message, Receive, Scope, Send

from hello.metrics import Measured, Metrics
from hello.version import VERSION


def scraped(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_and_timed_by_route(server: Running) -> None:
    counted = ("hello_http_requests_total", (("code", "404"), ("method", "GET"), ("path", "other")))
    timed = ("hello_http_request_duration_seconds_count", (("path", "other"),))
    before = scraped(server.get("/metrics").text)
    for path in ("/one", "/two"):
        server.get(path)
    after = scraped(server.get("/metrics").text)
    assert after[counted] == before.get(counted, 0) + 2
    assert after[timed] == before.get(timed, 0) + 2


def test_the_build_and_the_errors_are_there_from_the_start(server: Running) -> None:
    values = scraped(server.get("/metrics").text)
    assert values["hello_build_info", (("commit", "0a" * 20), ("version", VERSION))] == 1
    assert values["hello_http_errors_total", (("path", "/"),)] == 0
    assert values["process_resident_memory_bytes", ()] > 0


def test_probes_and_scrapes_are_not_counted(server: Running) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        server.get(path)
    paths = {dict(labels).get("path") for _, labels in scraped(server.get("/metrics").text)}
    assert paths.isdisjoint({"/healthz", "/readyz", "/metrics"})


def test_the_format_is_named_once(server: Running) -> None:
    kind = server.get("/metrics").headers["Content-Type"]
    assert kind.startswith("text/plain; version=")
    assert kind.count("charset") == 1


def test_an_app_that_fails_is_an_error() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("broken")

    async def nothing_to_read() -> Message:
        raise AssertionError("nothing is read")

    async def nothing_to_send(message: Message) -> None:
        raise AssertionError(f"nothing is sent, but {message}")

    metrics = Metrics("1", "2")
    scope = {"type": "http", "path": "/", "method": "BREW"}
    measured = Measured(failing, metrics, frozenset({"/"}))
    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(measured(scope, nothing_to_read, nothing_to_send))
    value = metrics.registry.get_sample_value
    assert value("hello_http_errors_total", {"path": "/"}) == 1
    labels = {"method": "other", "path": "/", "code": "500"}
    assert value("hello_http_requests_total", labels) == 1
