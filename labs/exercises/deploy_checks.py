"""The checks of lab `deploy` that follow a release: by hand, by command, and a lost race."""

from __future__ import annotations

from datetime import datetime

from labs.exercises.evidence import HELLO, changing, live, value, way
from labs.exercises.releases import Move, fetched, moves, refuse_kept_back, version
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.images import images
from labs.platform import registry
from labs.platform.credentials import mail
from labs.run import run
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

FIRST = "1.0.0"
"""The version that is released by hand."""
SECOND = "1.1.0"
"""The version that is released by a command."""
APP = "hello"


def origin(attempt: Attempt) -> str:
    """Compare the answer with the commit that the image of the second version was built from."""
    there = registry.tags(attempt.instance, APP)
    missing = [each for each in (FIRST, SECOND) if each not in there]
    if missing:
        raise NotDone(
            f"the registry has no {APP}:{missing[0]}: what is not built cannot be deployed",
            expected=f"{APP}:{FIRST} and {APP}:{SECOND}, which lab 04 builds",
            todo=f"`lab app commit {missing[0]} --wait` builds it",
        )
    built = _revision(attempt, SECOND)
    if not attempt.answered:
        raise NotDone(
            f"no answer: which commit {APP}:{SECOND} was built from is still open",
            expected="seven characters or more of a commit's name, in quotes",
            todo=f"`lab images {APP}` in the terminal has a column for it",
        )
    mine = str(attempt.answer).strip()
    if len(mine) < 7 or not built.startswith(mine):
        raise CheckFailed(
            f"{mine!r}",
            expected=f"the commit of the app repo in the labels of {APP}:{SECOND}",
            todo=f"`lab images {APP}`: the row of {SECOND}, seven characters or more",
        )
    return f"{APP}:{SECOND} was built from {built[:12]}; its code is in that commit, and no other"


def by_hand(attempt: Attempt) -> str:
    """Wait until a release that was made with plain Git is live; return its way."""
    repo = fetched(attempt.instance)
    found = [move for move in moves(repo) if move.after == FIRST and _readers(move.commit)]
    mine = [move for move in found if move.by_hand]
    if mine:
        seen = live(attempt, mine[0].commit)
        return f"{mine[0]} with plain Git: {way(seen)}"
    refuse_kept_back(repo, FIRST)
    if found:
        raise CheckFailed(
            f"{found[0]} was made by a command",
            expected=f"{FIRST} released with an editor and plain Git: once, to see what it is",
            todo=f"put another version there, then {FIRST} by hand: edit, commit, push",
        )
    raise NotDone(
        f"production is to run {version(repo, UPSTREAM)}, and no commit of yours says {FIRST}",
        expected=f"a pushed commit that makes the image in {HELLO} end with :{FIRST}",
        todo=f"edit the line `image:` in {HELLO}, `git diff`, `git commit -am …`, `git push`",
    )


def same_change(attempt: Attempt) -> str:
    """Return in what the two releases differ. Raises NotYet before there are both."""
    repo = fetched(attempt.instance)
    found = moves(repo)
    hand = [move for move in found if move.by_hand and move.after == FIRST]
    command = [move for move in found if move.event == "release" and move.after == SECOND]
    if not hand or not command:
        raise NotYet("not both of them are released yet")
    sizes = [_size(repo, move) for move in (hand[-1], command[-1])]
    if sizes[0] == sizes[1]:
        told = f"the same: {sizes[0]}"
    else:
        told = f"{sizes[0]} by hand, {sizes[1]} by command"
    names = ", ".join(command[-1].commit.trailers)
    return f"{told}; the command's message has these besides: {names}"


def by_command(attempt: Attempt) -> str:
    """Wait until a release that was made by a command is live; return its way."""
    repo = fetched(attempt.instance)
    found = [move for move in moves(repo) if move.after == SECOND and move.event == "release"]
    if found:
        seen = live(attempt, found[0].commit)
        return f"{found[0]}, the same line in the same file: {way(seen)}"
    if any(move.after == SECOND for move in moves(repo)):
        raise CheckFailed(
            f"{SECOND} was released, and without a command",
            expected="the same release by `lab release`, so that you can compare the two",
            todo=f"`lab release {APP} {FIRST}`, then `lab release {APP} {SECOND}`",
        )
    raise NotDone(
        f"no command has released {APP} {SECOND} yet",
        expected="a commit with the trailer `Lab-Event: release`",
        todo=f"`lab release {APP} {SECOND}` in the terminal",
    )


