"""Ties image automation to the world outside Git: Secrets in the cluster, pushes told to it.

Both are made from what the lab's folder holds, so that a cluster that was made anew gets the same
again. The Git server learns one address and what to sign with, and no key to the cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from labs.errors import LabError
from labs.gitops import image_automation
from labs.instance import Instance, write_json
from labs.platform import flux, git_server, kubernetes, objects
from labs.platform.kubernetes import Cluster

LISTENER = "flux"
REPO = "config"
NOTIFICATION_API = "notification.toolkit.fluxcd.io/v1"
OTHERWISE = "it looks by itself, a few seconds later"
WAITING = ((flux.SOURCE_API, "GitRepository", "config-writer"),
           (NOTIFICATION_API, "Receiver", image_automation.RECEIVER))  # fmt: skip
"""What cannot be ready before the Secrets are there."""


def connect(instance: Instance) -> None:
    """Make the Secrets, and have the Git server tell the cluster of each push from now on."""
    cluster = kubernetes.api(instance)
    if cluster.get("v1", "Namespace", flux.NAMESPACE) is None:
        raise LabError(
            f"no namespace {flux.NAMESPACE!r} in the cluster",
            expected="Flux's agents, which lab 02 installs",
            todo="`lab instance` shows the command",
        )
    _tie(instance)
    _wake(cluster)
    write_json(record(instance), {"connected": time.time()})


def is_connected(instance: Instance) -> bool:
    """Return whether `connect` was run in this lab."""
    return record(instance).exists()


def reconnect(instance: Instance, say: Callable[[str], None] = lambda line: None) -> None:
    """Do the same again in a lab that was connected: its cluster or Git server may be new."""
    if not is_connected(instance):
        return
    cluster = kubernetes.api(instance)
    if cluster.get("v1", "Namespace", flux.NAMESPACE) is None:
        meta = {"name": flux.NAMESPACE}
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        say("the cluster is new: image automation's Secrets are in it, Flux is still to come")
    _tie(instance)


def is_registered(instance: Instance) -> bool:
    """Return whether the Git server tells this lab's receiver, and signs as it expects."""
    known = git_server.listener(instance, LISTENER)
    address = image_automation.webhook_address(instance)
    token = image_automation.webhook_token(instance)
    return (known.get("url"), known.get("secret")) == (address, token)


def _tie(instance: Instance) -> None:
    image_automation.ensure_secrets(instance)
    git_server.notify(
        instance,
        LISTENER,
        [REPO],
        image_automation.webhook_address(instance),
        image_automation.webhook_token(instance),
        OTHERWISE,
    )


def _wake(cluster: Cluster) -> None:
    """Have those that failed for want of a Secret try again now, not when their patience ends."""
    for api, kind, name in WAITING:
        found = cluster.get(api, kind, name, flux.NAMESPACE)
        if found is not None and objects.condition(found, "Ready")[0] != "True":
            flux.reconcile(cluster, api, kind, name)


def record(instance: Instance) -> Path:
    """Return the file that says that this lab was connected."""
    return instance.root / "automation.json"
