"""Lends the app of a lab to a measurement or a demo, and gives it back as it was.

While it is lent the image automation is pinned, so that nobody else moves the app. What Git said
before is written down first: Ctrl-C and a plain kill give the app back at once, and after a harder
end the next loan does, or `lab demo`; unless a reset has put the whole lab back since.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from labs import interrupts
from labs.errors import LabError
from labs.gitops import manifests, sync
from labs.gitops.commits import Message
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.draft import Draft
from labs.gitops.image_automation import (
    MARKED,
    OBJECTS,
    connection,
    is_part,
    is_wiring,
)
from labs.gitops.own_clone import own_clone
from labs.gitops.untold import disconnect
from labs.instance import Instance, write_json
from labs.platform import flux, kubernetes
from labs.platform.objects import Object
from labs.wait import NotYet, wait_for

APP, ENVIRONMENT = "hello", "production"
POLICY = f"{APP}-{ENVIRONMENT}"
AUTOMATION = f"{OBJECTS}/{ENVIRONMENT}/{APP}.yaml"
WIRED = ("automation", "image-controllers")
"""The Kustomizations that the wiring of image automation is."""
PATIENCE = 120.0
"""Seconds that the cluster may take to be as Git says again."""


@dataclass(frozen=True)
class Loan:
    """What is borrowed, and what Git said before."""

    why: str
    base: str
    """The commit whose state comes back."""
    connected: bool
    """Whether the Git server told the cluster of pushes."""


@contextmanager
def lent(instance: Instance, why: str, say: Callable[[str], None]) -> Iterator[Loan]:
    """Borrow the app, its automation pinned; `say` is told what is done for that.

    Raises LabError where somebody has locked the app, or has borrowed it.
    """
    instance.root.mkdir(parents=True, exist_ok=True)
    try:
        with interrupts.politely(), FileLock(instance.root / "loan.lock", timeout=0):
            give_back(instance, say)
            loan = _take(instance, why, say)
            try:
                yield loan
            finally:
                with interrupts.undisturbed():
                    give_back(instance, say)
    except Timeout as held:
        raise LabError(
            f"{APP} is borrowed by another `lab bench`, `lab demo` or `lab.bet` at this moment",
            expected="one at a time",
            todo="wait for it to end, or stop it with Ctrl-C where it runs, then run this again",
        ) from held


def give_back(instance: Instance, say: Callable[[str], None]) -> bool:
    """Bring back what Git said before the loan, by commits on top; return whether there was one."""
    journal = _journal(instance)
    if not journal.exists():
        return False
    loan = Loan(**json.loads(journal.read_text()))
    _resume_apps(instance)
    with own_clone(instance) as repo:
        newest = repo.fetch().sha
        now = manifests.workload(repo.text(MARKED, newest), APP)
        if now is not None and now.locked:  # by the loan: what was locked before is not lent
            _write(repo, loan, "Unlock", _unlocked, event="unlock")
        # The bot stays pinned until the cluster knows which versions it may choose again: set free
        # a moment earlier, it would write the version that the loan's own policy chose.
        was_active = manifests.automation(repo.text(AUTOMATION, loan.base)).active
        _write(
            *(repo, loan, "Bring back"),
            lambda draft: _restore(repo, draft, loan, pin=was_active, wiring_alone=True),
        )
        if was_active:
            _wait_for_policy(instance, repo, loan)
        _wait_until_unwired(instance, repo, loan)
        _write(repo, loan, "Bring back the rest of", lambda draft: _restore(repo, draft, loan))
        last = repo.fetch()
        if last.sha != newest:
            say(f"{APP} is given back as it was before {loan.why}: {last}")
    if not loan.connected:
        disconnect(instance)
    attendees(instance).fetch()
    sync.follow(instance, last.sha, timeout=PATIENCE)
    journal.unlink()
    return True


def forget(instance: Instance) -> None:
    """Drop what was written down: the lab is put back as a whole, and nothing of before counts."""
    _journal(instance).unlink(missing_ok=True)


def pinned(draft: Draft, pin: bool = True) -> None:
    """Suspend the app's automation, or set it free, if there is one."""
    if AUTOMATION in draft.files():
        draft.write(AUTOMATION, manifests.with_suspend(draft.read(AUTOMATION), pin))


