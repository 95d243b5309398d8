"""What the buttons of a workload do: the change is shown first, and done only as it was shown.

Between the page and the press somebody else may have moved the workload: then nothing is done, and
the page shows who it was and what the change would be now.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from labs.console import equivalents
from labs.errors import LabError
from labs.gitops import automation, lock, release
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit, Written
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.desk import Action, Desk, carry_out
from labs.gitops.draft import Draft
from labs.gitops.names import require
from labs.gitops.workloads import Place, Tree
from labs.platform.credentials import DOMAIN

SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
KEPT = 64
"""Proposals that are remembered: a page is drawn anew with each change of the cluster."""

ERROR_SECONDS = 3.0


@dataclass(frozen=True)
class Verb:
    """A thing that can be done to a workload."""

    title: str
    button: str
    says: str
    needs: str = ""
    """The field that its difference depends on, asked for before it is shown."""
    also: str = ""
    """A field that it depends on and has a default."""


VERBS = {
    "release": Verb(
        "Release", "Release it", "One line changes: the version of the image.", needs="version"
    ),
    "rollback": Verb(
        "Roll back",
        "Roll back and pin",
        "The old version and a rest for the automation, in one commit: it stays pinned.",
        also="version",
    ),
    "lock": Verb(
        "Lock",
        "Lock it",
        "Who and why stand in Git, and the Git server refuses what would move it.",
        needs="reason",
    ),
    "unlock": Verb("Unlock", "Unlock it", "The lock goes; automation rests until it is resumed."),
    "automate": Verb(
        "Automate", "Automate it", "A bot commits the newest version that the policy allows."
    ),
    "deautomate": Verb(
        "Suspend automation",
        "Suspend it",
        "The bot rests; marker and policy stay in their place. Whoever resumes it is to know why.",
        needs="reason",
    ),
    "policy": Verb(
        "Change policy", "Change it", "Which versions the bot may choose from.", needs="range"
    ),
}


@dataclass(frozen=True)
class Ask:
    """What somebody wants to be done."""

    verb: str
    place: Place
    version: str = ""
    reason: str = ""
    range: str = ""

    @classmethod
    def of(cls, verb: str, place: Place, given: Mapping[str, str]) -> Ask:
        """Return what a query or a form asks for. Raises LabError for an unknown verb."""
        require("action", verb, VERBS, "choose one of the buttons")
        fields = {name: given.get(name, "").strip() for name in ("version", "reason", "range")}
        return cls(verb, place, **fields)

    @property
    def about(self) -> Verb:
        return VERBS[self.verb]

    @property
    def complete(self) -> bool:
        """Return whether enough is known to show what would change."""
        return not self.about.needs or bool(getattr(self, self.about.needs))

    @property
    def command(self) -> str:
        """Return the `lab` command that does the same."""
        app, where = self.place.app, ["--env", self.place.environment]
        words = [self.verb, app, *where]
        if self.verb == "rollback" and self.version:
            words += ["--to", self.version]
        elif self.verb in ("release", "policy"):
            words.insert(2, self.version or self.range)
        return equivalents.lab(words, self.reason)


@dataclass(frozen=True)
class Proposal:
    """What would be committed, on which commit, and how one does the same in a terminal."""

    base: str
    diff: str
    remarks: tuple[str, ...]
    subject: str
    version: str
    """The version that the workload comes to, where it moves."""
    git: str


class Moved(LabError):
    """The workload is not as it was when the change was shown."""

    def __init__(self, place: Place, by: tuple[Commit, ...]) -> None:
        who = "; ".join(f"{_user(one)}: {one.subject} ({one.short})" for one in by)
        super().__init__(
            f"{place} was changed while you looked at it: {who or 'by another commit'}",
            expected="the workload as it was shown to you",
            todo="look at the difference as it is now, and press again if you still want it",
        )
        self.by = by


def plan(desk: Desk, ask: Ask) -> Action:
    """Return the engine's action. Raises LabError where it cannot be done."""
    if not ask.complete:
        raise LabError(
            f"{ask.about.title}, without a {ask.about.needs}",
            expected=f"a {ask.about.needs}",
            todo="fill it in, and have the change shown",
        )
    app, env, why = ask.place.app, ask.place.environment, ask.reason
    actions: Mapping[str, Callable[[], Action]] = {
        "release": lambda: release.release(desk, app, ask.version, env, reason=why),
        "rollback": lambda: release.rollback(desk, app, ask.version, env, reason=why),
        "lock": lambda: lock.lock(desk, app, why, env),
        "unlock": lambda: lock.unlock(desk, app, env, reason=why),
        "automate": lambda: automation.automate(desk, app, env, reason=why),
        "deautomate": lambda: automation.deautomate(desk, app, env, reason=why),
        "policy": lambda: automation.policy(desk, app, ask.range, env, reason=why),
    }
    return actions[ask.verb]()


