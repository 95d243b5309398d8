"""The checks of lab `rollback` on a lock: that it is there, and that it holds."""

from __future__ import annotations

from labs.exercises.evidence import HELLO, MOST, changing, live, value
from labs.exercises.releases import APP, POLICY, fetched, moves, parent, short, state
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit, Message
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.draft import Draft
from labs.gitops.git_words import PushRefused
from labs.gitops.manifests import with_image, workload
from labs.instance import Instance
from labs.platform import flux, kubernetes
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

TRIED = "1.0.0"
"""The version that the check itself asks for."""


class NoLongerLocked(CheckFailed):
    """Somebody unlocked the app while the check was about to try the lock."""


def locked(attempt: Attempt) -> str:
    """Wait until a commit is live that locks the app; return who locked it, and why."""
    repo = fetched(attempt.instance)
    lock = newest_lock(repo)
    if lock is None:
        _refuse_kept_back(repo)
        raise NotDone(
            f"{HELLO} has no lock, and never had one",
            expected="the annotations `gitops-hackfest/locked-by` and `…/lock-reason`, pushed",
            todo=f"write both below the `metadata:` of {HELLO}, commit, push",
        )
    found = state(repo, lock.sha)
    if not found.locked_by or not found.reason:
        raise CheckFailed(
            f"{lock} locks the app, and does not say {'why' if found.locked_by else 'who'}",
            expected="both annotations: whoever is stopped by it wants to know whom to ask",
            todo=f"complete them in {HELLO}, commit, push",
        )
    live(attempt, lock)
    return f"{lock}: {found.version}, locked by {found.locked_by}, {found.reason!r}"


def holds_fact(attempt: Attempt) -> str:
    """Return which ways led past a lock. Raises NotYet before one was tried."""
    repo = fetched(attempt.instance)
    others = _passed(repo)
    if not others:
        raise NotYet("no lock has been tried yet")
    return f"{_since(repo, others[0])}; another change of the app went through"


def holds(attempt: Attempt) -> str:
    """Try the lock, if it is still there, and see that another change of the app went through."""
    instance = attempt.instance
    repo = fetched(instance)
    others = _passed(repo)
    if not others:
        _refuse_left_over(repo)
        raise NotDone(
            f"no other change of {APP} was pushed while it was locked",
            expected=f"a new greeting in {HELLO}, pushed in spite of the lock",
            todo="try the ways past the lock first, then change the greeting, commit, push",
        )
    live(attempt, others[0])
    greeting = value(repo, "GREETING", others[0].sha)
    told = f"{others[0].short} brought the greeting {greeting!r} while {APP} was locked"
    if not state(repo).locked_by:
        return f"{told}; {_since(repo, others[0])}"
    _refuse_left_over(repo)
    words = _try(repo)
    return f"{told} | the check tried {TRIED}, and was told: {words} | {_bot(attempt)}"


def overridden(attempt: Attempt) -> str:
    """Return the note that the Git server left at a commit which it let through a lock."""
    repo = fetched(attempt.instance)
    notes = repo.record().overrides()
    for move in moves(repo):
        if move.commit.sha in notes and parent(repo, move.commit).locked_by:
            note = " | ".join(notes[move.commit.sha].splitlines())
            return f"{move} went through the lock, and its note says: {note}"
    raise NotDone(
        "no commit bears a note that it went through a lock",
        expected="a release of the instructor with an override, while the app is locked",
        todo=f'`lab lock {APP} …`, `lab release {APP} 1.1.0 --as instructor --override "…"`',
    )


def newest_lock(repo: ConfigRepo) -> Commit | None:
    """Return the newest pushed commit that locked the app."""
    for commit in repo.log(UPSTREAM, HELLO, MOST):
        if _locked(repo, commit.sha) and not _locked(repo, commit.parents[0]):
            return commit
    return None


def _locked(repo: ConfigRepo, revision: str) -> bool:
    found = workload(repo.text(HELLO, revision), APP)
    return found is not None and found.locked


