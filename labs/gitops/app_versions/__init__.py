"""The sample app's versions as commits of the app repo, made by a colleague, and their images.

A colleague is the user `instructor`, in a clone of their own: whatever stands in the reader's
clone stays as it is, and the reader meets the new version with `git pull`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from labs.errors import LabError
from labs.gitops import ci, workloads
from labs.gitops.app_versions import trees
from labs.gitops.app_versions.trees import VERSION_FILE, VERSIONS
from labs.gitops.ci import CiRun
from labs.gitops.clone import UPSTREAM
from labs.gitops.colleague import clone_of
from labs.gitops.commits import Commit, Identity, Message
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.draft import Draft
from labs.gitops.workloads import Place, look
from labs.instance import Instance
from labs.platform import registry
from labs.platform.credentials import USERS, mail
from labs.understudy import semver

APP = "hello"
"""What the app is called in the registry and in the config repo."""
REPO = "app"
COLLEAGUE = "instructor"
MOST = 500
"""So far back versions are looked for."""


@dataclass(frozen=True)
class State:
    """A version: its commits (newest first), its image, the environments whose commit names it."""

    number: str
    commits: tuple[Commit, ...]
    digest: str | None
    environments: tuple[str, ...]


def commit(instance: Instance, number: str) -> str:
    """Have a colleague commit a version to the app repo; return the commit's id.

    A version that the history has is left as it is. Raises LabError for an unknown number, or
    where the reader changed the very lines that the version changes.
    """
    return _commit(instance, number, again=False)


def coming(instance: Instance) -> str:
    """Return the number of the version that comes after the newest that has an image.

    Raises LabError where nothing comes after it.
    """
    built = set(registry.tags(instance, APP))
    numbers = [version.number for version in VERSIONS]
    newest = max((place for place, one in enumerate(numbers) if one in built), default=-1)
    if newest == len(numbers) - 1:
        raise LabError(
            f"{numbers[-1]} is the last version that is written down, and it has its image",
            expected="a version that is still to be built",
            todo="`lab app versions` lists them",
        )
    return numbers[newest + 1]


def ensure_image(
    instance: Instance,
    number: str,
    *,
    timeout: float = 300,
    on_look: Callable[[CiRun], None] = lambda seen: None,
) -> str:
    """Return the digest of a version's image, which CI makes now unless the registry has it.

    `timeout` is in seconds. Raises LabError where CI refuses even the colleague's commit.
    """
    if found := registry.digest(instance, APP, number):
        return found
    tried = ""
    for again in (False, True):
        sha = _commit(instance, number, again=again)
        if sha == tried:
            break
        tried = sha
        # A push starts a run; a commit from before CI's time has none.
        queued = ci.of_commit(instance, sha) or ci.start(instance, sha, by=COLLEAGUE)
        ended = ci.wait(instance, queued.number, timeout=timeout, on_look=on_look)
        if ended.state == "success" and (found := registry.digest(instance, APP, number)):
            return found
    raise LabError(
        f"CI's run {ended.number} of {number}: {ended.why or ended.state}",
        expected=f"the image {APP}:{number} in the registry",
        todo=f"`lab ci logs {ended.number}` says what it stumbled over",
    )


def states(instance: Instance) -> list[State]:
    """Return the versions that are written down, committed or built, the oldest first."""
    repo = app_repo(instance)
    repo.fetch()
    known = committed(repo)
    tags = registry.tags(instance, APP)
    found = {trees.START, *(each.number for each in VERSIONS), *known, *tags}
    versions = {number: parsed for number in found if (parsed := semver.parse_tag(number))}
    deployed = environments(instance)
    return [
        State(
            number,
            tuple(known.get(number, ())),
            registry.digest(instance, APP, number) if number in tags else None,
            tuple(env for env, version in deployed.items() if version == number),
        )
        for number in sorted(versions, key=versions.__getitem__)
    ]


def app_repo(instance: Instance) -> ConfigRepo:
    """Return the attendee's clone of the app repo."""
    return ConfigRepo(instance.work / "app-repo")


def committed(repo: ConfigRepo, revision: str = UPSTREAM) -> dict[str, list[Commit]]:
    """Return the commits that made each version, by its number, newest first."""
    found: dict[str, list[Commit]] = {}
    for each in repo.log(revision, VERSION_FILE, MOST):
        found.setdefault(version_in(repo.text(VERSION_FILE, each.sha)), []).append(each)
    return found


def version_in(text: str) -> str:
    """Return the number in a text of hello/version.py; '' where there is none."""
    found = re.search(r'^VERSION = "([^"]*)"', text, re.MULTILINE)
    return found[1] if found else ""


def environments(instance: Instance) -> dict[str, str]:
    """Return the version that Git names for each environment that has the app."""
    repo = attendees(instance)
    repo.fetch()
    tree = repo.tree(UPSTREAM)
    places = (look(tree, Place(environment, APP)) for environment in workloads.environments(tree))
    return {found.place.environment: found.workload.version for found in places if found}


def _commit(instance: Instance, number: str, *, again: bool) -> str:
    version = trees.named(number)

    def change(draft: Draft) -> None:
        there = set(draft.files())
        draft.write(VERSION_FILE, version.file)
        for path in trees.paths():
            before = draft.read(path) if path in there else None
            after = trees.onto(number, path, before)
            if after is not None:
                draft.write(path, after)
            elif before is not None:
                draft.delete(path)

    repo = clone_of(instance, COLLEAGUE, REPO)
    newest = repo.fetch()
    if not again and (known := committed(repo).get(number)):
        return known[0].sha
    if not repo.propose(change):
        return newest.sha
    who = Identity(USERS[COLLEAGUE], mail(COLLEAGUE))
    message = Message(f"Version {number}: {version.subject}")
    return repo.write(message, change, author=who).commit.sha
