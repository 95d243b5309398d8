"""Who may ask the console: token, cookie, Host, other sites, and the proxy's word."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from labs.console.guard import Guard
from labs.platform.console import TOKEN_HEADER
from tests.unit.asked import Client

TOKEN = "a-token-of-the-test"
HOST = "127.0.0.1:8600"


def refuse(request: Request, status: int, found: str, expected: str, todo: str) -> Response:
    return PlainTextResponse(f"{found}; {expected}; {todo}", status)


def told(request: Request) -> Response:
    return PlainTextResponse(f"prefix {request.scope.get('prefix', '')!r}")


@pytest.fixture
def client() -> Client:
    guard = Middleware(Guard, token=TOKEN, cookie="console-x", hosts=[HOST], refuse=refuse)
    routes = [
        Route("/", told),
        Route("/healthz", told),
        Route("/workloads", told, methods=["GET", "POST"]),
    ]
    app = Starlette(routes=routes, middleware=[guard])
    return Client(app, f"http://{HOST}")


@pytest.fixture
def known(client: Client) -> Client:
    client.cookies.set("console-x", TOKEN)
    return client


def test_without_a_token_nothing_is_shown(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 401
    assert "make status" in answer.text
    assert client.get("/?token=another").status_code == 401
    assert client.get("/healthz").status_code == 200


def test_the_token_becomes_a_cookie_and_leaves_the_address(client: Client) -> None:
    answer = client.get(f"/workloads?app=hello&token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/workloads?app=hello"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/workloads?app=hello").status_code == 200


def test_a_redirect_stays_on_this_host(client: Client) -> None:
    answer = client.get(f"http://{HOST}//evil.example/?token={TOKEN}")
    assert answer.headers.get("location", "/").startswith("/")
    assert not answer.headers.get("location", "/").startswith("//")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:9999", "127.0.0.1:8600.evil.example"])
def test_another_host_is_refused(known: Client, host: str) -> None:
    answer = known.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert HOST in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8888"},
    ],
)
def test_what_another_site_sends_is_refused(known: Client, headers: Mapping[str, str]) -> None:
    assert known.post("/workloads", headers=dict(headers)).status_code == 403


def test_a_form_of_its_own_and_a_link_from_elsewhere_are_taken(known: Client) -> None:
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
    assert known.post("/workloads", headers=own).status_code == 200
    assert known.post("/workloads", headers={"Origin": f"http://{HOST}"}).status_code == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert known.get("/workloads", headers=link).status_code == 200
    read = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    assert known.get("/workloads", headers=read).status_code == 403


def test_the_proxy_is_known_by_the_token_alone(client: Client) -> None:
    told = {"X-Forwarded-Context": "/console", "Host": "127.0.0.1:8888"}
    by_proxy = {**told, TOKEN_HEADER: TOKEN}
    assert client.get("/", headers=by_proxy).text == "prefix '/console'"
    assert client.get("/", headers={**told, TOKEN_HEADER: "another"}).status_code == 421
    strange = {**by_proxy, "X-Forwarded-Context": '/"><script>'}
    assert client.get("/", headers=strange).text == "prefix ''"


def test_every_answer_says_what_a_page_may_do(client: Client) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert client.get("/").headers["x-content-type-options"] == "nosniff"