def _passed(repo: ConfigRepo) -> list[Commit]:
    """Return the commits that changed the greeting of a locked app, newest first."""
    return [
        commit
        for commit in changing(repo, "GREETING")
        if _locked(repo, commit.sha) and _locked(repo, commit.parents[0])
    ]


def _since(repo: ConfigRepo, commit: Commit) -> str:
    """Return what the lock that was there at a commit has let through, in words."""
    commits = repo.log(UPSTREAM, HELLO, MOST)
    first = last = [each.sha for each in commits].index(commit.sha)
    while last and _locked(repo, commits[last - 1].sha):
        last -= 1
    while _locked(repo, commits[first + 1].sha):
        first += 1
    under = {each.sha for each in commits[last:first]}
    during = [move for move in moves(repo) if move.commit.sha in under]
    if during:
        return f"moved in spite of the lock: {', '.join(map(str, during))}"
    return f"nothing moved {state(repo, commit.sha).version} for as long as the lock was there"


def _try(repo: ConfigRepo) -> str:
    """Try to move the locked app by a push; return the words with which it is refused."""

    def move(draft: Draft) -> None:
        text = draft.read(HELLO)
        found = workload(text, APP)
        if found is None or not found.locked:
            raise NoLongerLocked(
                "the lock was taken away a moment ago",
                expected="a lock, to be tried",
                todo="run the check again",
            )
        draft.write(HELLO, with_image(text, APP, f"{found.repository}:{TRIED}"))

    message = Message(f"Try to move {APP} in spite of the lock", "", {"Lab-Event": "release"})
    try:
        commit = repo.write(message, move).commit
    except PushRefused as words:
        return short(words.found, 300)
    raise CheckFailed(
        f"the Git server took {commit}, which moves a locked app",
        expected="a server that refuses it",
        todo="`make up`, which mends the Git server; then `git revert` that commit",
    )


def _bot(attempt: Attempt) -> str:
    """Return how the lock has stopped the bot: it rests, or its pushes are refused."""
    instance = attempt.instance
    if not state(fetched(instance)).automated:
        return "the bot rests"
    said = attempt.wait(
        lambda: _turned_away(instance),
        what="the bot turned away by the Git server",
        todo="`flux get image update` says what the bot is at",
    )
    return f"the bot tried as well, and was told: {said}"


def _turned_away(instance: Instance) -> str:
    """Return why the bot cannot write. Raises NotYet until it has tried."""
    found = kubernetes.api(instance).get(
        flux.IMAGE_API, "ImageUpdateAutomation", POLICY, flux.NAMESPACE
    )
    said = flux.unwell(found) if found else ""
    if "lock" not in said:
        raise NotYet("the bot has not tried yet; it looks every 30 s")
    # Of the server's three lines the first says why; before it stands what the bot was at.
    return short(said.rpartition("found:")[2].partition("expected:")[0], 200)


def _refuse_left_over(repo: ConfigRepo) -> None:
    """Raise CheckFailed where a commit that was refused is still in the reader's clone."""
    ahead = [c for c in repo.unpushed() if state(repo, c.sha).version != state(repo).version]
    if ahead:
        raise CheckFailed(
            f"{ahead[0]} was refused, and is still in your clone: nothing after it gets through",
            expected="a clone without it",
            todo="`git reset --keep origin/main` takes it out again",
        )


def _refuse_kept_back(repo: ConfigRepo) -> None:
    """Raise CheckFailed where the lock is in the reader's clone, and not pushed."""
    path = repo.path / HELLO
    found = workload(path.read_text(), APP) if path.exists() else None
    if state(repo, "HEAD").locked_by:
        raise CheckFailed(
            f"{repo.commit()} locks the app in your clone alone",
            expected="the lock on the Git server, which keeps it",
            todo="`git push`",
        )
    if found is not None and found.locked:
        raise CheckFailed(
            f"the lock is written in {HELLO}, and in no commit",
            expected="a commit, pushed",
            todo=f'`git commit --all --message "Lock {APP}"`, then `git push`',
        )
