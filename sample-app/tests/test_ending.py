"""The end of a process: what a rollout does to each pod, on the real server with real signals."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from conftest import Running


@pytest.fixture
def ending() -> Iterator[Running]:
    running = Running(DRAIN_SECONDS="0.8")
    yield running
    running.close()


def connect(running: Running) -> socket.socket:
    address = urlsplit(running.address)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def test_told_to_end_it_is_not_ready_but_answers_and_ends_cleanly(ending: Running) -> None:
    with connect(ending) as begun:
        begun.sendall(b"GET / HTTP/1.1\r\nHost: hello\r\n")  # a request that is on its way
        ending.process.send_signal(signal.SIGTERM)
        ending.log_line(containing="not ready from now on")
        assert ending.get("/readyz").code == 503
        assert ending.get("/healthz").code == 200
        assert ending.get("/api").code == 200
        begun.sendall(b"\r\n")
        answer = b""
        while part := begun.recv(65536):  # until the server closes the connection
            answer += part
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.lower().count(b"connection: close") == 1
    ending.log_line(containing="everything that was asked is answered")
    assert ending.process.wait(timeout=10) == 0


def test_a_connection_that_is_kept_does_not_hold_up_the_end(ending: Running) -> None:
    with connect(ending) as kept:
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: hello\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200")
        ending.process.send_signal(signal.SIGTERM)
        assert ending.process.wait(timeout=10) == 0


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_person_who_insists_need_not_wait(first: signal.Signals) -> None:
    running = Running(DRAIN_SECONDS="600")
    try:
        running.process.send_signal(first)
        if first is signal.SIGTERM:
            running.log_line(containing="told to end")
            running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=10) == 0
    finally:
        running.close()
