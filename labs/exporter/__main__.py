"""The process in the cluster: `python3 -m labs.exporter`."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType

from prometheus_client import start_http_server

from labs.exporter.looking import INTERVAL, Looking
from labs.exporter.repo import Repo
from labs.understudy.api_server import ACCOUNT, ApiServer
from labs.understudy.clone import Clone

PORT = 9400


def main() -> None:
    """Look, and answer Prometheus, until told to end.

    GIT_URL, CLONES, PORT and ACCOUNT (a folder with `token` and `ca.crt`) have values that fit the
    lab's cluster.
    """
    url = os.environ.get("GIT_URL", "http://git/config.git")
    account = Path(os.environ.get("ACCOUNT", ACCOUNT))
    api = ApiServer(
        os.environ["KUBERNETES_SERVICE_HOST"],
        int(os.environ["KUBERNETES_SERVICE_PORT"]),
        account / "token",
        account / "ca.crt",
    )
    clone = Clone(Path(os.environ.get("CLONES", "/data")), url, seconds=10)
    looking = Looking(api, Repo(clone), url)
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    start_http_server(int(os.environ.get("PORT", PORT)), registry=looking.exporter.registry)
    while not ended.is_set():
        looking.look()
        ended.wait(INTERVAL)


if __name__ == "__main__":
    main()
