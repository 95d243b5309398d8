"""The two things that are asked of these processes by HTTP: are you well, and: look again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST = 3 * 1024 * 1024
"""Bytes that a request's body may have, as at Flux."""
SECONDS = 15
"""How long a sender may take."""
AT_ONCE = 16
Answer = Callable[[str, str, bytes], HTTPStatus]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = AT_ONCE


def serve_health(port: int, ready: Callable[[], bool]) -> _Server:
    """Answer the kubelet's questions, in the background."""

    class Handler(_Handler):
        def do_GET(self) -> None:
            fine = self.path == "/healthz" or (self.path == "/readyz" and ready())
            self.answer(HTTPStatus.OK if fine else HTTPStatus.SERVICE_UNAVAILABLE)

    return _started(port, Handler)


def serve_hooks(port: int, answer: Answer) -> _Server:
    """Take signed requests, in the background."""
    room = threading.BoundedSemaphore(AT_ONCE)

    class Handler(_Handler):
        def do_POST(self) -> None:
            if not room.acquire(blocking=False):
                self.answer(HTTPStatus.TOO_MANY_REQUESTS)
                return
            try:
                self.answer(self._judge())
            finally:
                room.release()

        def _judge(self) -> HTTPStatus:
            told = self.headers.get("Content-Length", "")
            if not told.isdecimal():
                return HTTPStatus.LENGTH_REQUIRED
            if int(told) > LARGEST:
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            body = self.rfile.read(int(told))
            if len(body) != int(told):
                return HTTPStatus.BAD_REQUEST
            return answer(self.path, self.headers.get("X-Signature", ""), body)

    return _started(port, Handler)


class _Handler(BaseHTTPRequestHandler):
    timeout = SECONDS
    server_version = "understudy"
    sys_version = ""

    def answer(self, status: HTTPStatus) -> None:
        """Answer with a status and nothing else: a stranger learns no more."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        """Say nothing: what a request led to is in the journal."""


def _started(port: int, handler: type[BaseHTTPRequestHandler]) -> _Server:
    server = _Server(("", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