def propose(desk: Desk, ask: Ask) -> Proposal:
    """Return what would be committed. Raises LabError where it cannot be done."""
    action = plan(desk, ask)
    draft = desk.newest()
    action.change(draft)
    diff = draft.diff()
    words = action.message
    return Proposal(
        base=draft.base,
        diff=diff,
        remarks=action.remarks,
        subject=words.subject,
        version=words.trailers.get("Lab-Version", ""),
        git=equivalents.git(words, diff),
    )


class Proposals:
    """Proposals as they were found, for as long as neither Git nor the registry has moved.

    Why there is none is remembered for ERROR_SECONDS alone: a server that was away comes back.
    """

    def __init__(self, desk: Callable[[], Desk]) -> None:
        self._desk = desk
        self._known = lru_cache(KEPT)(self._found)

    def get(self, ask: Ask, state: Hashable) -> Proposal:
        """Return the proposal; `state` is what it depends on. Raises LabError."""
        found, at = self._known(ask, state)
        if isinstance(found, Proposal):
            return found
        now = int(time.monotonic() / ERROR_SECONDS)
        if at != now:
            found, _ = self._known(ask, (state, now))
        if isinstance(found, LabError):
            raise found
        return found

    def _found(self, ask: Ask, state: Hashable) -> tuple[Proposal | LabError, int]:
        at = int(time.monotonic() / ERROR_SECONDS)
        try:
            return propose(self._desk(), ask), at
        except LabError as impossible:
            return impossible, at


def do(desk: Desk, ask: Ask, base: str) -> Written:
    """Commit and push what was shown on the commit `base`.

    Raises Moved, with nothing done, where the workload is another since; else as the engine does.
    """
    if not SHA.fullmatch(base):
        raise LabError(
            f"the change was shown on {base!r}, which is no commit",
            expected="the commit on which the difference was shown",
            todo="load the page again, and press the button there",
        )
    action = plan(desk, ask)
    shown = _texts(desk.repo.tree(base), ask.place)

    def change(draft: Draft) -> None:
        # On the very commit that it is made on: a lost race brings it here again.
        if _texts(draft, ask.place) != shown:
            raise Moved(ask.place, moved_by(desk.repo, ask.place, base))
        action.change(draft)

    written = carry_out(desk, replace(action, change=change), show=lambda diff: None)
    assert written is not None  # only a dry run writes nothing
    return written


def moved_by(repo: ConfigRepo, place: Place, base: str) -> tuple[Commit, ...]:
    """Return the commits since `base` that changed a workload's files, newest first."""
    since = f"{base}..{UPSTREAM}"
    found = {
        one.sha: one for path in (place.path, place.automation) for one in repo.log(since, path)
    }
    return tuple(found.values())


def _user(commit: Commit) -> str:
    """Return who a commit is by, as the history names them."""
    return commit.author.mail.removesuffix(f"@{DOMAIN}") or commit.author.name


def _texts(tree: Tree, place: Place) -> tuple[str | None, ...]:
    there = tree.files()
    wanted = (place.path, place.automation)
    return tuple(tree.read(path) if path in there else None for path in wanted)
