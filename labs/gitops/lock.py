"""Lock and unlock: who holds a workload at its version and why, written where the version is."""

from __future__ import annotations

from labs.errors import LabError
from labs.gitops.commits import flat
from labs.gitops.desk import Action, Desk, message, now
from labs.gitops.draft import Draft
from labs.gitops.manifests import with_lock, with_suspend, without_lock
from labs.gitops.workloads import unlocked


def lock(desk: Desk, app: str, reason: str, env: str = "") -> Action:
    """Return the action that locks a workload, and has its automation rest. Raises LabError."""
    why = flat(reason)
    if not why:
        raise LabError(
            "a lock without a reason",
            expected="a reason, for whoever is stopped by it",
            todo=f'`lab lock {app} --reason "until the talk is over"`',
        )
    found = desk.find(app, env)
    place = found.place

    def change(draft: Draft) -> None:
        current = unlocked(now(draft, place))
        draft.write(place.path, with_lock(draft.read(place.path), app, desk.by, why))
        if current.automation.active:
            draft.write(place.automation, with_suspend(draft.read(place.automation), True))

    remarks = ("Its automation rests with it.",) if found.automation.active else ()
    subject = f"Lock {app} in {place.environment}"
    words = message("lock", subject, place, desk.by, version=found.workload.version, reason=why)
    return Action(place, words, change, remarks)


def unlock(desk: Desk, app: str, env: str = "", *, reason: str = "") -> Action:
    """Return the action that takes a lock away; automation goes on resting. Raises LabError."""
    found = desk.find(app, env)
    place = found.place

    def change(draft: Draft) -> None:
        if not now(draft, place).workload.locked:
            raise LabError(
                f"{place} is not locked",
                expected="a lock to take away",
                todo=f"`lab history {app} --event unlock` tells who did it before you",
            )
        draft.write(place.path, without_lock(draft.read(place.path), app))

    remarks: tuple[str, ...] = ()
    if found.automation.there and found.automation.suspended:
        remarks = (
            f"Its automation goes on resting: `lab automate {place.options}` has it resume.",
        )
    subject = f"Unlock {app} in {place.environment}"
    words = message("unlock", subject, place, desk.by, reason=reason)
    return Action(place, words, change, remarks)
