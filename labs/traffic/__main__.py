"""The process in the cluster: `python3 -m labs.traffic`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from prometheus_client import start_http_server

from labs.traffic.load import Load
from labs.traffic.target import Target, ask

TARGET = "http://hello.production.svc.cluster.local/"
RATE = "10"
FASTEST = 200.0
PORT = 9401


def rate(text: str) -> float:
    """Return the requests a second that are asked for. Raises ValueError with what may be."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= FASTEST:
        raise ValueError(
            f"TRAFFIC_RATE is {text!r}; it can be a number above 0, {FASTEST:.0f} at most"
        )
    return found


async def main() -> None:
    """Ask, and answer Prometheus, until told to end.

    TRAFFIC_TARGET, TRAFFIC_RATE and PORT have values that fit the lab's cluster.
    """
    target = Target.read(os.environ.get("TRAFFIC_TARGET", TARGET))
    load = Load(lambda: ask(target), rate(os.environ.get("TRAFFIC_RATE", RATE)))
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    start_http_server(int(os.environ.get("PORT", PORT)), registry=load.registry)
    await load.run(ended)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except ValueError as wrong:
        sys.exit(str(wrong))
