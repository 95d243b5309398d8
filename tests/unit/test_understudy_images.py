"""Names of images, and what a registry is asked, against a server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from labs.understudy.images import (
    BadImage,
    Repository,
    ScanFailed,
    checksum,
    digest,
    tags,
    without,
)
from labs.understudy.patterns import BadPattern

DIGEST = "sha256:" + "a" * 64


class Registry(BaseHTTPRequestHandler):
    """As much of a registry as a scan asks for: pages, a token, errors."""

    token: ClassVar[str] = ""
    pages: ClassVar[list[list[str] | None]] = [["1.0.0"]]
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        host = self.headers["Host"]
        if self.path.startswith("/token"):
            self.send({"token": self.token})
        elif self.token and self.headers.get("Authorization") != f"Bearer {self.token}":
            realm = f'Bearer realm="http://{host}/token",service="r",scope="repository:x:pull"'
            self.send({"errors": []}, 401, {"WWW-Authenticate": realm})
        elif self.path.startswith("/v2/hello/tags/list"):
            page = int(self.path.partition("page=")[2] or 0)
            more = page + 1 < len(self.pages)
            link = {"Link": f'</v2/hello/tags/list?page={page + 1}>; rel="next"'} if more else {}
            self.send({"name": "hello", "tags": self.pages[page]}, headers=link)
        elif self.path == "/v2/hello/manifests/1.0.0":
            self.send({}, headers={"Docker-Content-Digest": DIGEST})
        elif self.path.startswith("/v2/odd/"):
            self.send(["no", "object"])
        else:
            error = {"code": "NAME_UNKNOWN", "message": "repository name not known to registry"}
            self.send({"errors": [error]}, 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def send(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Registry, "token", "")
    monkeypatch.setattr(Registry, "pages", [["1.0.0"]])
    monkeypatch.setattr(Registry, "asked", [])
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("image", "canonical"),
    [
        ("registry:5000/hello", "registry:5000/hello"),
        ("ghcr.io/fluxcd/source-controller", "ghcr.io/fluxcd/source-controller"),
        ("alpine", "index.docker.io/library/alpine"),
        ("stefanprodan/podinfo", "index.docker.io/stefanprodan/podinfo"),
        ("docker.io/library/alpine", "index.docker.io/library/alpine"),
        ("localhost/x", "localhost/x"),
    ],
)
def test_what_a_name_implies(image: str, canonical: str) -> None:
    assert Repository.parse(image).canonical == canonical


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("http://registry:5000/hello", "should not include URL scheme; remove 'http://'"),
        ("registry:5000/hello:1.0.0", "should not include a tag; remove ':1.0.0'"),
        ("hello:1.0.0", "should not include a tag"),
        ("registry:5000/hello@sha256:aa", "should not include a tag"),
        ("registry:5000/Hello", "could not parse reference"),
        ("registry:5000/", "could not parse reference"),
    ],
)
def test_a_name_that_is_none_is_refused(image: str, why: str) -> None:
    with pytest.raises(BadImage, match=why):
        Repository.parse(image)


def test_insecure_means_http() -> None:
    assert Repository.parse("r:1/x", insecure=True).address == "http://r:1/v2/x"
    assert Repository.parse("r:1/x").address == "https://r:1/v2/x"


def test_all_pages_are_read(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "pages", [["1.0.0", "latest"], ["1.1.0"], None])
    assert tags(Repository(registry, "hello", True), 5) == ["1.0.0", "latest", "1.1.0"]


def test_a_token_is_got_where_one_is_asked_for(
    registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "token", "secret")
    assert tags(Repository(registry, "hello", True), 5) == ["1.0.0"]
    assert any("scope=repository%3Ax%3Apull" in path for path in Registry.asked)


def test_a_digest_is_read(registry: str) -> None:
    assert digest(Repository(registry, "hello", True), "1.0.0", 5) == DIGEST


@pytest.mark.parametrize(
    ("path", "why"),
    [("nobody", "NAME_UNKNOWN: repository name not known to registry"), ("odd", "no list of tags")],
)
def test_what_the_registry_says_is_told(registry: str, path: str, why: str) -> None:
    with pytest.raises(ScanFailed, match=why):
        tags(Repository(registry, path, True), 5)


def test_a_registry_that_is_away_is_told() -> None:
    with pytest.raises(ScanFailed, match="refused"):
        tags(Repository("127.0.0.1:1", "hello", True), 5)


def test_exclusions_leave_the_rest_in_descending_order() -> None:
    found = ["1.0.0", "sha256-aa.sig", "2.0.0", "latest"]
    assert without(found, [r"^.*\.sig$", "^latest$"]) == ["2.0.0", "1.0.0"]
    with pytest.raises(BadPattern, match="failed to compile regex"):
        without(found, ["("])


def test_a_checksum_tells_lists_apart() -> None:
    assert checksum(["1.1.0", "1.0.0"]) != checksum(["1.0.0"])
    assert checksum([]) == "18153657"
