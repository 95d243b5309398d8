"""Asks a registry which tags an image has, and which digest a tag stands for.

The protocol is https://distribution.github.io/distribution/spec/: anonymous, with a token where
the registry asks for one.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message

from labs.understudy.patterns import BadPattern, compile_pattern

REPOSITORY = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
LATEST = 10
"""How many tags a status shows."""
PAGES = 1000
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class BadImage(ValueError):
    """A text that names no image repository."""


class ScanFailed(Exception):
    """The registry did not answer as it should; the message says what it said."""


@dataclass(frozen=True)
class Repository:
    """An image's place in a registry."""

    registry: str
    path: str
    insecure: bool = False

    @classmethod
    def parse(cls, image: str, insecure: bool = False) -> Repository:
        """Return the place of an image that is named without a tag. Raises BadImage."""
        if "://" in image:
            scheme = image.split("://")[0]
            raise BadImage(f"image '{image}' should not include URL scheme; remove '{scheme}://'")
        first, slash, rest = image.partition("/")
        named = bool(slash) and ("." in first or ":" in first or first == "localhost")
        registry, path = (first, rest) if named else ("index.docker.io", image)
        if not named and not slash:
            path = f"library/{image}"
        for mark in ("@", ":"):
            if mark in path:
                raise BadImage(
                    f"image '{image}' should not include a tag; remove "
                    f"'{mark}{path.partition(mark)[2]}'"
                )
        if not REPOSITORY.fullmatch(path):
            raise BadImage(f"could not parse reference: {image}")
        return cls("index.docker.io" if registry == "docker.io" else registry, path, insecure)

    @property
    def canonical(self) -> str:
        """The whole name, with what is implied."""
        return f"{self.registry}/{self.path}"

    @property
    def address(self) -> str:
        """Where the registry answers for this image."""
        return f"{'http' if self.insecure else 'https'}://{self.registry}/v2/{self.path}"


def tags(repository: Repository, seconds: float) -> list[str]:
    """Return all tags, within so many seconds. Raises ScanFailed."""
    until = time.monotonic() + seconds
    found: list[str] = []
    address = f"{repository.address}/tags/list?n=1000"
    for _ in range(PAGES):
        body, headers = _Client(repository, until).get(address)
        try:
            found += [str(tag) for tag in json.loads(body)["tags"] or []]
        except (ValueError, KeyError, TypeError) as wrong:
            raise ScanFailed(f"GET {address}: no list of tags: {body[:80]!r}") from wrong
        following = re.search(r'<([^>]+)>\s*;\s*rel="?next"?', headers.get("Link", ""))
        if following is None:
            return found
        address = urllib.parse.urljoin(address, following[1])
        if urllib.parse.urlsplit(address).netloc != repository.registry:
            raise ScanFailed(f"the list of tags goes on at another registry: {address}")
    raise ScanFailed(f"more than {PAGES} pages of tags")


def digest(repository: Repository, tag: str, seconds: float) -> str:
    """Return the digest that a tag stands for. Raises ScanFailed."""
    address = f"{repository.address}/manifests/{tag}"
    client = _Client(repository, time.monotonic() + seconds)
    _, headers = client.get(address, method="HEAD", accept=MANIFESTS)
    found = headers.get("Docker-Content-Digest", "")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", found):
        raise ScanFailed(f"HEAD {address}: no digest in the answer")
    return found


def without(found: Iterable[str], exclusions: Iterable[str]) -> list[str]:
    """Return the tags that no exclusion matches, in descending order. Raises BadPattern."""
    patterns = []
    for text in exclusions:
        try:
            patterns.append(compile_pattern(text))
        except BadPattern as wrong:
            raise BadPattern(f"failed to compile regex {text}: {wrong}") from wrong
    kept = [tag for tag in found if not any(pattern.search(tag) for pattern in patterns)]
    return sorted(kept, reverse=True)


def checksum(found: list[str]) -> str:
    """Return what tells one list of tags from another."""
    return str(zlib.adler32(json.dumps(found, separators=(",", ":")).encode()))


class _Client:
    """One conversation with a registry: its token, and until when it may last."""

    def __init__(self, repository: Repository, until: float) -> None:
        self._repository = repository
        self._until = until
        self._token = ""

    def get(self, address: str, method: str = "GET", accept: str = "*/*") -> tuple[bytes, Message]:
        """Return body and headers; asks for a token where it is told to."""
        headers = {"Accept": accept}
        try:
            return self._ask(address, method, headers)
        except urllib.error.HTTPError as refused:
            challenge = refused.headers.get("WWW-Authenticate", "")
            if refused.code != 401 or not challenge.lower().startswith("bearer "):
                raise ScanFailed(_told(method, address, refused)) from refused
        token = self._bearer(dict(CHALLENGE.findall(challenge)))
        try:
            return self._ask(address, method, {**headers, "Authorization": f"Bearer {token}"})
        except urllib.error.HTTPError as refused:
            raise ScanFailed(_told(method, address, refused)) from refused

    def _bearer(self, challenge: dict[str, str]) -> str:
        scope = challenge.get("scope") or f"repository:{self._repository.path}:pull"
        query = {"service": challenge.get("service", ""), "scope": scope}
        address = f"{challenge.get('realm', '')}?{urllib.parse.urlencode(query)}"
        if not address.startswith(("http://", "https://")):
            raise ScanFailed(f"the registry sends us for a token to {address!r}")
        try:
            body, _ = self._ask(address, "GET", {})
            told = json.loads(body)
            return str(told.get("token") or told["access_token"])
        except urllib.error.HTTPError as refused:
            raise ScanFailed(_told("GET", address, refused)) from refused
        except (ValueError, KeyError) as wrong:
            raise ScanFailed(f"GET {address}: no token in the answer") from wrong

    def _ask(self, address: str, method: str, headers: dict[str, str]) -> tuple[bytes, Message]:
        left = self._until - time.monotonic()
        if left <= 0:
            raise ScanFailed(f"{method} {address}: no time left")
        request = urllib.request.Request(address, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=left) as answer:
                return answer.read(), answer.headers
        except urllib.error.HTTPError:
            raise
        except (OSError, http.client.HTTPException) as gone:
            raise ScanFailed(f"{method} {address}: {getattr(gone, 'reason', gone)}") from gone


def _told(method: str, address: str, refused: urllib.error.HTTPError) -> str:
    """Return what a registry said, in the words that Flux reports it with."""
    body = refused.read()
    try:
        errors = json.loads(body)["errors"]
        reasons = "; ".join(f"{e.get('code')}: {e.get('message')}" for e in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        reasons = f"unexpected status code {refused.code} {refused.reason}"
    return f"{method} {address}: {reasons}"
