"""A workload beside its Deployment and pods: is it what Git says, and what holds it up?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labs.exporter.fields import Difference, differences
from labs.exporter.repo import Workload
from labs.gitops.manifests import Workload as Said
from labs.understudy.api_server import Object

NO_IMAGE = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "ImageInspectError",
    "InvalidImageName",
    "RegistryUnavailable",
)
"""Why a container waits whose image cannot be had, in the kubelet's words."""
STARTING = "status.phase=Pending"
"""The pods to ask for: one that lacks an image has not begun to run."""


@dataclass(frozen=True)
class Running:
    """A workload as Git has it, beside what the cluster has."""

    workload: Workload
    version: str
    """The version that the Deployment names; '' where there is none."""
    as_git_says: bool
    """Whether nothing differs, and every pod is of the newest form and available."""
    differs: tuple[Difference, ...] = ()
    no_image: tuple[tuple[str, str, int], ...] = ()
    """Image, reason and number of pods that wait for an image that cannot be had."""


def running(
    workload: Workload, deployments: Iterable[Object], pods: Iterable[Object] = ()
) -> Running:
    """Return a workload beside its Deployment, and those of its pods that have not begun to run."""
    app = workload.found.place.app
    for found in deployments:
        meta = found["metadata"]
        if (meta["namespace"], meta["name"]) != (workload.namespace, app):
            continue
        containers = found["spec"]["template"]["spec"]["containers"]
        named = [one for one in containers if one["name"] == app] or containers
        image = str(named[0].get("image", ""))
        status, wanted = found.get("status") or {}, found["spec"].get("replicas", 1)
        done = status.get("observedGeneration") == meta.get("generation") and all(
            status.get(key, 0) == wanted
            for key in ("replicas", "updatedReplicas", "availableReplicas")
        )
        differs = differences(workload.fields, found)
        return Running(
            workload,
            Said(image).version,
            done and not differs and image == workload.found.workload.image,
            tuple(differs),
            tuple(_no_image(found, pods)),
        )
    missing = Difference("Deployment", app, "")
    return Running(workload, "", as_git_says=False, differs=(missing,))


def _no_image(deployment: Object, pods: Iterable[Object]) -> Iterator[tuple[str, str, int]]:
    labels = (deployment["spec"].get("selector") or {}).get("matchLabels") or {}
    namespace = deployment["metadata"]["namespace"]
    found = Counter(
        one
        for pod in pods
        if labels
        and pod["metadata"]["namespace"] == namespace
        and labels.items() <= (pod["metadata"].get("labels") or {}).items()
        for one in set(_waits(pod))
    )
    yield from ((image, reason, number) for (image, reason), number in sorted(found.items()))


def _waits(pod: Object) -> Iterator[tuple[str, str]]:
    """Yield image and reason of each container that waits for an image."""
    for kind in ("initContainer", "container"):
        images = {one["name"]: str(one["image"]) for one in pod["spec"].get(f"{kind}s") or ()}
        for one in (pod.get("status") or {}).get(f"{kind}Statuses") or ():
            reason = _reason(one)
            if reason in NO_IMAGE:
                yield images.get(one["name"], ""), reason


def _reason(status: Mapping[str, Any]) -> str:
    return str(((status.get("state") or {}).get("waiting") or {}).get("reason", ""))
