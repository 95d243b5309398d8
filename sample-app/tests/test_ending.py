"""The end of a process: what a rollout does to each pod, on the real server with real signals."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import uvicorn
from conftest import Running
from starlette.types import Message, Receive, Scope, Send

from hello.app import LastAnswers, Life
from hello.server import DrainingServer


@pytest.fixture
def patient() -> Iterator[Running]:
    """A server that drains for longer than any test takes."""
    running = Running(DRAIN_SECONDS="600")
    yield running
    running.close()


@pytest.fixture
def brief() -> Iterator[Running]:
    running = Running(DRAIN_SECONDS="0.2")
    yield running
    running.close()


def connect(running: Running) -> socket.socket:
    address = urlsplit(running.address)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def test_told_to_end_it_is_not_ready_but_answers_what_still_comes(patient: Running) -> None:
    with connect(patient) as begun:
        begun.sendall(b"GET / HTTP/1.1\r\nHost: hello\r\n")  # a request that is on its way
        patient.process.send_signal(signal.SIGTERM)
        patient.log_line(containing="not ready from now on")
        assert patient.get("/readyz").code == 503
        assert patient.get("/healthz").code == 200
        assert patient.get("/api").code == 200
        begun.sendall(b"\r\n")
        answer = b""
        while part := begun.recv(65536):  # until the server closes the connection
            answer += part
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.lower().count(b"connection: close") == 1


def test_when_it_has_drained_it_ends_whoever_keeps_a_connection(brief: Running) -> None:
    with connect(brief) as kept:
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: hello\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200")
        brief.process.send_signal(signal.SIGTERM)
        brief.log_line(containing="still answering for 0.2 s")
        brief.log_line(containing="everything that was asked is answered")
        assert brief.process.wait(timeout=10) == 0


def test_it_stays_while_it_is_still_asked() -> None:
    life = Life()
    server = DrainingServer(uvicorn.Config("hello"), life, drain=1.0)
    server.ends_at = 10.0
    life.last_asked = 10.5
    assert not server.drained(9.9), "it is not yet time"
    assert not server.drained(11.4), "somebody has asked since"
    assert server.drained(11.5)
    life.last_asked = 12.9
    assert not server.drained(12.99)
    assert server.drained(13.0), "at some time it ends, whoever asks"


@pytest.mark.parametrize(("path", "keeps"), [("/api", True), ("/healthz", False)])
def test_people_keep_it_and_the_clusters_probes_keep_nobody(path: str, keeps: bool) -> None:
    life = Life()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        return None

    async def nothing(*_: object) -> Message:
        return {}

    scope = {"type": "http", "path": path}
    asyncio.run(LastAnswers(answer, life)(scope, nothing, nothing))
    assert (life.last_asked > 0) is keeps


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_person_who_insists_need_not_wait(patient: Running, first: signal.Signals) -> None:
    patient.process.send_signal(first)
    if first is signal.SIGTERM:
        patient.log_line(containing="told to end")
        patient.process.send_signal(signal.SIGTERM)
    assert patient.process.wait(timeout=10) == 0
