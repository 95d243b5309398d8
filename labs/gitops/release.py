"""Release and rollback: one line of one file, which names the version."""

from __future__ import annotations

from labs.errors import LabError
from labs.gitops import images
from labs.gitops.desk import Action, Desk, message, now
from labs.gitops.draft import Draft
from labs.gitops.history import ran_before
from labs.gitops.manifests import with_image, with_suspend
from labs.gitops.names import require
from labs.gitops.workloads import Found, unlocked

BUILDS = "`lab images` lists what CI built; `lab ci runs` shows what it is at"


def release(
    desk: Desk, app: str, version: str, env: str = "", *, reason: str = "", override: str = ""
) -> Action:
    """Return the action that brings an environment to a version. Raises LabError."""
    found = desk.find(app, env)
    place = found.place
    tags = desk.versions(found.workload.repository)
    require(f"version of {app} in the registry", version, tags, BUILDS)

    def change(draft: Draft) -> None:
        current = now(draft, place)
        if not override:
            unlocked(current)
        _refuse_same(current, version)
        draft.write(place.path, _moved(draft, current, version))

    subject = f"Release {app} {version} to {place.environment}"
    words = message("release", subject, place, desk.by, version=version, reason=reason or override)
    return Action(place, words, change, _remarks(found, version, tags), override)


def rollback(
    desk: Desk, app: str, to: str = "", env: str = "", *, reason: str = "", override: str = ""
) -> Action:
    """Return the action that goes back to a version and pins it; by default, the one before.

    Pinning is in the same commit: otherwise the automation would put the newer version back.
    """
    found = desk.find(app, env)
    place, planned = found.place, found.workload.version
    version, remarks = _target(desk, found, to)

    def change(draft: Draft) -> None:
        current = now(draft, place)
        if not override:
            unlocked(current)
        _refuse_same(current, version)
        if current.workload.version != planned:
            raise LabError(
                f"somebody moved {place} from {planned} to {current.workload.version} meanwhile",
                expected=f"{planned}, which you wanted to go back from",
                todo=f"see `lab history {place.app}`; run it again if you still want to",
            )
        draft.write(place.path, _moved(draft, current, version))
        if current.automation.active:
            draft.write(place.automation, with_suspend(draft.read(place.automation), True))

    if found.automation.active:
        remarks += (f"Its automation is pinned with it; `lab automate {place.options}` resumes.",)
    subject = f"Roll {app} in {place.environment} back to {version}"
    words = message("rollback", subject, place, desk.by, version=version, reason=reason or override)
    return Action(place, words, change, remarks, override)


def _target(desk: Desk, found: Found, to: str) -> tuple[str, tuple[str, ...]]:
    """Return the version to go back to, and what is to be known of it."""
    place = found.place
    before = ran_before(desk.repo, place)
    try:
        tags = desk.versions(found.workload.repository)
    except LabError as away:
        if to not in before:
            raise
        return to, (f"The registry was not asked ({away.found}); {to} ran here before.",)
    if to:
        return require(f"version of {place.app} in the registry", to, tags, BUILDS), ()
    built = [version for version in before if version in tags]
    if not built:
        raise LabError(
            f"no version ran before {found.workload.version} as {place}",
            expected="an earlier version, by the history of its file",
            todo=f"name one of the registry's: `lab rollback {place.options} --to VERSION`",
        )
    return built[0], ()


def _moved(draft: Draft, current: Found, version: str) -> str:
    text = draft.read(current.place.path)
    return with_image(text, current.place.app, f"{current.workload.repository}:{version}")


def _refuse_same(current: Found, version: str) -> None:
    if current.workload.version == version:
        raise LabError(
            f"{current.place} is {version} already",
            expected="another version than the one that Git names",
            todo=f"`lab history {current.place.app}` tells who did it; `lab sync` if it is live",
        )


def _remarks(found: Found, version: str, tags: list[str]) -> tuple[str, ...]:
    """Return what a reader should know who releases by hand what a bot releases as well."""
    chosen = images.choice(found.automation, tags)
    if not found.automation.active or chosen in ("", version):
        return ()
    remark = (
        f"Automation is at work for {found.place} ({found.automation.range}): it will put its own "
        f"choice, {chosen}, in the place of {version}. "
        f"To stay at {version}: `lab rollback {found.place.options} --to {version}`."
    )
    return (remark,)