def lost_race(attempt: Attempt) -> str:
    """Wait until the commit is live that came second in a race; return that both are in."""
    repo = fetched(attempt.instance)
    for mine in changing(repo, "GREETING"):
        winner = _winner(repo, mine)
        if winner is not None:
            live(attempt, mine)
            return (
                f"{winner.commit.short} was faster, from another desk; "
                f"{mine.short} came on top of it: version {winner.after} and the greeting "
                f"{value(repo, 'GREETING', mine.sha)!r} are both in"
            )
    ahead = repo.unpushed()
    if ahead and any(not repo.contains(ahead[-1].sha, move.commit.sha) for move in moves(repo)):
        raise CheckFailed(
            f"{ahead[0]} is in your clone alone, and somebody has pushed meanwhile",
            expected="your commit on top of the other release, pushed",
            todo="`git pull --rebase`, then `git push`",
        )
    raise NotDone(
        "no commit of yours has ever met a release that was pushed from elsewhere before it",
        expected="a greeting of yours, committed; a release in the console; then your push",
        todo=f"commit a greeting, release {APP} {FIRST} in the console, then `git push`",
    )


def hand_made(attempt: Attempt) -> str:
    """Compare the answer with the releases that carry no trailer."""
    found = [move for move in moves(fetched(attempt.instance)) if move.by_hand]
    if not attempt.answered:
        raise NotDone(
            "no answer: which release was made with plain Git is still open",
            expected="a commit's name, seven characters or more, in quotes",
            todo=f"`lab history {APP}` lists the releases, `git show NAME` a commit's message",
        )
    mine = str(attempt.answer).strip()
    named = [move for move in found if len(mine) >= 7 and move.commit.sha.startswith(mine)]
    if not named:
        raise CheckFailed(
            f"{mine!r}",
            expected="a commit that changes the version, and has no line `Lab-Event:`",
            todo="`git log --oneline -- apps/production/hello.yaml` names yours",
        )
    return f"{named[0]} says it by its diff alone, and is a release all the same"


def _revision(attempt: Attempt, tag: str) -> str:
    """Return the commit that the labels of a version's image name."""
    found = (one for one in images(attempt.instance, APP) if one.tag == tag)
    revision = next((one.revision for one in found), "")
    if not revision:
        raise CheckFailed(
            f"{APP}:{tag} has no label that names a commit",
            expected="an image that CI built: it writes the label",
            todo=f"`lab images {APP}`; `lab app commit {tag} --wait` builds it where it is missing",
        )
    return revision


def _readers(commit: Commit) -> bool:
    return commit.author.mail == mail("attendee")


def _size(repo: ConfigRepo, move: Move) -> str:
    """Return how much of which files a commit changes, in words."""
    diff = repo.diff(move.commit.parents[0], move.commit.sha).splitlines()
    files = [line for line in diff if line.startswith("+++ ")]
    lines = [line for line in diff if line.startswith("+") and line not in files]
    number = f"{len(lines)} line{'' if len(lines) == 1 else 's'}"
    return f"{number} in {', '.join(name.removeprefix('+++ b/') for name in files)}"


def _winner(repo: ConfigRepo, mine: Commit) -> Move | None:
    """Return the release that was pushed between the making and the push of `mine`.

    It was made elsewhere, in the console or at a colleague's desk: no command of the lab writes in
    a clone with a commit that is not pushed. A rebase gives a commit a new parent and leaves the
    time at which it was written as it was; a merge keeps both as they were, side by side.
    """
    written = _written(repo, mine)
    for move in moves(repo):
        if move.event != "release":
            continue
        beneath = repo.contains(mine.sha, move.commit.sha)
        if beneath and written <= move.commit.when:
            return move
        if not beneath and not repo.contains(move.commit.sha, mine.sha):
            return move
    return None


def _written(repo: ConfigRepo, commit: Commit) -> datetime:
    """Return when a commit was first written, whatever has been rebased since."""
    text = run("git", "-C", repo.path, "show", "--no-patch", "--format=%aI", commit.sha)
    return datetime.fromisoformat(text.strip())
