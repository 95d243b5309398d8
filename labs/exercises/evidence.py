"""What history tells of the reader's commits: evidence that stays, whatever comes after it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from labs.gitops import sync
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.stages import STAGES, Sync
from labs.gitops.sync_text import clock
from labs.step import Attempt, CheckFailed, NotDone

HELLO = "apps/production/hello.yaml"
"""The one file in which a reader changes the app."""
MOST = 200


def changing(repo: ConfigRepo, what: str, path: str = HELLO) -> list[Commit]:
    """Return the pushed commits that changed a setting (GREETING, replicas), newest first.

    The first commit of all, which brought the file, is not among them.
    """
    return [one.commit for one in changes(repo, path, lambda text: value_in(text, what))]


@dataclass(frozen=True)
class Change:
    """A commit, and what something was before it and is after it."""

    commit: Commit
    before: str
    after: str


def changes(
    repo: ConfigRepo, path: str, read: Callable[[str], str], most: int = MOST
) -> list[Change]:
    """Return the pushed commits after which a file says something new, newest first.

    New is what none of its parents says: a merge that takes each side's own has changed nothing,
    and commits side by side have not changed what the other did, whichever is listed first.
    `read` takes it from the file's text.
    """
    text = functools.cache(lambda sha: repo.text(path, sha))
    found = []
    for commit in repo.log(UPSTREAM, path, most):
        before = [text(sha) for sha in commit.parents]
        after = read(text(commit.sha))
        if before and all(one and read(one) != after for one in before):
            found.append(Change(commit, read(before[0]), after))
    return found


def value(repo: ConfigRepo, what: str, revision: str = "", path: str = HELLO) -> str:
    """Return a setting as a commit has it, or the working folder; '' where it is not there."""
    if revision:
        text = repo.text(path, revision)
    else:
        text = (repo.path / path).read_text() if (repo.path / path).exists() else ""
    return value_in(text, what)


def value_in(text: str, what: str) -> str:
    """Return a setting as a file's text has it; '' where it is not there."""
    found = re.search(rf"name: {what}\b.*\n\s*value:(.*)|^\s*{what}:(.*)", text, re.MULTILINE)
    return (found[1] or found[2] or "").partition(" #")[0].strip() if found else ""


def pushed_change(attempt: Attempt, what: str, todo: str) -> Commit:
    """Return the newest pushed commit that changed a setting.

    Raises NotDone where nobody touched it, CheckFailed where it is changed and not pushed.
    """
    repo = attendees(attempt.instance)
    repo.fetch()
    found = changing(repo, what)
    if found:
        return found[0]
    shown = {"GREETING": "the greeting", "COLOUR": "the colour"}.get(what, what)
    server = value(repo, what, UPSTREAM)
    if value(repo, what) == server:
        raise NotDone(
            f"{shown} is {server!r}, as the lab came",
            expected=f"a pushed commit of yours that changes {shown} in {HELLO}",
            todo=todo,
        )
    if value(repo, what, "HEAD") == server:
        raise CheckFailed(
            f"{HELLO} is changed, and not committed: the file alone tells nobody",
            expected="a commit, pushed",
            todo='`git commit --all --message "…"`, then `git push`',
        )
    raise CheckFailed(
        f"{repo.commit()} is committed, and not pushed: it is on your computer alone",
        expected="a commit that the Git server has",
        todo="`git push`",
    )


def live(attempt: Attempt, commit: Commit) -> Sync:
    """Wait until a commit is live. Raises Stuck or TimedOut with what holds it up."""
    told = attempt.on_wait

    def on_look(seen: Sync) -> None:
        if told is not None:
            told(f"{seen.stage}: {seen.waits_for}", seen.at - seen.commit.when.timestamp())

    return sync.follow(attempt.instance, commit.sha, timeout=attempt.timeout, on_look=on_look)


def way(seen: Sync) -> str:
    """Return a live commit's way in one line."""
    pushed = seen.reached["pushed"]
    steps = [
        f"{stage} +{max(0.0, seen.seconds(stage, before)):.1f} s"
        for before, stage in pairwise(STAGES)
    ]
    return f"pushed {clock(pushed.at, pushed.within).strip()}, {', '.join(steps)}"


def lay(seen: Sync) -> str:
    """Return how long a commit lay in Git before it was live, in words."""
    minutes, seconds = divmod(round(max(0.0, seen.seconds("live"))), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
