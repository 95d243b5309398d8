"""What the server answers."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable

import pytest
from conftest import Running

from hello.version import COLOUR, SHAPE, VERSION, WORDS


def test_the_api_tells_where_the_answer_comes_from(server: Running) -> None:
    facts = json.loads(server.get("/api/info").text)
    assert facts["version"] == VERSION
    assert (facts["words"], facts["shape"], facts["shape_colour"]) == (WORDS, SHAPE, COLOUR)
    assert (facts["commit"], facts["built"]) == ("0a" * 20, "yesterday")
    assert (facts["greeting"], facts["colour"]) == ("<b>Griaß di</b>", "teal")
    assert facts["pod"] == socket.gethostname()


def test_the_short_address_says_the_same_and_counts(server: Running) -> None:
    first, second = (json.loads(server.get(path).text) for path in ("/api", "/api/info"))
    assert second.pop("answered") == first.pop("answered") + 1
    assert first.pop("uptime_seconds") <= second.pop("uptime_seconds")
    assert first == second


def test_each_answer_of_the_api_ends_its_connection(server: Running) -> None:
    assert server.get("/api").headers["Connection"] == "close"


def test_the_page_shows_it_without_a_script_and_escapes_it(server: Running) -> None:
    page = server.get("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "&lt;b&gt;Griaß di&lt;/b&gt;" in page.text
    assert "<b>Griaß" not in page.text
    for fact in (VERSION, WORDS, ">0a0a0a0a0a<", "yesterday", socket.gethostname()):
        assert fact in page.text
    assert f'href="#{SHAPE}"' in page.text


def test_the_page_needs_nothing_from_elsewhere(server: Running) -> None:
    page = server.get("/")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    outside = re.findall(r"(?:https?:)?//[a-z][^\s\"']+", page.text)
    assert outside == ["http://www.w3.org/2000/svg"]  # the name of a format, never fetched


@pytest.mark.parametrize(("path", "words"), [("/healthz", "ok\n"), ("/readyz", "ready\n")])
def test_probes_say_yes(server: Running, path: str, words: str) -> None:
    answer = server.get(path)
    assert (answer.code, answer.text) == (200, words)


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda server: server.get("/nothing-here").code, 404),
        (lambda server: server.get("/", method="POST").code, 405),
        (lambda server: server.get("/", method="HEAD").code, 200),
    ],
)
def test_other_requests_get_the_code_that_fits(
    server: Running, ask: Callable[[Running], int], code: int
) -> None:
    assert ask(server) == code
