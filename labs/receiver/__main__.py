"""The process in the cluster: `python3 -m labs.receiver`."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from labs.platform.alertmanager import Client
from labs.receiver.board import Board
from labs.receiver.web import Site, serve

ALERTMANAGER = "http://alertmanager:9093"
PORT = 9402
INTERVAL = 2.0
"""Seconds between two looks at Alertmanager; a notification has it asked at once."""


def main() -> None:
    """Ask Alertmanager, hear it, and answer, until told to end.

    ALERTMANAGER and PORT have values that fit the lab's cluster.
    """
    look = threading.Event()
    site = Site(Board(), Client(os.environ.get("ALERTMANAGER", ALERTMANAGER)), look)
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()
        look.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    server = serve(int(os.environ.get("PORT", PORT)), site)
    while not ended.is_set():
        look.clear()
        site.look()
        look.wait(INTERVAL)
    server.shutdown()


if __name__ == "__main__":
    main()
