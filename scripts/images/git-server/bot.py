"""What the bot may do: bring an image to another version, where its automation is not suspended.

The bot learns that an automation is suspended only when Flux has applied that. Until then it goes
on by what it knew, and here that ends: what counts is the commit that it builds on.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from entries import CONTAINERS, kind_of, meta_of
from refusal import Refused, git, one_line
from tree import Tree, Unreadable, tree

USER = "flux"
FILE = re.compile(r"apps/([^/]+)/([^/]+)\.yaml")
MARKER = '"$imagepolicy"'
NOT_WORKLOADS = ("base",)


def judge(old: str, new: str) -> None:
    """Raise Refused for the first new commit that does more than the bot may."""
    listing = git("rev-list", "--topo-order", "--reverse", "--parents", new, f"^{old}")
    for line in listing.splitlines():
        commit, *parents = line.split()
        if len(parents) != 1:
            raise _too_much(commit, "is a merge", "one commit on top of another")
        _judge_commit(commit, parents[0])


def _judge_commit(commit: str, parent: str) -> None:
    before, after = tree(parent), tree(commit)
    raw = git("diff-tree", "-r", "-z", "--no-renames", parent, commit).split("\0")
    for head, path in zip(raw[::2], raw[1::2], strict=False):
        old_mode, new_mode, _, _, status = head.lstrip(":").split()
        match = FILE.fullmatch(path)
        if not match or match[1] in NOT_WORKLOADS or status != "M" or old_mode != new_mode:
            raise _too_much(commit, f"changes {path}")
        try:
            _judge_file(commit, path, before, after)
        except Unreadable as wrong:
            raise _too_much(commit, f"changes {path}, which cannot be read ({wrong})") from wrong
        _judge_automation(before, match[1], match[2])


def _judge_file(commit: str, path: str, before: Tree, after: Tree) -> None:
    """Raise Refused unless nothing but the versions of marked images differs."""
    was, now = before.docs(path), after.docs(path)
    moved = list(zip(_images(was), _images(now), strict=False))
    if _without_images(was) != _without_images(now) or _marks(before, path) != _marks(after, path):
        raise _too_much(commit, f"changes more of {path} than images")
    lines = [line for line in after.text(path).splitlines() if MARKER in line]
    for old, new in moved:
        if old == new:
            continue
        if _name(old) != _name(new):
            raise _too_much(commit, f"puts {new} where {old} was, another image,")
        if not any(new in line for line in lines):
            raise _too_much(commit, f"changes the image {old} in {path}, which has no marker")


def _judge_automation(before: Tree, env: str, app: str) -> None:
    """Raise Refused if the commit that the bot builds on has its automation suspended, or none."""
    path, name = f"automation/{env}/{app}.yaml", f"{app}-{env}"
    try:
        docs = before.docs(path) if path in before.files else []
    except Unreadable:
        docs = []
    found = [
        doc
        for doc in docs
        if kind_of(doc) == "ImageUpdateAutomation" and meta_of(doc).get("name") == name
    ]
    if not found:
        raise Refused(
            f"a release of {app} in {env} by the bot, and no automation of it in {path}",
            f"an ImageUpdateAutomation {name!r} in Git",
            f"`lab automate {app} --env {env}`",
        )
    if any((doc.get("spec") or {}).get("suspend") for doc in found):
        raise Refused(
            f"a release of {app} in {env} by the bot, whose automation is suspended in Git",
            "a bot that rests where it is told to; Flux has not told it yet",
            f"nothing; `lab automate {app} --env {env}` lets it go on",
        )


def _too_much(commit: str, what: str, expected: str = "versions of marked images alone") -> Refused:
    return Refused(
        f"commit {commit[:8]} of the bot {USER!r} {one_line(what)}",
        f"{expected}, in apps/ENVIRONMENT/APP.yaml",
        "make the change as yourself, with your own credentials",
    )


def _containers(docs: list[Any]) -> Iterator[dict[str, Any]]:
    for doc in docs:
        level = doc if kind_of(doc) == "Deployment" else {}
        for name in ("spec", "template", "spec"):
            level = level.get(name) if isinstance(level, dict) else {}
        for section in CONTAINERS:
            found = level.get(section) if isinstance(level, dict) else []
            yield from (each for each in found or [] if isinstance(each, dict) and "image" in each)


def _images(docs: list[Any]) -> list[str]:
    return [str(each["image"]) for each in _containers(docs)]


def _without_images(docs: list[Any]) -> list[Any]:
    bare = copy.deepcopy(docs)
    for each in _containers(bare):
        each["image"] = ""
    return bare


def _marks(files: Tree, path: str) -> list[str]:
    """Return a file's markers in their order."""
    found = [line.partition("#") for line in files.text(path).splitlines() if MARKER in line]
    return [mark.strip() for _, _, mark in found]


def _name(image: str) -> str:
    """Return an image's name without tag and digest."""
    bare = image.partition("@")[0]
    name, _, tag = bare.rpartition(":")
    return name if name and "/" not in tag else bare
