#!/usr/bin/python3 -I
"""Issues the registry's tokens: to anybody for reading, to some for writing.

The protocol is that of https://distribution.github.io/distribution/spec/auth/token/. Basic
authentication alone would not do: docker and buildah learn from the first answer (to `GET /v2/`)
whether to show credentials at all, so a registry that is open to readers never sees a writer's.
lighttpd has checked the password before this runs; REMOTE_USER is the user, or absent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from urllib.parse import parse_qs

KEY = "/srv/registry/keys/token.key"
ISSUER = "registry-gate"
SERVICE = "registry"
WRITERS = frozenset({"ci", "instructor"})
LIFETIME = 900
"""Seconds that a token holds: longer than a layer takes."""


class Refused(Exception):
    """A token that is not given; carries the HTTP status and the registry API's error code."""

    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def grants(scopes: Iterable[str], user: str) -> list[dict[str, object]]:
    """Return what a token for these scopes allows. Raises Refused if writing is not for the user.

    A writer may always read as well: the gate looks at a tag before it lets it be written.
    """
    allowed: list[dict[str, object]] = []
    for scope in scopes:
        kind, _, rest = scope.partition(":")
        name, _, words = rest.rpartition(":")
        wanted = set(words.split(","))
        if kind == "registry" and name == "catalog":
            allowed.append({"type": kind, "name": name, "actions": ["*"]})
        if kind != "repository":
            continue
        actions = ["pull"]
        if wanted & {"push", "*", "delete"}:
            if user not in WRITERS:
                refuse(name, user)
            actions.append("push")
        allowed.append({"type": kind, "name": name, "actions": actions})
    return allowed


def refuse(name: str, user: str) -> None:
    """Raise Refused, in the words of whoever tried."""
    writers = " or ".join(sorted(WRITERS))
    if not user:
        raise Refused(
            "401 Unauthorized",
            "UNAUTHORIZED",
            f"a push to {name} without credentials; expected those of {writers}; "
            "next: log in (`docker login`, `crane auth login`), then push again",
        )
    raise Refused(
        "403 Forbidden",
        "DENIED",
        f"a push to {name} by {user}; expected {writers}; next: let CI build and push it",
    )


def claims(access: list[dict[str, object]], user: str, now: int) -> dict[str, object]:
    """Return the body of a token that holds from `now` (seconds since 1970)."""
    return {
        "iss": ISSUER,
        "aud": SERVICE,
        "sub": user,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        "jti": str(uuid.uuid4()),
        "access": access,
    }


def sign(body: dict[str, object], key: str) -> str:
    """Return the body as a JSON Web Token, signed with RS256 by the key in the file `key`."""
    header = {"typ": "JWT", "alg": "RS256", "kid": "gate"}
    text = ".".join(encode(json.dumps(part).encode()) for part in (header, body))
    words = ["openssl", "dgst", "-sha256", "-sign", key]
    signature = subprocess.run(words, input=text.encode(), check=True, stdout=subprocess.PIPE)
    return f"{text}.{encode(signature.stdout)}"


def encode(raw: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def answer(status: str, value: dict[str, object], headers: str = "") -> None:
    """Write a CGI answer with a JSON body."""
    sys.stdout.write(
        f"Status: {status}\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
        f"{headers}\r\n{json.dumps(value)}\n"
    )


def main() -> None:
    """Answer one request."""
    if os.environ.get("REQUEST_METHOD") != "GET":
        # Clients that try OAuth2's POST first go on to GET when they hear this.
        answer("405 Method Not Allowed", {}, "Allow: GET\r\n")
        return
    user = os.environ.get("REMOTE_USER", "")
    query = parse_qs(os.environ.get("QUERY_STRING", ""))
    scopes = [word for scope in query.get("scope", []) for word in scope.split()]
    try:
        access = grants(scopes, user)
    except Refused as refused:
        challenge = 'WWW-Authenticate: Basic realm="registry"\r\n' if not user else ""
        error = {"code": refused.code, "message": str(refused)}
        answer(refused.status, {"errors": [error]}, challenge)
        return
    now = int(time.time())
    token = sign(claims(access, user, now), KEY)
    issued = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    both = {"token": token, "access_token": token}  # the older name and OAuth2's
    answer("200 OK", {**both, "expires_in": LIFETIME, "issued_at": issued})


if __name__ == "__main__":
    main()
