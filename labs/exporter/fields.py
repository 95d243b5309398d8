"""The fields of a workload that an environment sets, in Git and in the cluster, and which differ.

What somebody releases or changes by hand: the number of pods, images, variables. Git's file is a
patch, so a field that it does not name is nobody's difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labs.gitops import yaml_places
from labs.gitops.workloads import Found, Tree
from labs.gitops.yaml_places import Unreadable

LONGEST = 60
"""Letters of a value that are told."""


@dataclass(frozen=True)
class Difference:
    """A field of a workload that the cluster has another value of than Git; '' is none."""

    field: str
    git: str
    cluster: str


def differences(said: Mapping[str, str], deployment: Mapping[str, Any]) -> list[Difference]:
    """Return the fields that Git names, and the cluster has otherwise."""
    has = fields(deployment)
    return [
        Difference(name, value[:LONGEST], has.get(name, "")[:LONGEST])
        for name, value in said.items()
        if has.get(name, "") != value
    ]


def fields_in_git(tree: Tree, found: Found) -> dict[str, str]:
    """Return what the file of a workload sets; of a file that is no YAML, its image alone."""
    name = found.place.app
    try:
        documents = yaml_places.load(tree.read(found.place.path))
    except Unreadable:
        return {"image": found.workload.image}
    for one in documents:
        if _at(one, "kind") == "Deployment" and _at(one, "metadata", "name") == name:
            return fields(one)
    return {"image": found.workload.image}


def fields(deployment: Mapping[str, Any]) -> dict[str, str]:
    """Return the values that a Deployment has, by the field's name: `replicas`, `image`, …

    Variables are called `env NAME`; what belongs to another container than the one that is called
    as the Deployment has the container's name in front.
    """
    found: dict[str, str] = {}
    replicas = _at(deployment, "spec", "replicas")
    if replicas is not None:
        found["replicas"] = str(replicas)
    app = _at(deployment, "metadata", "name")
    for one in _list(_at(deployment, "spec", "template", "spec", "containers")):
        where = "" if one.get("name") == app else f"{one.get('name')} "
        if one.get("image"):
            found[f"{where}image"] = str(one["image"])
        for variable in _list(one.get("env")):
            if variable.get("value") is not None:
                found[f"{where}env {variable.get('name')}"] = str(variable["value"])
    return found


def _at(found: Any, *keys: str) -> Any:
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _list(found: Any) -> Iterator[Mapping[str, Any]]:
    yield from (one for one in (found if isinstance(found, list) else []) if isinstance(one, dict))
