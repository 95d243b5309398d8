"""The images that the registry has: which versions, when and from which commit each was built."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labs.errors import LabError
from labs.gitops.manifests import Automation
from labs.instance import Instance
from labs.platform import registry
from labs.understudy import semver
from labs.understudy.policy import InvalidPolicy, NoChoice, latest

LABEL = "org.opencontainers.image"


@dataclass(frozen=True)
class Image:
    """A tag of an image, and what its labels say."""

    repository: str
    tag: str
    digest: str
    created: datetime | None
    revision: str
    """The commit of the app repo that it was built from, or ''."""
    version: str
    """What its label says it is, or ''; another than the tag where somebody gave it a new name."""


def repositories(instance: Instance) -> list[str]:
    """Return the names of all images in the registry, without its address."""
    return registry.repositories(instance)


def images(instance: Instance, repository: str) -> list[Image]:
    """Return an image's tags, the newest version first; what is no version comes last."""
    found = (
        image(instance, repository, tag)
        for tag in newest_first(registry.tags(instance, repository))
    )
    return [one for one in found if one is not None]


def image(instance: Instance, repository: str, tag: str) -> Image | None:
    """Return what is known of a tag; None without it: it may go away between two questions."""
    about = registry.about(instance, repository, tag)
    return None if about is None else _image(repository, tag, *about)


def versions(instance: Instance, image: str) -> list[str]:
    """Return the tags of an image such as `registry:5000/hello`, the newest version first."""
    if not image:
        raise LabError(
            "a workload that names no image of its own",
            expected=f"a container with `image: {registry.INNER_ADDRESS}/NAME:VERSION`",
            todo="add that line by hand; from then on a release changes it",
        )
    address, _, repository = image.partition("/")
    if address != registry.INNER_ADDRESS or not repository:
        raise LabError(
            f"the image {image!r} comes from elsewhere",
            expected=f"an image of the lab's registry, {registry.INNER_ADDRESS}/NAME",
            todo="change its version by hand: edit, `git diff`, commit, push",
        )
    return newest_first(registry.tags(instance, repository))


def newest_first(tags: Iterable[str]) -> list[str]:
    """Return tags in descending order of their versions; those that are none come last."""
    ordered = sorted(tags, reverse=True)
    numbered = [(version, tag) for tag in ordered if (version := semver.parse_tag(tag))]
    numbered.sort(key=lambda pair: pair[0], reverse=True)
    return [tag for _, tag in numbered] + [tag for tag in ordered if not semver.parse_tag(tag)]


def choice(automation: Automation, tags: Iterable[str]) -> str:
    """Return the tag that a workload's image policy chooses, or '' where it chooses none."""
    try:
        return latest(tags, automation.choice) if automation.choice.get("policy") else ""
    except (InvalidPolicy, NoChoice):
        return ""


def _image(repository: str, tag: str, digest: str, config: dict[str, Any]) -> Image:
    labels = (config.get("config") or {}).get("Labels") or {}
    told = labels.get(f"{LABEL}.created") or config.get("created") or ""
    try:
        created = datetime.fromisoformat(str(told).replace("Z", "+00:00")) if told else None
    except ValueError:
        created = None
    revision, version = (
        str(labels.get(f"{LABEL}.{word}") or "") for word in ("revision", "version")
    )
    return Image(repository, tag, digest, created, revision, version)
