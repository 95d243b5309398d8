"""The checks of lab `rollback` on what puts a bad version back, and what does not."""

from __future__ import annotations

from labs.exercises.evidence import HELLO, MOST, live
from labs.exercises.releases import (
    APP,
    AUTOMATION,
    BAD,
    GOOD,
    POLICY,
    Move,
    State,
    fetched,
    moves,
    next_move,
    parent,
    refuse_kept_back,
    state,
    version,
)
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import flux, kubernetes
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet


def who(attempt: Attempt) -> str:
    """Compare the answer with the commits by which the bot brought the bad version."""
    found = [move for move in moves(fetched(attempt.instance)) if move.by_bot and move.after == BAD]
    if not found:
        raise NotDone(
            f"no commit of the bot has brought {BAD} to production",
            expected=f"automation that is on, and has deployed {BAD}: so lab 06 ends",
            todo=f"do lab 06; if its last step is missing: `lab app commit {BAD} --wait`",
        )
    if not attempt.answered:
        raise NotDone(
            f"no answer: which commit brought {BAD} is still open",
            expected="a commit's name, seven characters or more, in quotes",
            todo=f"`git pull`, then `git log -3 -- {HELLO}` in the terminal",
        )
    mine = str(attempt.answer).strip()
    named = [move for move in found if len(mine) >= 7 and move.commit.sha.startswith(mine)]
    if not named:
        raise CheckFailed(
            f"{mine!r}",
            expected=f"the commit that makes the image in {HELLO} end with :{BAD}",
            todo=f"`git log -p -3 -- {HELLO}` shows each commit with its lines",
        )
    return f"{named[0]} by {named[0].commit.author.name}: no person released it"


def revert_fact(attempt: Attempt) -> str:
    """Return what became of a plain revert. Raises NotYet before that is known."""
    repo = fetched(attempt.instance)
    found = moves(repo)
    for move in _plain(repo):
        back = next_move(found, move)
        if back is not None and back.by_bot:
            took = (back.commit.when - move.commit.when).total_seconds()
            return f"{back.after} is back: the bot committed it again after {took:.0f} s"
    raise NotYet("no plain revert is pushed yet, or the bot has not looked since")


def plain_revert(attempt: Attempt) -> str:
    """Wait until the bot has overwritten a plain revert; return both commits."""
    repo = fetched(attempt.instance)
    mine = _plain(repo)
    if not mine:
        refuse_kept_back(repo, GOOD)
        if version(repo, UPSTREAM) != BAD and not state(repo).automated:
            raise CheckFailed(
                f"{BAD} is taken back, and the automation is suspended: nobody works against it",
                expected="a revert while automation is on, to see what it does",
                todo=f"`lab automate {APP}`; once {BAD} is there again, revert that commit",
            )
        raise NotDone(
            f"nobody has taken {BAD} back by a plain commit",
            expected="a `git revert` of the bot's commit, pushed",
            todo="`git revert --no-edit NAME` with the name of the bot's commit, then `git push`",
        )

    def overwritten() -> Move:
        found = moves(fetched(attempt.instance))
        for move in mine:
            back = next_move(found, move)
            if back is not None and back.by_bot:
                return back
        raise NotYet(f"{mine[0]} stands; the bot looks every 30 s")

    back = attempt.wait(
        overwritten,
        what="the bot's answer",
        todo="`flux get images all` says what the bot is at",
    )
    return f"{back} by {back.commit.author.name}, on top of your revert: its policy still says so"


def safe_by_hand(attempt: Attempt) -> str:
    """Wait until a rollback that pins is live, made with plain Git, and see that it holds."""
    repo = fetched(attempt.instance)
    found = [move for move in _pinned(repo) if move.by_hand]
    if not found:
        _refuse_half(repo)
        raise NotDone(
            f"production is to run {version(repo, UPSTREAM)}, and the bot is free to see to that",
            expected="one commit that takes the version back and suspends the automation",
            todo=f"the image in {HELLO} and `suspend: true` in {AUTOMATION}: commit both, push",
        )
    return _holds(attempt, repo, found[0])


def safe_by_command(attempt: Attempt) -> str:
    """Wait until a rollback by command is live, and see that it holds."""
    repo = fetched(attempt.instance)
    found = [move for move in _pinned(repo) if move.event == "rollback"]
    if not found:
        raise NotDone(
            f"no `lab rollback` has taken {BAD} back",
            expected="a commit with the trailer `Lab-Event: rollback`",
            todo=f'`lab automate {APP}`; when {BAD} is back, `lab rollback {APP} --reason "…"`',
        )
    told = _holds(attempt, repo, found[0])
    reason = found[0].commit.trailers.get("Lab-Reason", "")
    return f"{told}; the reason is in Git as well: {reason or 'none was given'}"


