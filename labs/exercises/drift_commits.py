"""The checks of lab `drift` whose proof is a commit: pruned, suspended, resumed."""

from __future__ import annotations

import posixpath
import re
from io import StringIO

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from labs.exercises import drift_evidence as evidence
from labs.exercises.deploy_faults import FOLDER, KUSTOMIZATION, named
from labs.exercises.drift_evidence import APP, NAMESPACE
from labs.exercises.evidence import MOST, live, value, way
from labs.exercises.releases import fetched, short
from labs.gitops import instances
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo
from labs.platform import flux, kubernetes
from labs.platform.kubernetes import Cluster
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

SUSPEND = re.compile(r"^  suspend:\s*true\b", re.MULTILINE)
DIFFERS = "spec.replicas"


def pruned(attempt: Attempt) -> str:
    """Wait until an object is gone that was in Git, and is no more."""
    instance = attempt.instance
    repo = fetched(instance)
    out = taken_out(repo)
    if out is None:
        added = _added(repo)
        raise NotDone(
            f"{added} is in Git, and stays in the cluster as long"
            if added
            else "no commit has ever taken an object out of production",
            expected="an object that a commit brought, and another one takes out of Git",
            todo="`git revert` the commit that brought it, then `git push`"
            if added
            else f"a ConfigMap in {FOLDER}/notice.yaml, named in {KUSTOMIZATION}; push; revert it",
        )
    commit, gone = out
    seen = live(attempt, commit)
    cluster = kubernetes.api(instance)

    def deleted() -> None:
        there = [name for kind, name in gone if _there(cluster, kind, name)]
        if there:
            raise NotYet(f"{', '.join(there)} is still in {NAMESPACE}")

    attempt.wait(deleted, what="the object gone", todo="`flux events --for Kustomization/apps`")
    words = ", ".join(f"{kind} {name}" for kind, name in gone)
    left = evidence.strays(cluster.list("v1", "ConfigMap", NAMESPACE))
    stray = f"; {', '.join(left)}, never in Git, is still there" if left else ""
    return f"{commit} took it out of Git, and {words} is gone: {way(seen)}{stray}"


def suspended(attempt: Attempt) -> str:
    """Wait until Flux is told to rest by a commit that says why."""
    instance = attempt.instance
    repo = fetched(instance)
    path = f"{instances.folder(instance)}/apps.yaml"
    commit = suspension(repo, path)
    if commit is None:
        if SUSPEND.search((repo.path / path).read_text()):
            raise CheckFailed(
                f"{path} says `suspend: true` in your clone alone",
                expected="a commit with the reason in its message, pushed",
                todo='`git commit --all -m "Suspend production" -m "…"`, then `git push`',
            )
        raise NotDone(
            f"{path} has never said `suspend: true`",
            expected="a pushed commit that says it, with the reason in its message",
            todo=f"`  suspend: true` below the `spec:` of {path}, commit, push",
        )
    if not commit.body:
        raise CheckFailed(
            f"{commit} suspends production, and does not say why",
            expected="a message of two parts: what, and below it the reason",
            todo="`git revert` it, and once more with a second `--message`",
        )
    resumed_by = resumption(repo, path, commit)
    reason = short(commit.body, 80)
    if resumed_by is not None:
        return f"{commit}: {reason!r}; {resumed_by.short} has resumed it since"

    def resting() -> None:
        found = evidence.apps(kubernetes.api(instance))
        if found is None or not flux.suspended(found):
            raise NotYet("Flux has not read the commit yet")

    attempt.wait(
        resting,
        what="the Kustomization apps suspended",
        todo="`flux reconcile kustomization cluster --with-source`",
    )
    return f"{commit}: {reason!r}; from now on production is as it is"


def differing(attempt: Attempt) -> str:
    """Compare the answer with the field that was changed by hand under a suspended Flux."""
    repo = fetched(attempt.instance)
    says = value(repo, "replicas", UPSTREAM)
    if not attempt.answered:
        raise NotDone(
            "no answer: which field of the Deployment differs from Git is still open",
            expected="the field's path with its dots, in quotes",
            todo=f"`flux diff kustomization apps --path {FOLDER}` in the terminal",
        )
    if str(attempt.answer).strip().removeprefix(".") != DIFFERS:
        raise CheckFailed(
            f"{attempt.answer!r}",
            expected="the path that stands above `value change`; the generation only counts",
            todo=f"scale {APP}, then `flux diff kustomization apps --path {FOLDER}`",
        )
    found = evidence.deployment(kubernetes.api(attempt.instance))
    now = found["spec"]["replicas"] if found else 0
    return f"{DIFFERS}: Git says {says}, the cluster {now}"


