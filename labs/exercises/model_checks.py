"""The checks of lab `model` whose proof is a commit, or an answer about commits."""

from __future__ import annotations

import re

from labs.exercises.evidence import HELLO, changing, live, pushed_change, value, way
from labs.gitops import sync
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import attendees
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

FOLDER = "apps/production"
COMMITS = 3


def loop_time(attempt: Attempt) -> str:
    """Return how long the newest colour took from push to page. Raises NotYet before that."""
    repo = attendees(attempt.instance)
    repo.fetch()
    found = changing(repo, "COLOUR")
    if not found:
        raise NotYet("no new colour is pushed yet")
    seen = sync.look(attempt.instance, found[0].sha)
    if not seen.live:
        raise NotYet(f"{found[0].short} is on its way: {seen.waits_for}")
    return f"{max(0.0, seen.seconds('live')):.0f} s: {way(seen)}"


def loop(attempt: Attempt) -> str:
    """Wait until a new colour is live; return its way."""
    commit = pushed_change(
        attempt, "COLOUR", f"choose a colour in {HELLO}, `git commit -am …`, `git push`"
    )
    return f"{commit}: {way(live(attempt, commit))}"


def function(attempt: Attempt) -> str:
    """Compare the answer with the number of objects that the folder stands for."""
    if not attempt.answered:
        raise NotDone(
            f"no answer: how many objects {FOLDER} stands for is still open",
            expected="a number",
            todo=f"`kubectl kustomize {FOLDER}` writes them down, parted by lines of `---`",
        )
    repo = attendees(attempt.instance)
    objects = repo.render(FOLDER, repo.fetch().sha)
    if str(attempt.answer) != str(len(objects)):
        raise CheckFailed(
            f"{attempt.answer}",
            expected=f"the number of objects that `kubectl kustomize {FOLDER}` writes",
            todo="each of them has one line that begins with `kind:`: count these",
        )
    return f"{len(objects)} objects, {', '.join(str(found['kind']) for found in objects)}"


def reaction(attempt: Attempt) -> str:
    """Wait until a new number of pods is live; return its way."""
    commit = pushed_change(
        attempt, "replicas", f"write another number at `replicas` in {HELLO}, commit, push"
    )
    number = value(attendees(attempt.instance), "replicas", commit.sha)
    return f"{commit.short} says {number} pods: {way(live(attempt, commit))}"


def revert(attempt: Attempt) -> str:
    """Wait until the revert of a new number of pods is live; return its way."""
    repo = attendees(attempt.instance)
    repo.fetch()
    scaled = {commit.sha for commit in changing(repo, "replicas")}
    for commit in repo.log(UPSTREAM, HELLO, 200):
        undone = re.search(r"This reverts commit ([0-9a-f]{40})", commit.body)
        if undone and undone[1] in scaled:
            seen = live(attempt, commit)
            number = value(repo, "replicas", commit.sha)
            return f"{commit.short} undoes {undone[1][:7]}, {number} pods again: {way(seen)}"
    raise NotDone(
        "no commit on the server that undoes the one with the new number of pods",
        expected="`git revert` of that commit, pushed",
        todo=f"`git log --oneline -- {HELLO}` names it; `git revert --no-edit NAME`, `git push`",
    )


def stream(attempt: Attempt) -> str:
    """Compare the answer with the last commits' numbers of pods."""
    if not attempt.answered:
        raise NotDone(
            f"no answer: what the last {COMMITS} commits stand for is still open",
            expected=f"a list of {COMMITS} numbers, the newest commit's first",
            todo='`lab.render("apps/production", "origin/main~1")` is the cluster one commit ago',
        )
    repo = attendees(attempt.instance)
    repo.fetch()
    states = [int(value(repo, "replicas", f"{UPSTREAM}~{n}")) for n in range(COMMITS)]
    if attempt.answer != states:
        raise CheckFailed(
            f"{attempt.answer}",
            expected=f"the number of pods that each of the last {COMMITS} commits stands for",
            todo='of each, the Deployment\'s `["spec"]["replicas"]`; newest first',
        )
    return f"{states}: a row of commits in, a row of clusters out"
