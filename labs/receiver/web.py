"""The page's HTTP: Alertmanager's notifications come in, the page and its forms go out.

A form is taken from this page alone: a browser says where a request comes from (Sec-Fetch-Site, and
Origin before it), and what comes from another site is refused, whatever it holds.
"""

from __future__ import annotations

import hashlib
import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry, Counter, ProcessCollector, generate_latest

from labs.errors import LabError
from labs.platform.alertmanager import Client
from labs.receiver import page
from labs.receiver.board import Board, NotUnderstood
from labs.receiver.telling import told

LARGEST = 4 * 1024 * 1024
"""Bytes that a request's body may have."""
SECONDS = 15
"""How long a sender may take."""
BY = "attendee"
"""Whose silences the page's are: it is the reader's own lab."""
STATIC = {"/page.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8"}
HTML = "text/html; charset=utf-8"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Site:
    """What a request may reach: what is known, Alertmanager, and how to have it asked again."""

    def __init__(self, board: Board, alertmanager: Client, look: threading.Event) -> None:
        self.board = board
        self.alertmanager = alertmanager
        self.look_again = look
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.notifications = Counter(
            "receiver_notifications",
            "Notifications by Alertmanager, by their status.",
            ["status"],
            registry=self.registry,
        )
        for status in ("firing", "resolved"):
            self.notifications.labels(status)
        self.static = {
            path: files("labs.receiver").joinpath(path[1:]).read_bytes() for path in STATIC
        }

    def look(self) -> None:
        """Ask Alertmanager for everything that fires. Who cannot is told on the page."""
        try:
            self.board.look(self.alertmanager.groups(), self.alertmanager.silences())
        except LabError as away:
            self.board.away(away.found)


def serve(port: int, site: Site) -> ThreadingHTTPServer:
    """Return the server, which answers in the background."""

    class Handler(_Handler):
        pass

    Handler.site = site
    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    site: Site
    timeout = SECONDS
    server_version = "receiver"
    sys_version = ""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self._page(HTTPStatus.OK)
        elif path in STATIC:
            self._answer(HTTPStatus.OK, STATIC[path], self.site.static[path])
        elif path == "/api/notifications":
            body = json.dumps(told(self.site.board), indent=2).encode()
            self._answer(HTTPStatus.OK, "application/json", body)
        elif path == "/metrics":
            body = generate_latest(self.site.registry)
            self._answer(HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", body)
        elif path == "/healthz":
            self._say(HTTPStatus.OK, "well")
        else:
            self._say(HTTPStatus.NOT_FOUND, "no such page; the alerts are at /")

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._say(HTTPStatus.LENGTH_REQUIRED, "how long is it?")
            return
        if int(length) > LARGEST:
            self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{LARGEST} bytes at most")
            return
        body = self.rfile.read(int(length))
        if path == "/alerts":
            self._notified(body)
        elif path not in ("/silence", "/unsilence"):
            self._say(HTTPStatus.NOT_FOUND, "nobody takes anything there")
        elif not self._from_here():
            self._say(HTTPStatus.FORBIDDEN, "this form comes from another site")
        else:
            self._form(path, {key: all_[-1] for key, all_ in parse_qs(body.decode()).items()})

    def _notified(self, body: bytes) -> None:
        if self.headers.get_content_type() != "application/json":
            self._say(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "application/json, as Alertmanager sends")
            return
        try:
            heard = self.site.board.tell(json.loads(body))
        except (ValueError, NotUnderstood) as amiss:
            self._say(HTTPStatus.BAD_REQUEST, str(amiss))
            return
        if heard.status in ("firing", "resolved"):
            self.site.notifications.labels(heard.status).inc()
        self.site.look_again.set()
        self._say(HTTPStatus.OK, "heard")

    def _form(self, path: str, sent: dict[str, str]) -> None:
        """Do what a form asks for, and show the page again, at what came of it."""
        try:
            where = self._silence(sent) if path == "/silence" else self._unsilence(sent)
        except LabError as refused:
            self._page(HTTPStatus.CONFLICT, str(refused))
            return
        self.site.look()
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", f"/{where}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _silence(self, sent: dict[str, str]) -> str:
        labels, seconds, reason = page.silencing(self.site.board.view(), sent)
        return f"#of-{self.site.alertmanager.silence(labels, seconds, BY, reason)}"

    def _unsilence(self, sent: dict[str, str]) -> str:
        self.site.alertmanager.unsilence(sent.get("id", ""))
        return "#firing-title"

    def _from_here(self) -> bool:
        said = self.headers.get("Sec-Fetch-Site")
        if said is not None:
            return said in ("same-origin", "none")
        origin = self.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == self.headers.get("Host")

    def _page(self, status: HTTPStatus, error: str = "") -> None:
        body = page.render(self.site.board.view(), error).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if status == HTTPStatus.OK and self.headers.get("If-None-Match") == tag:
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        self._answer(status, HTML, body, {"ETag": tag} if status == HTTPStatus.OK else {})

    def _say(self, status: HTTPStatus, words: str) -> None:
        self._answer(status, "text/plain; charset=utf-8", f"{words}\n".encode())

    def _answer(
        self, status: HTTPStatus, type_: str, body: bytes, more: dict[str, Any] | None = None
    ) -> None:
        headers = {
            "Content-Type": type_,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-cache",
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            **(more or {}),
        }
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        """Say nothing of requests: a page asks every 2 s."""
