"""The receiver: whoever signs a request with the token may have Flux look again, and no more.

Its service account may do nothing but that, so whoever takes this process over can do no more
than ask Flux to read what it reads anyway (receiver-policy.yaml says so).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime
from http import HTTPStatus

from labs.understudy.api_server import (
    GIT_REPOSITORY,
    IMAGE_REPOSITORY,
    RECEIVER,
    SECRET,
    ApiAway,
    ApiRefused,
    ApiServer,
    Object,
)
from labs.understudy.controller import Controller, own
from labs.understudy.journal import Journal
from labs.understudy.objects import REQUESTED, Failed, Key, Stalled, is_ready, seconds, suspended
from labs.understudy.reconciler import Outcome, Reconciler

PATH = "/hook/"
INTERVAL = "10m"
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
KINDS = {kind.kind: kind for kind in (GIT_REPOSITORY, IMAGE_REPOSITORY)}


class Receivers:
    """Reconciles Receivers, and answers the requests that come in for them."""

    def __init__(self, api: ApiServer) -> None:
        self.controller = Controller(api, (own(RECEIVER),), Journal("notification-controller"))
        self.reconcile = Reconciler(self.controller, {RECEIVER: self.prepare})

    def prepare(self, found: Object) -> Outcome:
        """Work out the path at which a Receiver listens."""
        if any(resource["name"] == "*" for resource in found["spec"]["resources"]):
            raise Stalled("Unsupported", "unsupported: spec.resources.name: *")
        path = webhook_path(self._token(found), found)
        interval = seconds(found["spec"].get("interval") or INTERVAL)
        message = f"Receiver initialized for path: {path}"
        return Outcome(message, {"webhookPath": path}, interval)

    def answer(self, path: str, signature: str, body: bytes) -> HTTPStatus:
        """Do what a request asks for, if it may; return the status to answer with."""
        receivers = self.controller.store.all(RECEIVER)
        found = next((one for one in receivers if _listens_at(one, path)), None)
        if found is None:
            return HTTPStatus.NOT_FOUND
        key, journal = Key.of(found), self.controller.journal
        if suspended(found) or not is_ready(found):
            journal.say("error", "the receiver is suspended or not ready", key)
            return HTTPStatus.SERVICE_UNAVAILABLE
        try:
            token = self._token(found)
        except (Failed, ApiAway, ApiRefused) as wrong:
            journal.say("error", f"unable to read the token: {wrong}", key)
            return HTTPStatus.BAD_REQUEST
        if not signed(signature, body, token):
            journal.say("error", "unable to validate the HMAC signature", key)
            return HTTPStatus.BAD_REQUEST
        done = [self._request(found, resource) for resource in found["spec"]["resources"]]
        return HTTPStatus.OK if all(done) else HTTPStatus.INTERNAL_SERVER_ERROR

    def _request(self, found: Object, resource: Object) -> bool:
        """Ask for a reconcile of one object; return whether that was possible."""
        key, journal = Key.of(found), self.controller.journal
        what = f"{resource['kind']}/{resource['name']}.{key.namespace}"
        now = datetime.now(UTC).isoformat()
        change = {"metadata": {"annotations": {REQUESTED: now}}}
        kind = KINDS[resource["kind"]]
        try:
            self.controller.api.patch(kind, key.namespace, resource["name"], change)
        except (ApiAway, ApiRefused) as refused:
            journal.say("error", f"failed to annotate resource '{what}': {refused}", key)
            return False
        journal.say("info", f"resource '{what}' annotated", key)
        return True

    def _token(self, found: Object) -> bytes:
        namespace, name = found["metadata"]["namespace"], found["spec"]["secretRef"]["name"]
        where = f"unable to read token from secret '{namespace}/{name}'"
        try:
            secret = self.controller.api.get(SECRET, namespace, name)
        except ApiRefused as refused:
            raise Failed("TokenNotFound", f"{where} error: {refused}") from refused
        token = (secret or {}).get("data", {}).get("token")
        if not token:
            why = "it is not there" if secret is None else "required field 'token'"
            raise Failed("TokenNotFound", f"{where} error: {why}")
        try:
            return base64.b64decode(token)  # any bytes will do, as at Flux
        except binascii.Error as wrong:
            raise Failed("TokenNotFound", f"{where} error: {wrong}") from wrong


def webhook_path(token: bytes, found: Object) -> str:
    """Return the path at which a Receiver listens: nobody without the token can guess it."""
    meta = found["metadata"]
    digest = hashlib.sha256(token + f"{meta['name']}{meta['namespace']}".encode())
    return f"{PATH}{digest.hexdigest()}"


def signed(signature: str, body: bytes, token: bytes) -> bool:
    """Return whether a header such as `sha256=…` is the body's signature by the token."""
    name, _, told = signature.partition("=")
    algorithm = ALGORITHMS.get(name)
    if algorithm is None:
        return False
    wanted = hmac.new(token, body, algorithm).hexdigest()
    return hmac.compare_digest(wanted.encode(), told.encode())


def _listens_at(found: Object, path: str) -> bool:
    listens = str((found.get("status") or {}).get("webhookPath") or "")
    return bool(listens) and hmac.compare_digest(listens.encode(), path.encode())
