"""What the client of the cluster makes of an API server that is not well."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.platform.api_errors import ClusterUnreachable
from labs.platform.kubernetes import Cluster


@pytest.fixture
def cut_off() -> Iterator[int]:
    """The port of a server that ends each connection in the middle of TLS, as one that starts."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # the test is over
                    return
                with connection:
                    connection.recv(65536)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_a_connection_that_is_cut_off_is_a_cluster_that_does_not_answer(
    cut_off: int, tmp_path: Path
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "x", "cluster": {"server": f"https://127.0.0.1:{cut_off}"}}],
                "users": [{"name": "x", "user": {"token": "x"}}],
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
                "current-context": "x",
            }
        )
    )
    with pytest.raises(ClusterUnreachable):
        Cluster(path).version()
    with pytest.raises(ClusterUnreachable):
        Cluster(path).list("v1", "Pod")
