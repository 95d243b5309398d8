"""Starts the app and ends it so that no request is lost."""

from __future__ import annotations

import signal
import socket
import time
from types import FrameType

import uvicorn

from hello import version
from hello.app import Life, create_app
from hello.settings import Settings

QUIET = 2.0
"""Seconds without a request after which nobody sends any more."""
PATIENCE = 4
"""So many times its drain a server stays at most, however busy."""


class DrainingServer(uvicorn.Server):
    """A server that, told to end, stays for a while: not ready, but answering.

    A cluster takes a pod that ends out of its Services, but it takes a moment until every node
    knows, and a busy one takes longer. Who would end at once would refuse what is still sent here
    in that moment. So it stays for `drain` seconds, and as long as requests still come.
    """

    def __init__(self, config: uvicorn.Config, life: Life, drain: float) -> None:
        super().__init__(config)
        self.life = life
        self.drain = drain
        self.ends_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so; from here on signals and requests are heard."""
        await super().startup(sockets)
        for listener in sockets or []:
            say(f"hello {version.VERSION} listens on port {listener.getsockname()[1]}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first SIGTERM; end at once at a second one, or at Ctrl-C.

        A signal may interrupt anything, even a line being logged: so this only takes notes.
        """
        if sig == signal.SIGTERM and not self.life.draining:
            self.life.draining = True
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Return whether it is time to end; uvicorn asks ten times a second."""
        if self.life.draining and self.ends_at is None:
            self.ends_at = time.monotonic() + self.drain
            say(f"told to end: not ready from now on, still answering for {self.drain:g} s")
        return await super().on_tick(counter) or self.drained(time.monotonic())

    def drained(self, now: float) -> bool:
        """Return whether it has answered for long enough; `now` is of the monotonic clock."""
        if self.ends_at is None or now < self.ends_at:
            return False
        latest = self.ends_at + (PATIENCE - 1) * self.drain
        return now >= latest or now - self.life.last_asked >= min(QUIET, self.drain)


def say(line: str) -> None:
    """Write a line to the log."""
    print(line, flush=True)


def serve(settings: Settings) -> None:
    """Serve on all addresses of the container until told to end."""
    say(f"hello {version.VERSION}, built from commit {settings.commit}, starts")
    life = Life()
    config = uvicorn.Config(
        create_app(settings, life),
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
    )
    with socket.create_server(("", settings.port), backlog=512) as listener:
        DrainingServer(config, life, settings.drain).run(sockets=[listener])
    say("ended: everything that was asked is answered")
