"""Another program, as far as a lab can tell: somebody who listens on ports of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def held(*ports: int) -> Iterator[None]:
    """Listen on these loopback ports for as long as the block runs."""
    with ExitStack() as stack:
        for port in ports:
            other = stack.enter_context(socket.socket())
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
        yield
