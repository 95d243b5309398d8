"""The few things in a manifest that a release, a rollback or a lock is about: read and changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labs.errors import LabError
from labs.gitops import yaml_edit, yaml_places
from labs.gitops.yaml_places import Path, Unreadable

LOCKED_BY = "gitops-hackfest/locked-by"
LOCK_REASON = "gitops-hackfest/lock-reason"
IMAGE = re.compile(r"(?P<name>.+?)(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>\w+:\w+))?")
IMAGE_LINE = re.compile(r"^[\s-]*image:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
POLICY = re.compile(r"\{\s*\"\$imagepolicy\"\s*:\s*\"([^\"]*)\"")
NO_WORDS = {"no", "off", "n", "false"}


@dataclass(frozen=True)
class Workload:
    """What the file of a workload says; a file that is no YAML says little, and why."""

    image: str = ""
    locked_by: str = ""
    lock_reason: str = ""
    policy: str = ""
    """The image policy that the marker behind the image names, `namespace:name`."""
    problem: str = ""

    @property
    def repository(self) -> str:
        """The image without its tag: `registry:5000/hello`."""
        return _parts(self.image)["name"] or ""

    @property
    def version(self) -> str:
        return _parts(self.image)["tag"] or ""

    @property
    def locked(self) -> bool:
        return bool(self.locked_by or self.lock_reason)


@dataclass(frozen=True)
class Automation:
    """What the file of a workload's image automation says."""

    there: bool = False
    suspended: bool = False
    choice: Mapping[str, Any] = field(default_factory=dict)
    """What the policy chooses by: its `spec`, as Flux reads it."""
    problem: str = ""

    @property
    def active(self) -> bool:
        return self.there and not self.suspended

    @property
    def range(self) -> str:
        """The versions that it may choose, in words."""
        policy = self.choice.get("policy")
        if not isinstance(policy, dict) or not policy:
            return ""
        semver = policy.get("semver")
        return str(semver.get("range", "")) if isinstance(semver, dict) else str(next(iter(policy)))


def workload(text: str, app: str) -> Workload | None:
    """Return what a file says of the workload `app`; None where it has no such Deployment."""
    try:
        documents = yaml_places.load(text)
    except Unreadable as broken:
        found = IMAGE_LINE.search(text)
        return Workload(found[1] if found else "", problem=broken.found)
    number = _number(documents, "Deployment", app)
    if number is None:
        return None
    notes = _at(documents, (number, "metadata", "annotations"))
    notes = notes if isinstance(notes, dict) else {}
    who, why = (str(notes.get(key) or "") for key in (LOCKED_BY, LOCK_REASON))
    place = _image_path(documents, number, app)
    if place is None:
        return Workload("", who, why)
    marker = POLICY.search(yaml_edit.comment(text, place))
    return Workload(str(_at(documents, place)), who, why, marker[1] if marker else "")


def automation(text: str) -> Automation:
    """Return what a file of `automation/` says; '' is a file that is not there."""
    try:
        documents = yaml_places.load(text)
    except Unreadable as broken:
        return Automation(problem=broken.found)
    bot, policy = (_number(documents, kind) for kind in ("ImageUpdateAutomation", "ImagePolicy"))
    suspend = None if bot is None else _at(documents, (bot, "spec", "suspend"))
    spec = None if policy is None else _at(documents, (policy, "spec"))
    return Automation(
        there=bot is not None,
        suspended=bool(suspend) and str(suspend).lower() not in NO_WORDS,
        choice=spec if isinstance(spec, dict) else {},
    )


def with_image(text: str, app: str, image: str) -> str:
    """Return the workload's file with another image."""
    return yaml_edit.put(text, _image(text, app), image)


def with_marker(text: str, app: str, policy: str) -> str:
    """Return the workload's file with the marker of a policy behind its image."""
    place = _image(text, app)
    marker = f'{{"$imagepolicy": "{policy}"}}'
    if yaml_edit.comment(text, place) == marker:
        return text
    return yaml_edit.put_comment(text, place, marker)


def with_lock(text: str, app: str, by: str, reason: str) -> str:
    """Return the workload's file with a lock: two annotations, which start no rollout."""
    place = (_known(yaml_places.load(text), "Deployment", app), "metadata", "annotations")
    text = yaml_edit.put(text, (*place, LOCKED_BY), by)
    return yaml_edit.put(text, (*place, LOCK_REASON), reason)


def without_lock(text: str, app: str) -> str:
    """Return the workload's file without its lock."""
    for key in (LOCKED_BY, LOCK_REASON):
        documents = yaml_places.load(text)
        number = _known(documents, "Deployment", app)
        place: Path = (number, "metadata", "annotations", key)
        if _at(documents, place) is not None:
            text = yaml_edit.drop(text, place)
    return text


def with_suspend(text: str, suspend: bool) -> str:
    """Return the automation's file with the automation suspended, or at work."""
    number = _known(yaml_places.load(text), "ImageUpdateAutomation")
    return yaml_edit.put(text, (number, "spec", "suspend"), suspend)


def with_range(text: str, versions: str) -> str:
    """Return the automation's file with another range of versions to choose from."""
    number = _known(yaml_places.load(text), "ImagePolicy")
    return yaml_edit.put(text, (number, "spec", "policy", "semver", "range"), versions)


def _parts(image: str) -> dict[str, str | None]:
    found = IMAGE.fullmatch(image)
    return found.groupdict() if found else dict.fromkeys(("name", "tag", "digest"))


def _number(documents: list[Any], kind: str, name: str = "") -> int | None:
    for number, one in enumerate(documents):
        if not isinstance(one, dict) or one.get("kind") != kind:
            continue
        if not name or _at(documents, (number, "metadata", "name")) == name:
            return number
    return None


def _known(documents: list[Any], kind: str, name: str = "") -> int:
    number = _number(documents, kind, name)
    if number is None:
        raise LabError(
            f"no {kind}{f' {name!r}' if name else ''} in the file",
            expected=f"one object of the kind {kind}",
            todo="see `git log -p` for what took it away",
        )
    return number


def _image(text: str, app: str) -> Path:
    documents = yaml_places.load(text)
    place = _image_path(documents, _known(documents, "Deployment", app), app)
    if place is None:
        raise LabError(
            f"the Deployment {app!r} names no image of its own",
            expected=f"a container {app!r} with `image: registry:5000/{app}:VERSION`",
            todo="add that line by hand; from then on a release changes it",
        )
    return place


def _image_path(documents: list[Any], number: int, app: str) -> Path | None:
    """Return where the image of the container stands that has the app's name, or the only one."""
    place: Path = (number, "spec", "template", "spec", "containers")
    containers = _at(documents, place)
    if not isinstance(containers, list):
        return None
    having = [n for n, one in enumerate(containers) if isinstance(one, dict) and one.get("image")]
    named = [n for n in having if containers[n].get("name") == app] or having
    return (*place, named[0], "image") if len(named) == 1 else None


def _at(documents: list[Any], place: Path) -> Any:
    found: Any = documents
    for key in place:
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list) and isinstance(key, int) and key < len(found):
            found = found[key]
        else:
            return None
    return found
