"""HTTP to the lab's own parts, on this machine's loopback: never through a proxy."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message

from labs.wait import NotYet, wait_for

DIRECT = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
"""For programs that are started: the lab's addresses are reached directly, proxy or not."""

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP, whatever its status."""

    status: int
    headers: Message
    body: bytes


def fetch(
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes | None = None,
    timeout: float = 30,
) -> Answer:
    """Return the answer to one request. Raises NotYet if there is none in `timeout` seconds."""
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)
    try:
        with _OPENER.open(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, refusal.headers, refusal.read())
    except (OSError, http.client.HTTPException) as trouble:
        raise NotYet(f"{url} does not answer: {trouble}") from trouble


def stream(url: str, *, timeout: float) -> Iterator[bytes]:
    """Yield the body as it comes. Raises NotYet if `timeout` seconds pass without any of it."""
    try:
        with _OPENER.open(url, timeout=timeout) as answer:
            while part := answer.read1():
                yield part
    except (OSError, http.client.HTTPException) as trouble:
        raise NotYet(f"{url} broke off: {trouble}") from trouble


def answered(
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    status: int = 200,
    timeout: float = 30,
) -> Answer:
    """Return the answer to one request. Raises NotYet if there is none, or not of this status."""
    answer = fetch(url, headers, timeout=timeout)
    if answer.status != status:
        raise NotYet(f"{url} answered {answer.status}, not {status}: {answer.body[:100]!r}")
    return answer


def wait_for_http(url: str, *, what: str, status: int = 200, timeout: float = 30) -> Answer:
    """Return the first answer that has this status. `timeout` is in seconds."""
    return wait_for(lambda: answered(url, status=status), what=what, timeout=timeout, interval=0.1)
