"""The API server, as a pod talks to it with the token of its service account.

Written out on Python's own library: the `kubernetes` package, which the lab itself uses, takes
50 MiB in each of the three processes, more than all else in them together.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

Object: TypeAlias = dict[str, Any]
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SECONDS = 15.0
WATCH_SECONDS = 240
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
"""What is asked for where the objects themselves are nobody's business."""
GONE = 410
"""What the API server says of a version that is too old to watch from."""


class ApiRefused(Exception):
    """The API server answered, and said no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ApiAway(Exception):
    """The API server does not answer."""


@dataclass(frozen=True)
class Kind:
    """A type of objects."""

    api_version: str
    kind: str
    plural: str

    def path(self, namespace: str = "", name: str = "", part: str = "") -> str:
        """Return the path of one object, or of all in a namespace or everywhere."""
        root = "/apis/" if "/" in self.api_version else "/api/"
        words = [root + self.api_version, *(["namespaces", namespace] if namespace else [])]
        return "/".join([*words, self.plural, *([name] if name else []), *([part] if part else [])])


IMAGE_API = "image.toolkit.fluxcd.io/v1"
IMAGE_REPOSITORY = Kind(IMAGE_API, "ImageRepository", "imagerepositories")
IMAGE_POLICY = Kind(IMAGE_API, "ImagePolicy", "imagepolicies")
IMAGE_UPDATE_AUTOMATION = Kind(IMAGE_API, "ImageUpdateAutomation", "imageupdateautomations")
RECEIVER = Kind("notification.toolkit.fluxcd.io/v1", "Receiver", "receivers")
GIT_REPOSITORY = Kind("source.toolkit.fluxcd.io/v1", "GitRepository", "gitrepositories")
SECRET = Kind("v1", "Secret", "secrets")
EVENT = Kind("v1", "Event", "events")


class ApiServer:
    """The API server at an address, for one service account."""

    def __init__(self, host: str, port: int, token: Path, authorities: Path) -> None:
        self._host = host
        self._port = port
        self._token = token
        self._tls = ssl.create_default_context(cafile=str(authorities))

    @classmethod
    def in_cluster(cls) -> ApiServer:
        """Return the API server of the cluster that this process runs in."""
        host = os.environ["KUBERNETES_SERVICE_HOST"]
        port = int(os.environ["KUBERNETES_SERVICE_PORT"])
        return cls(host, port, ACCOUNT / "token", ACCOUNT / "ca.crt")

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return an object, or None where it is not there."""
        try:
            return self._ask("GET", kind.path(namespace, name))
        except ApiRefused as refused:
            if refused.status == http.client.NOT_FOUND:
                return None
            raise

    def list(self, kind: Kind, *, accept: str = "", fields: str = "") -> tuple[list[Object], str]:
        """Return the objects of a kind, and the version to watch on from.

        With `accept=METADATA` the API server leaves out everything but the objects' metadata, with
        `fields` (a field selector) all objects that it does not fit.
        """
        query = f"?{urlencode({'fieldSelector': fields})}" if fields else ""
        found = self._ask("GET", f"{kind.path()}{query}", accept=accept)
        told = {"apiVersion": kind.api_version, "kind": kind.kind}
        return [{**told, **item} for item in found["items"]], found["metadata"]["resourceVersion"]

    def watch(self, kind: Kind, version: str) -> Iterator[tuple[str, Object]]:
        """Yield what changes after a version, until the API server ends the watch.

        Raises ApiRefused with status 410 where the version is too old.
        """
        query = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        path = f"{kind.path()}?{urlencode(query)}"
        connection, answer = self._open("GET", path, None, "", WATCH_SECONDS + SECONDS)
        try:
            while line := answer.readline():
                told = json.loads(line)
                if told["type"] == "ERROR":
                    status = told["object"]
                    raise ApiRefused(int(status.get("code", 0)), str(status.get("message")))
                yield told["type"], told["object"]
        except (OSError, http.client.HTTPException) as gone:
            raise ApiAway(f"watching {kind.plural}: {gone}") from gone
        finally:
            connection.close()

    def patch(
        self, kind: Kind, namespace: str, name: str, change: Mapping[str, Any], part: str = ""
    ) -> Object:
        """Merge a change into an object, or into its part `status`; return it as it is now."""
        path = f"{kind.path(namespace, name, part)}?fieldManager=understudy"
        return self._ask("PATCH", path, change, "application/merge-patch+json")

    def create(self, kind: Kind, namespace: str, body: Mapping[str, Any]) -> Object:
        """Create an object; return it."""
        return self._ask("POST", kind.path(namespace), body, "application/json")

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        type_: str = "",
        accept: str = "",
    ) -> Object:
        connection, answer = self._open(method, path, body, type_, SECONDS, accept)
        try:
            found = json.loads(answer.read())
        except (OSError, http.client.HTTPException) as gone:
            raise ApiAway(f"{method} {path}: {gone}") from gone
        finally:
            connection.close()
        return dict(found)

    def _open(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        type_: str,
        seconds: float,
        accept: str = "",
    ) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=seconds, context=self._tls
        )
        # The kubelet renews the token in its file, so it is read each time.
        headers = {"Authorization": f"Bearer {self._token.read_text().strip()}"}
        if type_:
            headers["Content-Type"] = type_
        if accept:
            headers["Accept"] = accept
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, body=text, headers=headers)
            answer = connection.getresponse()
            if answer.status >= http.client.BAD_REQUEST:
                raise ApiRefused(answer.status, _message(answer.read(), answer.reason))
        except (OSError, http.client.HTTPException) as gone:
            connection.close()
            raise ApiAway(f"{method} {path}: {gone}") from gone
        except ApiRefused:
            connection.close()
            raise
        return connection, answer


def _message(body: bytes, reason: str) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return reason