def way_out(attempt: Attempt) -> str:
    """Wait until production is unlocked and automated again, without the bad version."""
    repo = fetched(attempt.instance)
    free = _free(repo)
    if free is None:
        now = state(repo)
        raise NotDone(
            _in_the_way(now),
            expected=f"no lock, automation on, a policy that leaves {BAD} out, a good version",
            todo=f'`lab policy {APP} ">=1.0.0, !={BAD}"`, `lab unlock {APP}`, `lab automate {APP}`',
        )
    live(attempt, free)
    found = state(repo, free.sha)
    return f"{free.short}: {found.version}, automation on, versions {found.range!r}, no lock"


def _plain(repo: ConfigRepo) -> list[Move]:
    """Return the moves away from the bad version that left the automation on, newest first."""
    return [move for move in _away(repo) if state(repo, move.commit.sha).automated]


def _pinned(repo: ConfigRepo) -> list[Move]:
    """Return the moves away from the bad version that suspended the automation as well."""
    return [
        move
        for move in _away(repo)
        if not state(repo, move.commit.sha).automated and parent(repo, move.commit).automated
    ]


def _away(repo: ConfigRepo) -> list[Move]:
    """Return the moves by which a person took the bad version back, newest first."""
    return [move for move in moves(repo) if move.before == BAD and not move.by_bot]


def _refuse_half(repo: ConfigRepo) -> None:
    """Raise CheckFailed where one half of a safe rollback is pushed, or both are not."""
    now = state(repo)
    if now.version == BAD and not now.automated:
        raise CheckFailed(
            f"the automation is suspended, and production is to run {BAD} all the same",
            expected="both in one commit: between two there is a moment for the bot",
            todo=f"`lab automate {APP}`; then change both files, and commit once",
        )
    refuse_kept_back(repo, GOOD)


def _holds(attempt: Attempt, repo: ConfigRepo, rollback: Move) -> str:
    """Give the bot its chance after a rollback. Raises CheckFailed where it took it."""
    seen = live(attempt, rollback.commit)
    since = seen.reached["live"].at
    attempt.wait(
        lambda: _scanned(attempt.instance, since),
        what="a look of the bot into the registry",
        todo="`flux get images all` says what the bot is at",
    )
    after = next_move(moves(fetched(attempt.instance)), rollback)
    if after is not None and after.by_bot and not parent(repo, after.commit).automated:
        raise CheckFailed(
            f"{after} of the bot came on top of {rollback}",
            expected="a bot that leaves a suspended app alone",
            todo=f"`git log -p -3 -- {HELLO} {AUTOMATION}` shows what let it",
        )
    if after is None:
        return f"{rollback}: {_tempted(attempt.instance, rollback.after)}"
    return f"{rollback} held until {after} of {after.commit.author.name}"


def _scanned(instance: Instance, since: float) -> None:
    """Raise NotYet until the registry was looked into after a time, in Unix seconds."""
    found = kubernetes.api(instance).get(flux.IMAGE_API, "ImageRepository", APP, flux.NAMESPACE)
    at = ((found or {}).get("status", {}).get("lastScanResult") or {}).get("scanTime")
    if at is None or flux.moment(at) <= since:
        raise NotYet(f"the registry was last looked into at {at or 'no time'}")


def _tempted(instance: Instance, runs: str) -> str:
    """Return what the policy would choose, beside what runs."""
    policy = kubernetes.api(instance).get(flux.IMAGE_API, "ImagePolicy", POLICY, flux.NAMESPACE)
    choice = (policy or {}).get("status", {}).get("latestRef", {}).get("tag", "nothing")
    return f"the policy still chooses {choice}, and {runs} stays"


def _free(repo: ConfigRepo) -> Commit | None:
    """Return the first commit after a lock in which production is free, and safe from BAD."""
    locks = [commit for commit in repo.log(UPSTREAM, HELLO, MOST) if _locks(repo, commit)]
    if not locks:
        return None
    since = repo.log(f"{locks[-1].sha}..{UPSTREAM}", most=MOST)
    return next((each for each in reversed(since) if not _in_the_way(state(repo, each.sha))), None)


def _locks(repo: ConfigRepo, commit: Commit) -> bool:
    return bool(state(repo, commit.sha).locked_by)


def _in_the_way(now: State) -> str:
    """Return what keeps production from being free, in words; '' where nothing does."""
    found = [
        f"{APP} is locked by {now.locked_by}" if now.locked_by else "",
        "" if now.automated else "its automation is suspended",
        f"the range {now.range!r} takes {BAD}" if now.takes(BAD) else "",
        f"it is to run {BAD}" if now.version == BAD else "",
    ]
    return ", ".join(part for part in found if part)
