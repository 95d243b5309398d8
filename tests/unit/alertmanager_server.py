"""A small HTTP server that answers as Alertmanager does: its answers are shaped as a real one's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from labs.instance import Instance, write_json

SINCE = "2026-05-04T12:00:00.123Z"


def fires(name: str, **labels: str) -> dict[str, Any]:
    """Return an alert as `/api/v2/alerts` has it."""
    labels = {"alertname": name, "severity": "ticket", **labels}
    return {
        "labels": labels,
        "annotations": {"summary": f"{name} <happens>", "command": f"show {name}"},
        "startsAt": SINCE,
        "endsAt": "2126-05-04T12:00:00.000Z",
        "updatedAt": SINCE,
        "fingerprint": "-".join(sorted(labels.values())),
        "receivers": [{"name": "lab"}],
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
    }


@dataclass
class Served:
    """A lab whose Alertmanager this is: what fires, and who silenced what."""

    lab: Instance
    url: str = ""
    alerts: list[dict[str, Any]] = field(default_factory=list)
    silences: dict[str, dict[str, Any]] = field(default_factory=dict)

    def told(self) -> list[dict[str, Any]]:
        """Return the alerts, each with the silences that match all of its labels."""
        for alert in self.alerts:
            by = [
                ident
                for ident, one in self.silences.items()
                if one["status"]["state"] == "active"
                and all(alert["labels"].get(m["name"], "") == m["value"] for m in one["matchers"])
            ]
            state = "suppressed" if by else "active"
            alert["status"] = {"state": state, "silencedBy": by, "inhibitedBy": []}
        return self.alerts

    def groups(self) -> list[dict[str, Any]]:
        """Return the alerts by name, as they are told together."""
        found: dict[str, list[dict[str, Any]]] = {}
        for alert in self.told():
            found.setdefault(alert["labels"]["alertname"], []).append(alert)
        return [
            {"labels": {"alertname": name}, "receiver": {"name": "lab"}, "alerts": alerts}
            for name, alerts in found.items()
        ]


@contextmanager
def serving(root: Path) -> Iterator[Served]:
    """Serve for as long as the block lasts."""
    served = Served(Instance("demo", root / "demo"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found: dict[str, Any] = {
                "/api/v2/alerts": served.told,
                "/api/v2/alerts/groups": served.groups,
                "/api/v2/silences": lambda: list(served.silences.values()),
            }
            self.answer(200, found[self.path]())

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert datetime.fromisoformat(sent["endsAt"]) > datetime.now(UTC)
            ident = f"silence-{len(served.silences)}"
            served.silences[ident] = {"id": ident, **sent, "status": {"state": "active"}}
            self.answer(200, {"silenceID": ident})

        def do_DELETE(self) -> None:
            served.silences[self.path.rpartition("/")[2]]["status"]["state"] = "expired"
            self.answer(200, None)

        def answer(self, status: int, body: Any) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"" if body is None else json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
        served.url = f"http://127.0.0.1:{port}"
        write_json(served.lab.root / "ports.json", {"alertmanager": port})
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield served
        server.shutdown()
        thread.join()
