"""Automate, deautomate and policy: whether a bot releases a workload, and which versions it may."""

from __future__ import annotations

import re
from dataclasses import replace

from labs.errors import LabError
from labs.gitops import images, manifests
from labs.gitops.desk import Action, Desk, message, now
from labs.gitops.draft import Draft
from labs.gitops.image_automation import OBJECTS, objects
from labs.gitops.manifests import Automation, with_marker, with_range, with_suspend
from labs.gitops.workloads import Found, Place, unlocked
from labs.gitops.yaml_edit import append
from labs.understudy.semver import BadRange, Range

TEMPLATE = Place("hello", "production")
KUSTOMIZATION = f"{OBJECTS}/kustomization.yaml"


def automate(desk: Desk, app: str, env: str = "", *, reason: str = "") -> Action:
    """Return the action that has the bot release a workload, or go on with it. Raises LabError."""
    found = desk.find(app, env)
    place = found.place

    def change(draft: Draft) -> None:
        current = unlocked(now(draft, place))
        _require_installed(draft)
        if not current.automation.there:
            _add(draft, current)
        draft.write(place.automation, with_suspend(draft.read(place.automation), False))
        draft.write(place.path, with_marker(draft.read(place.path), app, place.policy))
        if not draft.touched:
            raise LabError(
                f"{place} is automated already ({current.automation.range})",
                expected="a workload that people release, or whose automation rests",
                todo=f"`lab policy {place.options} RANGE` changes what it may choose",
            )

    subject = f"Automate {app} in {place.environment}"
    words = message("automate", subject, place, desk.by, reason=reason)
    chooser = found.automation if found.automation.there else _shipped()
    at_work = replace(chooser, suspended=False)
    return Action(place, words, change, (_outlook(desk, found, at_work),))


def deautomate(desk: Desk, app: str, env: str = "", *, reason: str = "") -> Action:
    """Return the action that has the bot rest; marker and policy stay. Raises LabError."""
    found = desk.find(app, env)
    place = found.place

    def change(draft: Draft) -> None:
        current = now(draft, place)
        if not current.automation.active:
            raise LabError(
                f"no automation is at work for {place}",
                expected="one that can be told to rest",
                todo="see `lab workloads`",
            )
        draft.write(place.automation, with_suspend(draft.read(place.automation), True))

    subject = f"Stop automating {app} in {place.environment}"
    words = message("deautomate", subject, place, desk.by, reason=reason)
    remarks = (f"It stays at {found.workload.version} until somebody releases another version.",)
    return Action(place, words, change, remarks)


def policy(desk: Desk, app: str, versions: str, env: str = "", *, reason: str = "") -> Action:
    """Return the action that changes which versions the bot may choose from. Raises LabError."""
    try:
        Range.parse(versions)
    except BadRange as wrong:
        raise LabError(
            f"{versions!r} is no range of versions: {wrong}",
            expected="such as `>=1.0.0`, `~1.2`, `^1` or `>=1.0.0 <2.0.0`",
            todo="put it in quotes, for the shell has a meaning of its own for < and >",
        ) from wrong
    found = desk.find(app, env)
    place = found.place

    def change(draft: Draft) -> None:
        current = now(draft, place)
        _require_installed(draft)
        if not current.automation.there:
            raise LabError(
                f"{place} has no policy",
                expected="a workload that was automated before",
                todo=f"`lab automate {place.options}`",
            )
        kind = current.automation.choice.get("policy") or {}
        if "semver" not in kind:
            raise LabError(
                f"the policy of {place} chooses by {current.automation.range or 'nothing'}",
                expected="one that chooses by a range of versions (semver)",
                todo=f"change {place.automation} by hand",
            )
        if current.automation.range == versions:
            raise LabError(
                f"the policy of {place} is {versions!r} already",
                expected="another range",
                todo=f"`lab history {app} --event policy` tells who chose it",
            )
        draft.write(place.automation, with_range(draft.read(place.automation), versions))

    subject = f"Let {place.environment} take {app} {versions}"
    words = message("policy", subject, place, desk.by, reason=reason)
    spec = {**found.automation.choice, "policy": {"semver": {"range": versions}}}
    chooser = replace(found.automation, choice=spec)
    return Action(place, words, change, (_outlook(desk, found, chooser),))


def _require_installed(draft: Draft) -> None:
    if KUSTOMIZATION not in draft.files(OBJECTS):
        raise LabError(
            f"there is no image automation in the config repo yet: no {KUSTOMIZATION}",
            expected="Flux's image automation, as lab 06 brings it in",
            todo="`lab automation files`, then commit and push what it wrote",
        )


def _add(draft: Draft, current: Found) -> None:
    """Write the objects of a workload that has none yet, after those that the workshop ships."""
    place = current.place
    shipped = objects()
    template = shipped[TEMPLATE.automation]
    text = _renamed(template.replace(TEMPLATE.environment, place.environment), place.app)
    draft.write(place.automation, text)
    wanted = [f"{place.environment}/{place.app}.yaml"]
    scan = f"{OBJECTS}/{place.app}.yaml"
    if scan not in draft.files(OBJECTS):
        image = _renamed(shipped[f"{OBJECTS}/{TEMPLATE.app}.yaml"], place.app)
        used = f"image: registry:5000/{place.app}"
        draft.write(scan, image.replace(used, f"image: {current.workload.repository}"))
        wanted.insert(0, f"{place.app}.yaml")
    listed = draft.read(KUSTOMIZATION)
    for name in wanted:
        if f"- {name}\n" not in f"{listed}\n":
            listed = append(listed, (0, "resources"), name)
    draft.write(KUSTOMIZATION, listed)


def _renamed(text: str, app: str) -> str:
    return re.sub(rf"\b{TEMPLATE.app}\b", app, text)


def _shipped() -> Automation:
    return manifests.automation(objects()[TEMPLATE.automation])


def _outlook(desk: Desk, found: Found, automation: Automation) -> str:
    """Return which version the bot will release with such a policy, as far as that is known."""
    try:
        tags = desk.versions(found.workload.repository)
    except LabError as away:
        return f"Which version {automation.range} chooses is not known: {away.found}"
    chosen = images.choice(automation, tags)
    if not chosen:
        return f"None of the registry's versions is in {automation.range} ({', '.join(tags)})."
    rests = f"; its automation rests, so nothing moves until `lab automate {found.place.options}`"
    waits = rests if automation.there and automation.suspended else ""
    if chosen == found.workload.version:
        return f"{automation.range} chooses {chosen}, which is there already."
    return f"{automation.range} chooses {chosen}, in the place of {found.workload.version}{waits}."