def _take(instance: Instance, why: str, say: Callable[[str], None]) -> Loan:
    with own_clone(instance) as repo:
        base = repo.fetch().sha
        found = manifests.workload(repo.text(MARKED, base), APP)
        if found is None or found.problem:
            raise LabError(
                f"{MARKED} has no Deployment {APP!r}" if found is None else found.problem,
                expected="the file that the lab came with, changed as you like",
                todo=f"see `git log -p -- {MARKED}`; mend it by a commit",
            )
        if found.locked:
            raise LabError(
                f"{APP} is locked by {found.locked_by}: {found.lock_reason}",
                expected=f"an {APP} that may be moved",
                todo=f"`lab unlock {APP} --env {ENVIRONMENT}`, then run this again",
            )
        loan = Loan(why, base, connection.is_connected(instance))
        write_json(_journal(instance), asdict(loan))
        if manifests.automation(repo.text(AUTOMATION, base)).active:
            commit = _write(repo, loan, "Pin", pinned)
            say(f"the automation of {APP} is pinned for {why}: {commit}")
    sync.follow(instance, attendees(instance).fetch().sha, timeout=PATIENCE)
    return loan


def _unlocked(draft: Draft) -> None:
    """Take a lock away, in a commit of its own: nobody may unlock and move in one."""
    draft.write(MARKED, manifests.without_lock(draft.read(MARKED), APP))


def _restore(
    repo: ConfigRepo,
    draft: Draft,
    loan: Loan,
    *,
    pin: bool = False,
    wiring_alone: bool = False,
) -> None:
    """Give the files that a loan may change the text that they had before it.

    Of those that were not there, the wiring has to go first: who takes away a folder that Flux is
    told to apply has broken something, if only for a moment.
    """
    before = set(repo.files(loan.base))
    for path in sorted(filter(_may_change, before | set(draft.files()))):
        if path in before:
            draft.write(path, repo.text(path, loan.base))
        elif is_wiring(path) or not wiring_alone:
            draft.delete(path)
    if pin:
        pinned(draft)


def _may_change(path: str) -> bool:
    return path == MARKED or is_part(path)


def _wait_until_unwired(instance: Instance, repo: ConfigRepo, loan: Loan) -> None:
    """Wait until Flux applies nothing of what was not there before the loan."""
    if any(is_wiring(path) for path in repo.files(loan.base)):
        return

    def gone() -> None:
        for name in WIRED:
            found = kubernetes.api(instance).get(
                flux.KUSTOMIZE_API, "Kustomization", name, flux.NAMESPACE
            )
            if found is not None:
                raise NotYet(f"Flux still applies {name!r}")

    wait_for(gone, what="image automation gone", timeout=PATIENCE, interval=0.3)


def _write(
    repo: ConfigRepo,
    loan: Loan,
    what: str,
    change: Callable[[Draft], None],
    event: str = "reset",
) -> str:
    """Push a commit of the change; return it in words, '' where there was nothing to change."""
    if not repo.propose(change):
        return ""
    trailers = {"Lab-Event": event, "Lab-App": APP, "Lab-Environment": ENVIRONMENT}
    trailers |= {"Lab-By": "attendee", "Lab-Reason": loan.why}
    return str(repo.write(Message(f"{what} {APP}: {loan.why}", "", trailers), change).commit)


def _wait_for_policy(instance: Instance, repo: ConfigRepo, loan: Loan) -> None:
    """Wait until the cluster's policy is that of Git, and has chosen by it."""
    wanted, name = manifests.automation(repo.text(AUTOMATION, loan.base)).choice, POLICY

    def known() -> None:
        found = kubernetes.api(instance).get(flux.IMAGE_API, "ImagePolicy", name, flux.NAMESPACE)
        if found is None or _asked(found) != _asked({"spec": wanted}):
            raise NotYet(f"the cluster's ImagePolicy {name} is still that of {loan.why}")
        told = found.get("status", {}).get("observedGeneration", 0)
        if told < found["metadata"]["generation"]:
            raise NotYet(f"the ImagePolicy {name} has not chosen yet")

    wait_for(known, what="the policy as it was", timeout=PATIENCE, interval=0.2)


def _asked(policy: Object) -> object:
    return policy["spec"].get("policy"), policy["spec"].get("filterTags")


def _resume_apps(instance: Instance) -> None:
    cluster, kind = kubernetes.api(instance), (flux.KUSTOMIZE_API, "Kustomization", "apps")
    found = cluster.get(*kind, flux.NAMESPACE)
    if found is not None and flux.suspended(found):
        cluster.patch(*kind, {"spec": {"suspend": False}}, flux.NAMESPACE)


def _journal(instance: Instance) -> Path:
    return instance.root / "loan.json"
