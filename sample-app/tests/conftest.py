"""The real server, on a free port of this machine, for as long as a test runs."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[1]


@dataclass
class Answer:
    """What the server said."""

    code: int
    headers: Message
    text: str


class Running:
    """A server in a process of its own, as the container runs it, and what it logs."""

    def __init__(self, **environ: str) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hello"],
            cwd=APP,
            env={**kept, "PORT": "0", "PYTHONDONTWRITEBYTECODE": "1", **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        found = re.search(r"port (\d+)", self.log_line(containing="listens"))
        assert found is not None
        self.address = f"http://127.0.0.1:{found[1]}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as log:
            for line in log:
                self.lines.put(line)

    def log_line(self, containing: str, timeout: float = 20) -> str:
        """Return the next line of the log that contains the words; seconds."""
        end = time.monotonic() + timeout
        seen = ""
        while time.monotonic() < end:
            try:
                line = self.lines.get(timeout=0.2)
            except queue.Empty:
                if self.process.poll() is not None and self.lines.empty():
                    raise AssertionError(f"the server ended; it said:\n{seen}") from None
                continue
            seen += line
            if containing in line:
                return line
        raise AssertionError(f"no line with {containing!r} within {timeout} s, but:\n{seen}")

    def get(self, path: str, method: str = "GET") -> Answer:
        """Return the answer, whatever its code is."""
        request = urllib.request.Request(self.address + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as got:
                return Answer(got.status, got.headers, got.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                return Answer(refused.code, refused.headers, refused.read().decode())

    def close(self) -> None:
        """End the server, at once if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=10)
        self.reader.join(timeout=10)


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """One server for the tests that only ask."""
    running = Running(
        GREETING="<b>Griaß di</b>", COLOUR="teal", HELLO_COMMIT="0a" * 20, HELLO_BUILT="yesterday"
    )
    yield running
    running.close()
