"""Image automation on a live lab, and what its tests ask of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from labs.gitops import image_automation
from labs.gitops.commits import Commit, Message
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.draft import Draft
from labs.gitops.image_automation import MARKED
from labs.instance import Instance
from labs.platform import flux, kubernetes, objects, registry
from labs.platform.objects import Object
from labs.understudy import semver
from labs.wait import NotYet, wait_for
from scripts.supply import api as supply

IMAGE = "image.toolkit.fluxcd.io/v1"
AUTOMATION = "hello-production"
RULES = "automation/production/hello.yaml"
SECONDS = 120.0


def write(instance: Instance, subject: str, change: Callable[[Draft], None]) -> Commit:
    """Push a commit of the attendee, and have Flux look at once."""
    commit = attendees(instance).write(Message(subject), change).commit
    flux.reconcile(kubernetes.api(instance), flux.SOURCE_API, "GitRepository", flux.SOURCE)
    return commit


def until(condition: Callable[[], Any], what: str) -> Any:
    return wait_for(condition, what=what, timeout=SECONDS, interval=0.2)


def deployed(instance: Instance, name: str, namespace: str = flux.NAMESPACE) -> None:
    found = kubernetes.api(instance).get("apps/v1", "Deployment", name, namespace)
    if not (found or {}).get("status", {}).get("readyReplicas"):
        raise NotYet(f"{name}: {(found or {}).get('status', 'not there')}")


def get(instance: Instance, what: str, name: str, api: str = IMAGE) -> Object:
    found = kubernetes.api(instance).get(api, what, name, flux.NAMESPACE)
    if found is None:
        raise NotYet(f"no {what} {name}")
    return found


def condition(instance: Instance, what: str, name: str, wanted: str, words: str) -> Object:
    """Return an object whose condition Ready is as wanted and says these words."""
    found = get(instance, what, name)
    status, told = objects.condition(found, "Ready")
    if status != wanted or words not in told:
        raise NotYet(f"{what} {name}: {status}: {told}")
    return found


def push_image(instance: Instance, version: str) -> None:
    archive = supply.image_archive("registry:5000/hello:0.9.0")
    registry.push_archive(instance, archive, f"hello:{version}", print)


def chosen(instance: Instance, version: str) -> Object:
    policy = get(instance, "ImagePolicy", AUTOMATION)
    tag = policy.get("status", {}).get("latestRef", {}).get("tag")
    if tag != version:
        raise NotYet(f"the policy chose {tag}: {objects.condition(policy, 'Ready')}")
    return policy


def committed(repo: ConfigRepo, version: str) -> Commit:
    newest = repo.fetch()
    text = repo.read(MARKED, newest.sha)
    if f"hello:{version} #" not in text:
        raise NotYet(f"{newest}")
    return newest


def live(instance: Instance, version: str) -> None:
    found = kubernetes.api(instance).get("apps/v1", "Deployment", "hello", "production")
    image = (found or {"spec": {}})["spec"].get("template", {}).get("spec", {})
    if f"hello:{version}" not in json.dumps(image):
        raise NotYet(f"not {version} yet")


def newer_versions(instance: Instance) -> tuple[str, str]:
    """Return two versions that are newer than all in the registry."""
    found = [semver.parse_tag(tag) for tag in registry.tags(instance, "hello")]
    major = max(version.major for version in found if version is not None) + 1
    return f"{major}.0.0", f"{major}.1.0"


def take_out(instance: Instance) -> None:
    """Take image automation out of the config repo, if a lab was done that brought it."""

    def remove(draft: Draft) -> None:
        for path in filter(image_automation.is_part, draft.files()):
            draft.delete(path)
        draft.write(MARKED, re.sub(r" +# \{\"\$imagepolicy.*", "", draft.read(MARKED)))

    if attendees(instance).propose(remove):
        write(instance, "Take image automation out", remove)
        until(partial(gone, instance), "no controller of image automation")


def gone(instance: Instance) -> None:
    for name in image_automation.COMPONENTS:
        if kubernetes.api(instance).get("apps/v1", "Deployment", name, flux.NAMESPACE):
            raise NotYet(f"{name} is still there")


def bring_back(instance: Instance, before: str) -> None:
    """Have image automation in the config repo as it was at a commit, or not at all."""
    repo = attendees(instance)
    wanted = set(repo.files(before))

    def restore(draft: Draft) -> None:
        for path in set(draft.files()) - wanted:
            draft.delete(path)
        for path in (MARKED, *filter(image_automation.is_part, wanted)):
            draft.write(path, repo.read(path, before))

    if repo.propose(restore):
        write(instance, "Have image automation as it was", restore)
