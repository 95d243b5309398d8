"""The Git server without its notification: for a measurement of the poll, or for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from labs.gitops import image_automation
from labs.gitops.image_automation import connection
from labs.instance import Instance
from labs.platform import docker, flux, git_server, kubernetes


@contextmanager
def untold(instance: Instance) -> Iterator[None]:
    """Have the Git server tell the cluster of no push for a while, if it does at all."""
    known = git_server.listener(instance, connection.LISTENER)
    _forget(instance)
    try:
        yield
    finally:
        if known:
            git_server.notify(instance, connection.LISTENER, **known)


def disconnect(instance: Instance) -> None:
    """Undo `lab automation connect`: no Secrets in the cluster, and no push told to it."""
    _forget(instance)
    cluster = kubernetes.api(instance)
    for secret in (image_automation.WRITER_SECRET, image_automation.TOKEN_SECRET):
        cluster.delete("v1", "Secret", secret, flux.NAMESPACE)
    connection.record(instance).unlink(missing_ok=True)


def _forget(instance: Instance) -> None:
    place = f"/srv/git/.notify/{connection.LISTENER}.json"
    docker.exec_in(instance.container("git"), "rm", "-f", place)
