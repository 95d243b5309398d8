"""The checks of lab `monitoring` on a panel, and on what the Git server refuses at the push."""

from __future__ import annotations

from labs.exercises.evidence import live
from labs.exercises.monitoring_evidence import (
    Additions,
    Drawn,
    bringer,
    refuse_kept_back,
    there,
    values,
)
from labs.exercises.releases import fetched, short
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Message
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.draft import Draft
from labs.gitops.git_words import PushRefused
from labs.gitops.monitoring.check import RULES
from labs.gitops.monitoring.dashboards import DASHBOARDS, DRAWN
from labs.gitops.monitoring.enforcing import SWITCH
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

BROKEN = f"{RULES}/lab.yml"
"""The file with which the check tries the Git server."""
NO_RULE = "      - record: a:b:c\n        expr: sum((up)\n"


def drawn(attempt: Attempt) -> str:
    """Wait until a panel of the reader's is in the cluster, and has something to show."""
    instance = attempt.instance
    repo = fetched(instance)
    added = Additions(repo)
    mine = added.panels()
    if not mine:
        refuse_kept_back("the new panel", lambda revision: bool(added.panels(revision)))
        raise NotDone(
            f"{DASHBOARDS} has the panels that it came with, and no other",
            expected="a panel with a title of its own, in a pushed commit of yours",
            todo=f"add the panel `Probes` to {DASHBOARDS}/app.json, `lab lint`, commit, push",
        )
    one = mine[-1]
    if one.panel.kind not in DRAWN or not one.panel.targets:
        raise CheckFailed(
            f"{one.panel.title!r} in {one.path} is a {one.panel.kind} with "
            f"{len(one.panel.targets)} queries",
            expected=f"one of {', '.join(DRAWN[:3])}, with a query",
            todo="`type` and `targets` as in the text; commit, push",
        )
    commit = bringer(repo, one.path, lambda sha: _has(added, one, sha))
    assert commit is not None
    live(attempt, commit)

    def shown() -> int:
        series = [sample for query in one.queries for sample in values(instance, query)]
        if not series:
            raise NotYet(f"{one.queries[0]} has no value")
        return len(series)

    series = attempt.wait(
        shown,
        what=f"something to show in {one.panel.title!r}",
        todo=f"`%promql {one.queries[0]}`: is it the name of the rule?",
    )
    return f"{commit}: {one.panel.title!r} in {one.path} shows {series} series"


def enforced(attempt: Attempt) -> str:
    """Try to push a rule that is none, where a commit has the Git server judge such pushes."""
    repo = fetched(attempt.instance)
    commit = bringer(repo, SWITCH, lambda sha: bool(repo.text(SWITCH, sha)))
    if commit is None:
        refuse_kept_back(SWITCH, lambda revision: there(repo, SWITCH, revision))
        raise NotDone(
            f"no commit has a file {SWITCH}, so the Git server takes every rule",
            expected="that file at the top of the config repo, with `monitoring: enforced`",
            todo=f"write it, `git add {SWITCH}`, commit, push; or `lab monitoring enforce`",
        )
    live(attempt, commit)
    if not repo.text(SWITCH, UPSTREAM):
        return f"{commit} had the Git server judge what is pushed; a later commit has ended that"
    if ahead := repo.unpushed():
        raise CheckFailed(
            f"{ahead[0]} is in your clone alone: was it refused?",
            expected="a clone without it",
            todo="`git reset --keep origin/main` takes it out again",
        )
    return f"{commit}; the check tried a rule that is none, and was told: {_refusal(repo)}"


def _refusal(repo: ConfigRepo) -> str:
    """Push a rule that is none; return the words with which it is refused."""

    def change(draft: Draft) -> None:
        draft.write(BROKEN, f"{draft.read(BROKEN)}{NO_RULE}")

    try:
        commit = repo.write(Message("Try the Git server with a broken rule"), change).commit
    except PushRefused as words:
        return short(words.found, 300)
    raise CheckFailed(
        f"the Git server took {commit}, which brings a rule that is none",
        expected="a server that refuses it",
        todo="`make up`, which mends the Git server; then `git revert` that commit",
    )


def _has(added: Additions, one: Drawn, revision: str) -> bool:
    return any(
        (each.path, each.panel.title) == (one.path, one.panel.title)
        for each in added.panels(revision)
    )
