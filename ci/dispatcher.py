"""The dispatcher: hears of pushes, queues runs, hands them to the runner, shows how they went.

The runner asks for work and reports; the dispatcher never reaches into it, so neither of them
needs the engine that they run on.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import signal
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ci import metrics, secrets_file
from ci.intake import Intake
from ci.runs import ENDED, Gone, Run, Runs
from ci.source import Source, Unknown

PORT = 8000
LONG_POLL = 25.0
"""Seconds that a runner's question for work stays open."""

SILENCE = 20.0
"""Seconds without a word of the runner after which its run counts as interrupted."""

LOOK = 10.0
"""Seconds between two looks at the branch, for pushes that CI was not told of."""

LARGEST = 4 * 1024 * 1024


class Service(ThreadingHTTPServer):
    """The HTTP server with what its requests share."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], runs: Runs, intake: Intake) -> None:
        super().__init__(address, Handler)
        self.runs, self.intake = runs, intake


class Refused(Exception):
    """A request that is not done: status, and what to tell."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Service
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Answer what everybody may ask."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """Answer the Git server, the command line (both sign what they send) and the runner."""
        self._guarded(self._post)

    def _guarded(self, act: Any) -> None:
        try:
            act()
        except Refused as refused:
            self._json(refused.status, {"error": str(refused)})
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True  # whoever asked has gone

    def _get(self) -> None:
        address = urlsplit(self.path)
        query, runs = parse_qs(address.query, keep_blank_values=True), self.server.runs
        if address.path == "/healthy":
            self._json(HTTPStatus.OK, {"secrets": bool(secrets_file.read())})
        elif address.path == "/metrics":
            text = metrics.exposition(runs).encode()
            self._answer(HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", text)
        elif address.path == "/runs":
            limit = int(query.get("limit", ["50"])[0])
            shown = [run.shown() for run in reversed(runs.all())][:limit]
            self._json(HTTPStatus.OK, {"runs": shown, "runner_heard": runs.heard})
        elif found := re.fullmatch(r"/runs/(\d+)(/log)?", address.path):
            run = runs.get(int(found[1]))
            if run is None:
                raise Refused(HTTPStatus.NOT_FOUND, f"no run {found[1]}")
            if found[2]:
                self._log(run, follow="follow" in query)
            else:
                self._json(HTTPStatus.OK, run.shown())
        else:
            raise Refused(HTTPStatus.NOT_FOUND, f"nothing at {address.path}")

    def _post(self) -> None:
        body = self._body()
        secrets = secrets_file.read()
        if self.path in ("/hook", "/runs"):
            sent = self.headers.get("X-Signature", "")
            if not secrets_file.signed(secrets.get("hook", ""), body, sent):
                raise Refused(HTTPStatus.FORBIDDEN, "X-Signature does not sign this request")
            self._start(json.loads(body))
            return
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not (secrets.get("runner") and hmac.compare_digest(secrets["runner"], token)):
            raise Refused(HTTPStatus.FORBIDDEN, "not the runner's token")
        self._hear(json.loads(body))

    def _start(self, asked: dict[str, Any]) -> None:
        if self.path == "/hook":
            self._json(HTTPStatus.ACCEPTED, {"say": self.server.intake.pushed(asked)})
            return
        try:
            run = self.server.intake.asked(str(asked.get("commit", "")), str(asked["by"]))
        except Unknown as unknown:
            raise Refused(HTTPStatus.NOT_FOUND, str(unknown)) from unknown
        self._json(HTTPStatus.ACCEPTED, run.shown())

    def _hear(self, told: dict[str, Any]) -> None:
        """Answer the runner."""
        runs, session = self.server.runs, str(told["session"])
        found = re.fullmatch(r"/runner/runs/(\d+)/(events|end)", self.path)
        try:
            if self.path == "/runner/hello":
                runs.greet(session)
            elif self.path == "/runner/next":
                run = runs.take(session, LONG_POLL)
                self._json(HTTPStatus.OK, {"run": run.shown() if run else None})
                return
            elif found and found[2] == "events":
                runs.report(int(found[1]), session, told["events"])
            elif found:
                runs.end(int(found[1]), session, str(told["result"]), str(told["why"]))
            else:
                raise Refused(HTTPStatus.NOT_FOUND, f"nothing at {self.path}")
        except Gone as gone:
            raise Refused(HTTPStatus.GONE, str(gone)) from gone
        self._json(HTTPStatus.OK, {})

    def _log(self, run: Run, *, follow: bool) -> None:
        if not follow or run.state in ENDED:
            text = self.server.runs.read_log(run.number)
            self._answer(HTTPStatus.OK, "text/plain; charset=utf-8", text)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in self.server.runs.follow(run.number):
            if part:
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self.close_connection = True
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{length} bytes")
        return self.rfile.read(length)

    def _json(self, status: HTTPStatus, value: object) -> None:
        self._answer(status, "application/json", json.dumps(value).encode() + b"\n")

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Leave the questions that come every few seconds out of the log."""
        if self.path not in ("/healthy", "/metrics", "/runner/next") and "/events" not in self.path:
            super().log_request(code, size)


def keep_watch(service: Service, stop: threading.Event) -> None:
    """Find pushes that CI was not told of, and runs whose runner has fallen silent."""
    due = 0.0
    while not stop.wait(1):
        service.runs.expire(SILENCE)
        if time.monotonic() < due or not secrets_file.read():
            continue
        try:
            run = service.intake.catch_up()
        except Unknown as trouble:
            print(f"Git does not answer: {trouble}", file=sys.stderr)
        else:
            if run is not None:
                print(f"run {run.number}: {run.commit[:8]} was {run.reason}", file=sys.stderr)
        due = time.monotonic() + LOOK


def main() -> None:
    """Serve until told to end."""
    home = Path(os.environ["CI_HOME"])
    repo, branch = os.environ["CI_REPO"], os.environ["CI_BRANCH"]
    runs = Runs(home / "runs")
    source = Source(f"{os.environ['CI_GIT']}/{repo}.git", home / f"{repo}.git")
    command = os.environ["CI_COMMAND"]
    intake = Intake(runs, source, repo, branch, home / "seen.json", command)
    service = Service(("0.0.0.0", PORT), runs, intake)  # noqa: S104 - the container's own networks
    stop = threading.Event()
    watch = threading.Thread(target=keep_watch, args=(service, stop))
    watch.start()

    def end(*_: object) -> None:
        stop.set()
        threading.Thread(target=service.shutdown).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    service.serve_forever()
    watch.join()


if __name__ == "__main__":
    main()
