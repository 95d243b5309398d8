"""Puts repositories back by a commit on top: nothing is taken off a history, no clone is broken."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from labs.errors import LabError
from labs.gitops import horizon
from labs.gitops.clone import UPSTREAM
from labs.gitops.colleague import clone_of
from labs.gitops.commits import Message
from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import ci, docker, git_server, typical
from labs.reset import config_tree
from labs.reset.app_history import AUTHOR, Built, write_tree
from labs.reset.starts import Start
from labs.run import CommandFailed, run

ATTEMPTS = 10
"""So many times somebody else may be faster: a bot, or the reader."""


def config(instance: Instance, start: Start, heading: str, name: str) -> str:
    """Put the config repo back, past locks and checks; return its newest commit.

    Where the bot has moved the app by then, there is a commit of the bot's as well.
    """
    repo = clone_of(instance, AUTHOR)
    sheet = config_tree.Sheet()
    config_tree.write(sheet, start, name)
    newest = _reset(instance, repo, _laid(repo, sheet), start, heading)
    if start.bot:
        config_tree.bots_change(sheet, start)
        words = Message(
            "Release hello to production",
            f"registry:5000/hello:{start.runs} -> registry:5000/hello:{start.bot}",
            {
                "Lab-Event": "autorelease",
                "Lab-App": "hello",
                "Lab-Environment": "production",
                "Lab-By": "flux",
            },
        )
        env = git_server.push_environment(instance, "flux")
        tree = _laid(repo, sheet)
        newest = _git(repo, env, "commit-tree", tree, "-p", newest, "-m", str(words)).strip()
        _push(repo, newest, env)
    return newest


def app(instance: Instance, start: Start, heading: str, built: list[Built]) -> str:
    """Put the app repo back to its last version's commit; return the new commit. CI starts no run.

    CI is not told of this push, and is told instead that it has seen the commit. Cut off between
    the two, `make up` or the next reset has CI told of pushes again.
    """
    repo = clone_of(instance, AUTHOR, "app")
    listening = git_server.listener(instance, ci.GITOPS.part)
    _listen(instance, [])
    try:
        last = built[-1].commit

        def seen(commit: str) -> None:
            text = json.dumps({"commit": commit})
            script = "cat > /srv/ci/.seen.reset && mv /srv/ci/.seen.reset /srv/ci/seen.json"
            docker.exec_in(instance.container(ci.GITOPS.part), "sh", "-c", script, stdin=text)

        tree = _tree(repo, last)
        return _reset(instance, repo, tree, start, heading, parent=last, before_push=seen)
    finally:
        if listening:
            _listen(instance, [ci.GITOPS.repo])


def typical_repo(instance: Instance, start: Start, heading: str) -> None:
    """Put back the repository of lab 04's other pipeline, where there is one."""
    there = docker.exec_in(
        instance.container("git"), "sh", "-c", f"ls -d /srv/git/{typical.PIPELINE.repo}.git || true"
    )
    if not there.strip() or git_server.is_empty(instance, typical.PIPELINE.repo):
        return
    repo = clone_of(instance, AUTHOR, typical.PIPELINE.repo)
    repo.fetch()
    _reset(instance, repo, _tree(repo, _root(repo)), start, heading)


def _reset(
    instance: Instance,
    repo: ConfigRepo,
    tree: str,
    start: Start,
    heading: str,
    *,
    parent: str = "",
    before_push: Callable[[str], None] = lambda commit: None,
) -> str:
    """Commit a tree on top of what there is and push it, also where it is the same tree."""
    env = _identity(instance)
    words = Message(
        f"Reset to the start of lab {heading}",
        "All that was here is in the history; your own unfinished work is on branches kept/….",
        {"Lab-Event": "reset", "Lab-By": AUTHOR, horizon.TRAILER: start.lab},
    )
    for attempt in range(ATTEMPTS):
        parents = [repo.fetch().sha, *([parent] if parent else [])]
        told = [word for one in parents for word in ("-p", one)]
        commit = _git(repo, env, "commit-tree", tree, *told, "-m", str(words)).strip()
        before_push(commit)
        try:
            _push(repo, commit, env, f"--push-option=override=reset to lab {heading}")
        except CommandFailed as refused:
            faster = any(word in refused.stderr for word in ("fetch first", "moved on the server"))
            if faster and attempt < ATTEMPTS - 1:
                continue
            raise
        return commit
    raise LabError("no push got through", expected="a quiet moment", todo="run it again")


def _push(repo: ConfigRepo, commit: str, env: dict[str, str], *options: str) -> None:
    _git(repo, env, "push", "--quiet", *options, "origin", f"{commit}:refs/heads/main")


def _listen(instance: Instance, repos: list[str]) -> None:
    hook = f"{ci.GITOPS.dispatcher}/hook"
    key = ci.signing_keys(instance)["hook"]
    git_server.notify(instance, ci.GITOPS.part, repos, hook, key)


def _identity(instance: Instance) -> dict[str, str]:
    return git_server.push_environment(instance, AUTHOR)


def _laid(repo: ConfigRepo, sheet: config_tree.Sheet) -> str:
    """Return the tree of a sheet's files, written into the clone's store."""
    with tempfile.TemporaryDirectory(prefix="tree-") as folder:
        return write_tree(repo.path, sheet.lay(Path(folder)))


def _root(repo: ConfigRepo) -> str:
    """Return the repo's first commit of all: what it was handed out as."""
    words = ("rev-list", "--first-parent", "--max-parents=0", UPSTREAM)
    return _git(repo, {}, *words).split()[-1]


def _tree(repo: ConfigRepo, commit: str) -> str:
    return _git(repo, {}, "rev-parse", f"{commit}^{{tree}}").strip()


def _git(repo: ConfigRepo, env: dict[str, str], *words: str) -> str:
    return run("git", *words, cwd=repo.path, env=env, timeout=60)