def resumed(attempt: Attempt) -> str:
    """Wait until Flux is at work again, by a commit, and has corrected what was left."""
    instance = attempt.instance
    repo = fetched(instance)
    path = f"{instances.folder(instance)}/apps.yaml"
    begun = suspension(repo, path)
    ended = None if begun is None else resumption(repo, path, begun)
    if begun is None or ended is None:
        raise NotDone(
            f"{begun} still holds" if begun else "nothing is suspended, so nothing can be resumed",
            expected=f"a newer commit without `suspend: true` in {path}",
            todo="`git revert --no-edit NAME` with that commit's name, then `git push`",
        )

    def at_work() -> int:
        cluster = kubernetes.api(instance)
        found, app = evidence.apps(cluster), evidence.deployment(cluster)
        if found is None or flux.suspended(found):
            raise NotYet("the Kustomization apps is still suspended in the cluster")
        says = value(repo, "replicas", UPSTREAM)
        now = app["spec"]["replicas"] if app else 0
        if says and str(now) != says:
            raise NotYet(f"{now} pods are asked for, Git says {says}")
        return int(now)

    now = attempt.wait(
        at_work,
        what="Flux at work again",
        todo="`flux resume kustomization apps`, if a hand has suspended it as well",
    )
    live(attempt, ended)
    return f"{ended} resumes after {_between(begun, ended)} s: {now} pods, as Git says"


def suspension(repo: ConfigRepo, path: str) -> Commit | None:
    """Return the newest pushed commit that suspended the apps."""
    for commit in repo.log(UPSTREAM, path, MOST):
        if not commit.parents or not SUSPEND.search(repo.text(path, commit.sha)):
            continue
        if not SUSPEND.search(repo.text(path, commit.parents[0])):
            return commit
    return None


def resumption(repo: ConfigRepo, path: str, begun: Commit) -> Commit | None:
    """Return the first commit after a suspension that ended it."""
    since = repo.log(f"{begun.sha}..{UPSTREAM}", path, MOST)
    ends = [each for each in reversed(since) if not SUSPEND.search(repo.text(path, each.sha))]
    return ends[0] if ends else None


def _between(begun: Commit, ended: Commit) -> str:
    return f"{(ended.when - begun.when).total_seconds():.0f}"


def taken_out(repo: ConfigRepo) -> tuple[Commit, list[tuple[str, str]]] | None:
    """Return the newest commit that took files out of production, and the objects of these."""
    for commit in repo.log(UPSTREAM, KUSTOMIZATION, MOST):
        if not commit.parents:
            continue
        before = commit.parents[0]
        left = set(named(repo.text(KUSTOMIZATION, commit.sha)))
        gone = [name for name in named(repo.text(KUSTOMIZATION, before)) if name not in left]
        found = [each for name in gone for each in _objects(repo, name, before)]
        if found:
            return commit, found
    return None


def _added(repo: ConfigRepo) -> str:
    """Return a file that a commit has added to production, and none has taken out; '' if none."""
    commits = repo.log(UPSTREAM, KUSTOMIZATION, MOST)
    first = set(named(repo.text(KUSTOMIZATION, commits[-1].sha))) if commits else set()
    new = [name for name in named(repo.text(KUSTOMIZATION, UPSTREAM)) if name not in first]
    return new[0] if new else ""


def _objects(repo: ConfigRepo, name: str, revision: str) -> list[tuple[str, str]]:
    """Return kind and name of the objects in a file that production names, as a commit has it."""
    text = repo.text(posixpath.normpath(posixpath.join(FOLDER, name)), revision)
    try:
        found = list(YAML(typ="safe", pure=True).load_all(StringIO(text)))
    except YAMLError:  # never applied, so nothing of it can go
        return []
    return [
        (str(each["kind"]), str(each["metadata"]["name"]))
        for each in found
        if isinstance(each, dict) and "kind" in each and "metadata" in each
    ]


def _there(cluster: Cluster, kind: str, name: str) -> bool:
    versions = {"Deployment": "apps/v1"}
    return cluster.get(versions.get(kind, "v1"), kind, name, NAMESPACE) is not None
