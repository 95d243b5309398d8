"""What happened to the workloads, told from Git alone: who, when, what, and why.

What a commit did is read from its diff, so that a release made by hand with plain git is a release,
and no message can claim what its commit did not do. Its trailers tell what a diff cannot: whether a
version was released, promoted or gone back to, and for which reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from labs.gitops import manifests
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.manifests import Automation, Workload
from labs.gitops.names import require
from labs.gitops.record import FileChange, Step
from labs.gitops.workloads import Place
from labs.platform.credentials import DOMAIN, mail
from labs.understudy import semver

MOVES = ("release", "autorelease", "rollback", "promote", "reset")
EVENTS = ("commit", *MOVES, "automate", "deautomate", "lock", "unlock", "policy", "merge")
FILE = re.compile(r"(apps|automation)/([^/]+)/([^/]+)\.yaml")
BOT = "flux"


@dataclass(frozen=True)
class Event:
    """One thing that happened, by one commit, to one workload or (no app) to none in particular."""

    commit: Commit
    kind: str
    app: str
    environment: str
    what: str
    by: str
    why: str
    override: str
    """What the Git server noted when it let the commit through a lock, or ''."""
    version: str = ""
    """The version that the workload came to by this commit, or ''."""


@dataclass(frozen=True)
class _Told:
    """What a diff tells of a workload: the kinds of events that it can be, the likeliest first."""

    kinds: tuple[str, ...]
    what: tuple[str, ...]
    version: str = ""


def history(
    repo: ConfigRepo,
    *,
    app: str = "",
    environment: str = "",
    event: str = "",
    by: str = "",
    most: int = 20,
) -> list[Event]:
    """Return what happened, newest first, as the server has it. Raises LabError."""
    if event:
        require("event", event, EVENTS, "leave out `--event` to see all of them")
    repo.fetch()
    found = told(repo)
    return chosen(found, app=app, environment=environment, event=event, by=by)[:most]


def told(repo: ConfigRepo) -> list[Event]:
    """Return all that happened, newest first, as far as the clone knows: nothing is fetched."""
    record = repo.record()
    steps = record.steps(UPSTREAM)
    texts = record.texts(blob for step in steps for blob in _blobs(step))
    notes = record.overrides()
    return [one for step in steps for one in _events(step, texts, notes.get(step.commit.sha, ""))]


def chosen(
    found: Sequence[Event], *, app: str = "", environment: str = "", event: str = "", by: str = ""
) -> list[Event]:
    """Return those events that are asked for. Raises LabError for a name that is in none."""
    if app:
        require("workload in the history", app, _known(found, lambda one: one.app), "`lab history`")
    if environment:
        known = _known(found, lambda one: one.environment)
        require("environment in the history", environment, known, "`lab history` shows all of it")
    if by:
        require("author in the history", by, _known(found, lambda one: one.by), "`lab history`")
    return [
        one
        for one in found
        if (not app or one.app == app)
        and (not environment or one.environment == environment)
        and (not event or one.kind == event)
        and (not by or one.by == by)
    ]


def ran_before(repo: ConfigRepo, place: Place) -> list[str]:
    """Return the versions that a workload had before the one it has, the last first.

    A version that was gone back from does not count: twice back is not forth again.
    """
    record = repo.record()
    steps = record.steps(UPSTREAM, place.path)
    texts = record.texts(each.after for step in steps for each in step.changes if each.after)
    stack: list[str] = []
    for step in reversed(steps):
        for change in step.changes:
            said = manifests.workload(texts.get(change.after, ""), place.app)
            version = said.version if said else ""
            if version in stack:
                del stack[stack.index(version) + 1 :]
            elif version:
                stack.append(version)
    return stack[-2::-1]


def _events(step: Step, texts: Mapping[str, str], note: str) -> list[Event]:
    commit = step.commit
    by = commit.author.mail.removesuffix(f"@{DOMAIN}") or commit.author.name
    why = commit.trailers.get("Lab-Reason") or commit.subject
    told = _told(step.changes, texts)
    if step.is_merge:
        # What it brings in has its own commits; a merge tells what it means to the branch.
        kinds = {place: replace(each, kinds=("merge", *each.kinds)) for place, each in told.items()}
        nothing = _Told(("merge",), (_count(step.changes),))
    else:
        kinds = {place: each for place, each in told.items() if each.kinds}
        nothing = _Told(("commit",), _rest(step, told))
    if not any(each.what for each in kinds.values()):
        # It is about a workload all the same, if it changed the file of one alone.
        kinds = {next(iter(told)) if len(told) == 1 else Place("", ""): nothing}
    return [
        Event(
            *(commit, _kind(step, each), *_where(place), ", ".join(each.what), by, why, note),
            version=each.version,
        )
        for place, each in kinds.items()
    ]


def _kind(step: Step, told: _Told) -> str:
    """Return the kind of an event: what the trailers say, if the diff can be that."""
    by_bot = step.commit.author.mail == mail(BOT)
    if told.kinds[0] in MOVES and by_bot:
        return "autorelease"
    claimed = step.commit.trailers.get("Lab-Event", "")
    possible = {*told.kinds, *(("reset",) if step.changes else ())} - {"autorelease"}
    return claimed if claimed in possible else told.kinds[0]


def _told(changes: Iterable[FileChange], texts: Mapping[str, str]) -> dict[Place, _Told]:
    """Return what changed of each workload, by its two files."""
    found: dict[Place, _Told] = {}
    for change in changes:
        match = FILE.fullmatch(change.path)
        if match is None:
            continue
        place = Place(match[3], match[2])
        before, after = texts.get(change.before, ""), texts.get(change.after, "")
        if match[1] == "apps":
            one = _of_workload(
                manifests.workload(before, place.app), manifests.workload(after, place.app)
            )
        else:
            one = _of_automation(manifests.automation(before), manifests.automation(after))
        if one is not None:
            known = found.get(place, _Told((), ()))
            found[place] = _Told(
                known.kinds + one.kinds, known.what + one.what, known.version or one.version
            )
    return {place: _ordered(told) for place, told in found.items()}


def _ordered(told: _Told) -> _Told:
    """Put first what matters most: a version that moves, then locks, then the automation."""
    return replace(told, kinds=tuple(sorted(told.kinds, key=_weight)))


def _weight(kind: str) -> int:
    groups = (MOVES, ("lock", "unlock"), ("automate", "deautomate"), ("policy",))
    return next(number for number, group in enumerate(groups) if kind in group)


def _of_workload(before: Workload | None, after: Workload | None) -> _Told | None:
    old, new = before or Workload(), after or Workload()
    if before is None and after is None:
        return None
    kinds: tuple[str, ...] = ()
    what: list[str] = []
    if new.version and old.version != new.version:
        kinds += _moved(old.version, new.version)
        what.append(f"{old.version} → {new.version}" if old.version else new.version)
    elif old.version and not new.version:
        what.append(f"{old.version} is taken away")
    if new.locked and (old.locked_by, old.lock_reason) != (new.locked_by, new.lock_reason):
        kinds += ("lock",)
        what.append(f"locked by {new.locked_by or 'somebody'}: {new.lock_reason}")
    if old.locked and not new.locked:
        kinds += ("unlock",)
        what.append("unlocked")
    if new.problem:
        what.append(f"its file is broken ({new.problem})")
    moved = new.version if old.version != new.version else ""
    return _Told(kinds, tuple(what), moved)


def _moved(old: str, new: str) -> tuple[str, ...]:
    """Return what a move may be called: by its direction, unless a trailer says more."""
    before, after = semver.parse_tag(old), semver.parse_tag(new)
    down = before is not None and after is not None and after < before
    first = ("rollback", "release") if down else ("release", "rollback")
    return (*first, *(kind for kind in MOVES if kind not in first))


def _of_automation(before: Automation, after: Automation) -> _Told | None:
    kinds: tuple[str, ...] = ()
    what: list[str] = []
    if after.active and not before.active:
        kinds += ("automate",)
        what.append(f"automated ({after.range})")
    if before.active and not after.active and not after.problem:
        kinds += ("deautomate",)
        what.append("pinned" if after.there else "its automation is taken away")
    if before.there and after.there and before.range != after.range:
        kinds += ("policy",)
        what.append(f"takes {after.range}, not {before.range}")
    return _Told(kinds, tuple(what)) if kinds else None


def _rest(step: Step, told: Mapping[Place, _Told]) -> tuple[str, ...]:
    """Return what there is to say of a commit that moved, locked and automated nothing."""
    said = [words for each in told.values() for words in each.what]
    claimed = step.commit.trailers.get("Lab-Event", "commit")
    if claimed not in ("commit", "reset"):
        said.append(f"it says {claimed}, and did none")
    return tuple(said or [_count(step.changes)])


def _count(changes: tuple[FileChange, ...]) -> str:
    if len(changes) == 1:
        return changes[0].path
    return f"{len(changes)} files" if changes else "nothing changed"


def _where(place: Place) -> tuple[str, str]:
    return place.app, place.environment


def _blobs(step: Step) -> set[str]:
    changes = [change for change in step.changes if FILE.fullmatch(change.path)]
    return {blob for change in changes for blob in (change.before, change.after) if blob}


def _known(found: Iterable[Event], of: Callable[[Event], str]) -> list[str]:
    return sorted({of(one) for one in found} - {""})
