"""A small HTTP server that answers as Prometheus does: the answers are those of a real one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from labs.instance import Instance, write_json

REFUSALS = {
    "sum(\n  rate(a[5m)\n)": 'invalid parameter "query": 2:12: parse error: unexpected ")" in '
    'subquery or range, expected ":" or "]"',
    "up{": 'invalid parameter "query": 1:4: parse error: unexpected end of input inside braces',
    'up{a="größe"} by': 'invalid parameter "query": 1:17: parse error: unexpected <by>',
    "up[5m]": 'invalid expression type "range vector" for range query, must be Scalar or instant '
    "Vector",
}
BOTH = [
    {"__name__": "up", "job": "hello", "instance": "a:8080"},
    {"__name__": "up", "job": "hello", "instance": "b:8080"},
]


@dataclass
class Served:
    """A lab whose Prometheus this is, and what it was asked."""

    lab: Instance
    forms: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def serving(root: Path) -> Iterator[Served]:
    """Serve for as long as the block lasts."""
    served = Served(Instance("demo", root / "demo"))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            served.forms.append({"path": self.path, **form})
            status, body = _answer(self.path, form)
            text = body if isinstance(body, str) else json.dumps(body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        write_json(served.lab.root / "ports.json", {"prometheus": server.server_address[1]})
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield served
        server.shutdown()
        thread.join()


def _answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
    promql = form["query"]
    if promql in REFUSALS:
        error = {"status": "error", "errorType": "bad_data", "error": REFUSALS[promql]}
        return 400, error
    if promql == "slow":
        return 503, {"status": "error", "errorType": "timeout", "error": "query timed out"}
    if promql == "starting":
        return 503, "Service Unavailable"
    if path == "/api/v1/query_range":
        start, end, step = (float(form[name]) for name in ("start", "end", "step"))
        number = int((end - start) / step) + 1
        times = [start + step * n for n in range(number)]
        # The second series has a gap in its middle.
        kept = [when for n, when in enumerate(times) if not number / 3 < n < number / 2]
        series = [
            {"metric": BOTH[0], "values": [[when, str(n)] for n, when in enumerate(times)]},
            {"metric": BOTH[1], "values": [[when, "1.5"] for when in kept]},
        ]
        chosen = {"one": series[:1], "none": []}.get(promql, series)
        return 200, _success("matrix", chosen, infos=["PromQL info: a remark"])
    now = float(form.get("time", time.time()))
    match promql:
        case "7":
            return 200, _success("scalar", [now, "7"])
        case "'words'":
            return 200, _success("string", [now, "words"])
        case "histogram":
            return 200, _success("vector", [{"metric": {}, "histogram": [now, {}]}])
        case "none":
            return 200, _success("vector", [])
    values = [now, "1"], [now, "NaN"]
    vector = [{"metric": one, "value": value} for one, value in zip(BOTH, values, strict=True)]
    return 200, _success("vector", vector)


def _success(kind: str, result: Any, **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}, **more}
