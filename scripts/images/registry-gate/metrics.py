#!/usr/bin/python3 -I
"""Passes on the registry's metrics. Its debug server, which has more, is for this gate alone."""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException

STORE = ("registry-store", 5001)
SECONDS = 5


def metrics(store: tuple[str, int] = STORE) -> tuple[str, str, bytes]:
    """Return status, type and body of what is answered."""
    try:
        connection = HTTPConnection(*store, timeout=SECONDS)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as away:
        return "503 Service Unavailable", "text/plain", f"the registry is away: {away}\n".encode()
    kind = answer.headers.get("Content-Type", "text/plain")
    return f"{answer.status} {answer.reason}", kind, body


def main() -> None:
    """Answer one request."""
    status, kind, body = metrics()
    head = f"Status: {status}\r\nContent-Type: {kind}\r\n\r\n"
    sys.stdout.buffer.write(head.encode() + body)


if __name__ == "__main__":
    main()
