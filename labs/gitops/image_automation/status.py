"""Says which parts of image automation are there, and how each is."""

from __future__ import annotations

import time
from collections.abc import Iterator

from labs.gitops import image_automation, instances
from labs.gitops.config_repo import attendees
from labs.gitops.image_automation import connection
from labs.instance import Instance
from labs.platform import flux, git_server, kubernetes, objects
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.platform.status import Part
from labs.wait import NotYet

PROGRAMMED = 10.0
"""Seconds from a pod that is ready to a node that knows where its Service's requests go, at most;
the cluster stamps whole seconds."""


def parts(instance: Instance) -> list[Part]:
    """Return the parts in the order in which they come to be."""
    cluster = kubernetes.api(instance)
    return [
        _files(instance),
        *(_controller(cluster, name) for name in image_automation.COMPONENTS),
        _secrets(cluster),
        *_images(cluster),
        *_policies(cluster),
        *_automations(cluster),
        _receiver(instance, cluster),
        _git_server(instance),
        _last(instance, cluster),
    ]


def _files(instance: Instance) -> Part:
    repo = attendees(instance)
    files = set(repo.files(repo.fetch().sha))
    wanted = {*image_automation.controllers(), *image_automation.objects()}
    wanted.add(f"{instances.folder(instance)}/automation.yaml")
    missing = sorted(wanted - files)
    if missing:
        many = f"{len(missing)} of {len(wanted)} files are not in Git, such as {missing[0]}"
        return Part("config repo", False, f"{many}: `lab automation files`, commit, push")
    return Part("config repo", True, f"{len(wanted)} files in Git")


def all_running(instance: Instance) -> None:
    """Raise NotYet with the first controller that does not run."""
    cluster = kubernetes.api(instance)
    for part in (_controller(cluster, name) for name in image_automation.COMPONENTS):
        if not part.well:
            raise NotYet(f"{part.name} is {part.state}")


def _controller(cluster: Cluster, name: str) -> Part:
    found = cluster.get("apps/v1", "Deployment", name, flux.NAMESPACE)
    if found is None:
        return Part(name, False, "not there")
    ready = found.get("status", {}).get("readyReplicas", 0)
    return Part(name, bool(ready), "running" if ready else "not ready")


def _secrets(cluster: Cluster) -> Part:
    wanted = (image_automation.WRITER_SECRET, image_automation.TOKEN_SECRET)
    missing = [one for one in wanted if cluster.get("v1", "Secret", one, flux.NAMESPACE) is None]
    if missing:
        return Part("Secrets", False, f"{', '.join(missing)} missing: `lab automation connect`")
    return Part("Secrets", True, ", ".join(wanted))


def _images(cluster: Cluster) -> Iterator[Part]:
    for found in cluster.list(flux.IMAGE_API, "ImageRepository", flux.NAMESPACE):
        yield _ready(f"images of {flux.name(found)}", found)


def _policies(cluster: Cluster) -> Iterator[Part]:
    for found in cluster.list(flux.IMAGE_API, "ImagePolicy", flux.NAMESPACE):
        tag = found.get("status", {}).get("latestRef", {}).get("tag")
        part = _ready(f"policy {flux.name(found)}", found)
        yield Part(part.name, part.well, f"chooses {tag}") if tag and part.well else part


def _automations(cluster: Cluster) -> Iterator[Part]:
    found = cluster.list(flux.IMAGE_API, "ImageUpdateAutomation", flux.NAMESPACE)
    if not found:
        yield Part("automation", False, "none")
    for one in found:
        name = f"automation {flux.name(one)}"
        yield Part(name, True, "suspended") if flux.suspended(one) else _ready(name, one)


def _receiver(instance: Instance, cluster: Cluster) -> Part:
    name = image_automation.RECEIVER
    found = cluster.get(connection.NOTIFICATION_API, "Receiver", name, flux.NAMESPACE)
    if found is None:
        return Part("receiver", False, "not there")
    path = found.get("status", {}).get("webhookPath")
    if path and path != image_automation.webhook_path(instance):
        return Part("receiver", False, "has another token: `lab automation connect`")
    return _ready("receiver", found)


def _git_server(instance: Instance) -> Part:
    if connection.is_registered(instance):
        return Part("Git server", True, "tells the receiver of each push")
    return Part("Git server", False, "tells nobody: `lab automation connect`")


def _last(instance: Instance, cluster: Cluster) -> Part:
    told = git_server.last_told(instance, connection.LISTENER)
    if not told:
        return Part("last push", True, "none was told yet")
    at = float(told["at"])
    ago = f"{max(0.0, time.time() - at):.0f} s ago"
    if told["trouble"] and at < _listening_since(cluster):
        # The bot's own first commit may come before the receiver's pod is there to hear of it.
        return Part("last push", True, f"{ago}, before the receiver was ready")
    if told["trouble"]:
        return Part("last push", False, f"{ago}, could not be told: {told['trouble']}")
    return Part("last push", True, f"{ago}, told")


def _listening_since(cluster: Cluster) -> float:
    """Return since when the receiver can be told, in Unix seconds; 0 if it cannot."""
    name = image_automation.RECEIVER
    receiver = cluster.get(connection.NOTIFICATION_API, "Receiver", name, flux.NAMESPACE)
    pods = cluster.get("apps/v1", "Deployment", "notification-controller", flux.NAMESPACE)
    stamps = (objects.since(receiver, "Ready"), objects.since(pods, "Available"))
    return max(map(flux.moment, stamps)) + PROGRAMMED if all(stamps) else 0.0


def _ready(name: str, found: Object) -> Part:
    status, message = objects.condition(found, "Ready")
    return Part(name, status == "True", message.splitlines()[0] if message else "not ready yet")
