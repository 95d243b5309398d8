"""What the API server says in place of an answer: its client's exceptions in the lab's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3.exceptions
from kubernetes import config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import DynamicApiError, NotFoundError, ResourceNotFoundError

from labs.errors import LabError


class ClusterUnreachable(LabError):
    """The API server of the lab's cluster does not answer, or there is no cluster."""


class Refused(LabError):
    """The API server answered, and said no."""


class Gone(Refused):
    """What was asked for is not there, or no longer; or its type is not."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the client's exceptions into ours: the reason, short, and what to do."""
    try:
        yield
    except DynamicApiError as refused:
        found = Gone if isinstance(refused, NotFoundError) else Refused
        raise found(
            f"{doing}: {refused.status} {refused.reason}: {_message(refused)}",
            expected="the API server does it",
            todo="read the message; `kubectl describe` shows the object",
        ) from refused
    except ResourceNotFoundError as unknown:
        raise Gone(
            f"{doing}: the API server knows no such type",
            expected="a type that `kubectl api-resources` lists",
            todo="see whether what brings it is there: `make status`",
        ) from unknown
    except ApiException as refused:
        raise Refused(
            f"{doing}: {refused.status} {refused.reason}",
            expected="the API server does it",
            todo="run `make status`",
        ) from refused
    except config.ConfigException as broken:
        raise ClusterUnreachable(
            f"{doing}: {broken}",
            expected="the kubeconfig that `make up` wrote",
            todo="run `make up`, which writes it again",
        ) from broken
    except (urllib3.exceptions.HTTPError, OSError) as gone:
        raise ClusterUnreachable(
            f"{doing}: the API server does not answer ({type(gone).__name__})",
            expected="a running cluster",
            todo="run `make status`, then `make up`, which starts what has stopped",
        ) from gone


def _message(refused: DynamicApiError) -> str:
    try:
        return str(refused.summary())[:300]
    except (ValueError, KeyError, TypeError):  # the body is not a Status object
        return str(refused.body)[:300]
