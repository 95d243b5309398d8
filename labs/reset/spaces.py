"""Namespaces at a reset: emptied where they stay, deleted where they go, whatever holds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labs.platform import objects
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.reset.contents import ClusterWide, Contents
from labs.reset.kubectl import Kubectl
from labs.wait import NotYet, wait_for

Say = Callable[[str], None]
GONE_SECONDS = 60.0
LOOK_SECONDS = 0.2
STUCK_SECONDS = 4.0
"""What was to end at once and is there after that is held by something."""
LATE_SECONDS = 9.0
"""A namespace's end begins five seconds after it was asked for, whatever is in it."""
AGAIN_SECONDS = 5.0
"""What was let go may be held anew, by an agent that is about to end."""
AGENTS = {"kustomize-controller"}
"""Who may have written to a namespace that is kept: what others wrote there would stay."""


def stays(found: Object | None) -> bool:
    """Return whether an object is there, and not on its way out."""
    return found is not None and not found["metadata"].get("deletionTimestamp")


def only_fluxs(space: Object | None) -> bool:
    """Return whether a namespace is there and is just as Flux has made it, held by nobody."""
    if space is None or not stays(space) or space["metadata"].get("finalizers"):
        return False
    fields = space["metadata"].get("managedFields", [])
    return {field["manager"] for field in fields} == AGENTS


def wait_until_empty(kubectl: Kubectl, contents: Contents, name: str, say: Say) -> None:
    """Wait until nothing is left in a namespace; what something holds is let go."""

    def held(seconds: float) -> set[str]:
        return {name} if seconds >= STUCK_SECONDS else set()

    _wait(kubectl.release, contents.left, held, f"an empty namespace {name}", say)


def wait_until_none(kubectl: Kubectl, strays: ClusterWide, say: Say) -> None:
    """Wait until nothing is left that was to go outside of namespaces; what is held is let go."""

    def held(seconds: float) -> set[str]:
        return strays.left() if seconds >= STUCK_SECONDS else set()

    _wait(kubectl.release_one, strays.left, held, "nothing of later labs outside namespaces", say)


def delete(cluster: Cluster, names: Sequence[str]) -> None:
    """Ask for the end of namespaces, their pods first and at once: nobody waits for them."""
    for name in names:
        Contents(cluster, name).delete_pods()
        cluster.delete("v1", "Namespace", name)


def wait_until_gone(kubectl: Kubectl, which: Callable[[str], bool], say: Say) -> None:
    """Wait until namespaces are gone, those that a function picks; what holds one is let go."""

    def left() -> set[str]:
        return {name for name in kubectl.namespaces() if which(name)}

    def held(seconds: float) -> set[str]:
        late = seconds >= LATE_SECONDS
        return {name for name in left() if late or _held(kubectl.api.get("v1", "Namespace", name))}

    _wait(kubectl.release, left, held, "no namespace that the start is without", say)


def _wait(
    release: Callable[[str], list[str]],
    left: Callable[[], set[str]],
    held: Callable[[float], set[str]],
    what: str,
    say: Say,
) -> None:
    released: dict[str, float] = {}

    def none() -> None:
        if there := sorted(left()):
            raise NotYet(f"still there: {', '.join(there[:3])}")

    def on_wait(state: str, seconds: float) -> None:
        for name in held(seconds):
            if seconds - released.get(name, -AGAIN_SECONDS) < AGAIN_SECONDS:
                continue
            released[name] = seconds
            if let_go := release(name):
                title = name if "/" in name else f"namespace {name}"  # or a kind, and a name
                say(f"{title} was held by {', '.join(let_go[:3])}: let go")

    wait_for(none, what=what, timeout=GONE_SECONDS, interval=LOOK_SECONDS, on_wait=on_wait)


def _held(space: Object | None) -> bool:
    """Return whether the cluster says that something keeps a namespace from its end."""
    return objects.condition(space, "NamespaceFinalizersRemaining")[0] == "True"
