"""The apps of each environment, as the config repo has them: where they stand and what they say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from labs.errors import LabError
from labs.gitops import manifests, yaml_places
from labs.gitops.manifests import Automation, Workload
from labs.gitops.names import require

BASE = "base"
USUAL = "production"
NAMESPACE = "flux-system"
"""Where the objects of image automation live, and with them the policies that markers name."""
LISTS = "`lab workloads` lists what there is"


class Tree(Protocol):
    """The files of a commit, or of a change that is to become one."""

    def files(self, folder: str = "") -> list[str]: ...

    def read(self, path: str) -> str: ...


@dataclass(frozen=True)
class Place:
    """A workload: an app in an environment, and the files that are about it."""

    app: str
    environment: str

    @property
    def path(self) -> str:
        return f"apps/{self.environment}/{self.app}.yaml"

    @property
    def automation(self) -> str:
        return f"automation/{self.environment}/{self.app}.yaml"

    @property
    def name(self) -> str:
        """What its ImagePolicy and its ImageUpdateAutomation are called."""
        return f"{self.app}-{self.environment}"

    @property
    def policy(self) -> str:
        """What the marker behind its image names."""
        return f"{NAMESPACE}:{self.name}"

    @property
    def options(self) -> str:
        """How commands are told of it."""
        return f"{self.app} --env {self.environment}"

    def __str__(self) -> str:
        return f"{self.app} in {self.environment}"


@dataclass(frozen=True)
class Found:
    """A workload, and what its files say."""

    place: Place
    workload: Workload
    automation: Automation


def environments(tree: Tree) -> list[str]:
    """Return the names of the environments: the folders of `apps/` that are built, but for base."""
    parts = [path.split("/") for path in tree.files("apps")]
    return [p[1] for p in parts if len(p) == 3 and p[2] == "kustomization.yaml" and p[1] != BASE]


def environment(tree: Tree, name: str = "") -> str:
    """Return the environment that is meant: by default the only one, or production."""
    known = environments(tree)
    if not name and len(known) == 1:
        return known[0]
    if not name and USUAL not in known:
        raise LabError(
            "no environment is named",
            expected=f"one of: {', '.join(known) or 'there is none yet'}",
            todo="name it: `--env NAME`",
        )
    return require("environment", name or USUAL, known, LISTS)


def each(tree: Tree, environment: str) -> Iterator[Found]:
    """Yield the workloads of an environment."""
    for path in tree.files(f"apps/{environment}"):
        folder, _, file = path.rpartition("/")
        if folder == f"apps/{environment}" and file.endswith(".yaml"):
            found = look(tree, Place(file.removesuffix(".yaml"), environment))
            if found is not None:
                yield found


def look(tree: Tree, place: Place) -> Found | None:
    """Return what the files of a workload say; None where it is no workload."""
    if place.path not in tree.files(f"apps/{place.environment}"):
        return None
    workload = manifests.workload(tree.read(place.path), place.app)
    if workload is None or (workload.problem and not workload.image):
        return None
    there = place.automation in tree.files("automation")
    automation = manifests.automation(tree.read(place.automation) if there else "")
    return Found(place, workload, automation)


def find(tree: Tree, app: str, environment_name: str = "") -> Found:
    """Return the workload that is meant. Raises LabError with the known ones and the nearest."""
    where = environment(tree, environment_name)
    found = look(tree, Place(app, where))
    if found is None:
        known = [one.place.app for one in each(tree, where)]
        require(f"workload in {where}", app, known, LISTS)
        raise AssertionError(f"{app} is known, and was not found")
    return found


def readable(found: Found) -> Found:
    """Return the workload, if its files can be read. Raises LabError with the place that cannot."""
    place = found.place
    for path, problem in (
        (place.path, found.workload.problem),
        (place.automation, found.automation.problem),
    ):
        if problem:
            raise LabError(
                f"{path} is no YAML: {problem}",
                expected="a file that can be read, to change one line of it",
                todo=f"mend it: `git log -p -- {path}` shows who broke it, `git revert` undoes it",
            )
    return found


def unlocked(found: Found) -> Found:
    """Return the workload, if it is not locked. Raises LabError with who locked it and why."""
    if found.workload.locked:
        raise LabError(
            f"{found.place} is locked by {found.workload.locked_by or 'somebody'}: "
            f"{found.workload.lock_reason or 'no reason given'}",
            expected="a workload that is not locked; the Git server would refuse the push",
            todo=f"ask them; `lab unlock {found.place.options}` takes the lock away",
        )
    return found


def namespace(tree: Tree, environment: str) -> str:
    """Return the namespace of an environment, as its kustomization.yaml says; else its name."""
    try:
        told = yaml_places.load(tree.read(f"apps/{environment}/kustomization.yaml"))
    except yaml_places.Unreadable:
        return environment
    first = told[0] if told and isinstance(told[0], dict) else {}
    return str(first.get("namespace") or environment)


def wanted(tree: Tree) -> dict[tuple[str, str], list[str]]:
    """Return the environments that name an image of the registry, by its name and version."""
    from labs.platform.registry import INNER_ADDRESS  # the exporter's image has no labs.platform

    found: dict[tuple[str, str], list[str]] = {}
    for environment in environments(tree):
        for one in each(tree, environment):
            name = one.workload.repository.removeprefix(f"{INNER_ADDRESS}/")
            found.setdefault((name, one.workload.version), []).append(environment)
    return found
