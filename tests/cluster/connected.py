"""A lab whose agents are installed, as lab 02 leaves it, and what they say of their work."""

from __future__ import annotations

from labs.catalogue import step_named
from labs.gitops import instances, sync
from labs.instance import Instance
from labs.platform import flux
from labs.platform.objects import Object
from labs.shell import visible


def connect(instance: Instance) -> None:
    """Do what is missing of lab 02, and wait until the newest commit is live."""
    if instances.state(instance).word != "connected":
        for step in ("first-commit", "instance", "install-agents"):
            visible(instance, step_named(step)[1].solution)
    visible(instance, "git pull --quiet --rebase")
    sync.follow(instance, timeout=240)


def handled(found: Object) -> bool:
    """Return whether Flux says that it has done what it was last asked for of this object."""
    asked = found["metadata"]["annotations"][flux.REQUESTED]
    return bool(found.get("status", {}).get("lastHandledReconcileAt") == asked)
