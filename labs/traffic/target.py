"""One request to the app, over a connection of its own, so that each pod gets its share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

SECONDS = 5.0
"""After which a visitor waits for an answer no longer."""
NO_ANSWER = "none"
"""Stands where an answer would have its status code: refused, broken off, or too late."""
PART = 64 * 1024


@dataclass(frozen=True)
class Target:
    """Where the requests go."""

    host: str
    port: int
    path: str

    @classmethod
    def read(cls, url: str) -> Target:
        """Return the target that an address names. Raises ValueError, which says what it may be."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or any(one.isspace() for one in url):
            raise ValueError(f"TRAFFIC_TARGET is {url!r}; it can be like http://hello.production/")
        query = f"?{parts.query}" if parts.query else ""
        return cls(parts.hostname, parts.port or 80, f"{parts.path or '/'}{query}")

    @property
    def request(self) -> bytes:
        """What is sent; the connection ends with the answer."""
        host = self.host if self.port == 80 else f"{self.host}:{self.port}"
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: traffic\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n"
        ).encode()


async def ask(target: Target, seconds: float = SECONDS) -> str:
    """Return the status code of one answer, read to its end, or NO_ANSWER."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(target.host, target.port)
            try:
                writer.write(target.request)
                await writer.drain()
                version, _, rest = (await reader.readline()).decode("latin-1").partition(" ")
                while await reader.read(PART):
                    pass
            finally:
                writer.close()
    except (OSError, ValueError):  # a timeout is an OSError; a line without end a ValueError
        return NO_ANSWER
    code = rest[:3]
    return code if version.startswith("HTTP/1.") and code.isdecimal() else NO_ANSWER
