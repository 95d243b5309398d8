#!/usr/bin/python3 -I
"""Writes a manifest to the registry, unless it would make a tag that stays mean something else.

A version is what Git names and the cluster runs; if its tag could move, a rollback might not bring
back what ran. A commit's tag (`sha-1a2b3c4d5e6f`, as CI gives one) says what an image was made of;
if it could move, nobody would know any more. All other tags (`latest`, `main`) may move.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import socket
import sys
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

SOCKET = "/srv/registry/run/registry.sock"
LOCK = "/srv/registry/run/tags.lock"
LIMIT = 4 * 1024 * 1024
"""Bytes of a manifest; the registry's own limit."""

VERSION = re.compile(r"v?\d+(\.\d+)+([-+._][A-Za-z0-9._+-]*)?")
COMMIT = re.compile(r"sha-[0-9a-f]{7,64}")
TYPES = (
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json"
)
KEPT = ("Content-Type", "Docker-Content-Digest", "Location", "OCI-Subject", "WWW-Authenticate")
"""Headers of the registry's answer that the client needs."""


class Store(HTTPConnection):
    """A connection to the registry behind the gate."""

    def __init__(self) -> None:
        super().__init__("registry", timeout=60)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def is_version(reference: str) -> bool:
    """Return whether a tag names a version, which stays what it is."""
    return VERSION.fullmatch(reference) is not None


def is_commit(reference: str) -> bool:
    """Return whether a tag names the commit that an image was made from, which stays as well."""
    return COMMIT.fullmatch(reference) is not None


def ask(method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> HTTPResponse:
    """Return the registry's answer to one request."""
    store = Store()
    store.request(method, path, body, headers)
    return store.getresponse()


def answer(status: str, headers: dict[str, str], body: bytes) -> None:
    """Write a CGI answer."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    sys.stdout.buffer.write(f"Status: {status}\r\n{head}\r\n".encode() + body)


def refuse(status: str, code: str, message: str) -> None:
    """Answer with an error as the registry API writes them."""
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    answer(status, {"Content-Type": "application/json"}, body)


def put(path: str, body: bytes, headers: dict[str, str]) -> None:
    """Pass the manifest on, or refuse it, while nobody else may write a tag."""
    name, _, reference = path.removeprefix("/v2/").rpartition("/manifests/")
    if is_version(reference) or is_commit(reference):
        seen = ask("HEAD", path, {**headers, "Accept": TYPES})
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        there = seen.headers.get("Docker-Content-Digest", "")
        if seen.status == 200 and there != digest:
            what = "version" if is_version(reference) else "commit's image"
            todo = "build it under a higher version" if is_version(reference) else "commit anew"
            refuse(
                "403 Forbidden",
                "DENIED",
                f"{name}:{reference} is there already with other content ({there[:19]}, "
                f"pushed: {digest[:19]}); expected a {what} that never changes; next: {todo}",
            )
            return
        if seen.status == 401:
            # Without the token the registry is sure to refuse, and says which one it wants.
            headers = {key: value for key, value in headers.items() if key != "Authorization"}
        elif seen.status not in (200, 404):
            refuse("502 Bad Gateway", "UNKNOWN", f"the registry answered {seen.status} to a HEAD")
            return
    done = ask("PUT", path, headers, body)
    kept = {key: done.headers[key] for key in KEPT if key in done.headers}
    answer(f"{done.status} {done.reason}", kept, done.read())


def main() -> None:
    """Answer one request."""
    size = int(os.environ.get("CONTENT_LENGTH") or 0)
    if size > LIMIT:
        refuse(
            "413 Content Too Large", "SIZE_INVALID", f"a manifest of {size} bytes, at most {LIMIT}"
        )
        return
    body = sys.stdin.buffer.read(size)
    given = {
        "Authorization": os.environ.get("HTTP_AUTHORIZATION"),
        "Content-Type": os.environ.get("CONTENT_TYPE"),
        # as lighttpd does
        "Host": os.environ.get("HTTP_HOST", "").replace("127.0.0.1", "localhost"),
        "X-Forwarded-Proto": "http",
    }
    headers = {key: value for key, value in given.items() if value is not None}
    with Path(LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            put("/v2" + os.environ["PATH_INFO"].rstrip("/"), body, headers)
        except OSError as trouble:
            refuse(
                "503 Service Unavailable", "UNAVAILABLE", f"the registry does not answer: {trouble}"
            )


if __name__ == "__main__":
    main()
