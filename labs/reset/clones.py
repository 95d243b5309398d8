"""The reader's clones at a reset: what only they have is kept on a branch, then they follow.

Whatever state a clone is in - changed, detached, in the middle of a rebase or a merge, on another
branch, with a lock left behind - its files are committed as they are, beside the index.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from labs.gitops import horizon
from labs.gitops.clone import TRACKING, UPSTREAM
from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import git_server, workspace
from labs.platform.environment import environment
from labs.run import CommandFailed, run

UNDER_WAY = ("rebase-merge", "rebase-apply", "sequencer")
"""Folders in .git of what somebody began and did not end."""
NOTES = ("MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "CHERRY_PICK_HEAD", "REVERT_HEAD", "index.lock")


@dataclass(frozen=True)
class Kept:
    """What was set aside of a clone: a branch in it, a folder elsewhere, or an address."""

    folder: str
    where: str
    what: str


def put_back(instance: Instance, stamp: str, aside: Path) -> list[Kept]:
    """Set aside what the server lacks, and make each clone what the server has."""
    kept = []
    for folder in workspace.CLONES:
        path = instance.work / folder
        if path.exists() and any(path.iterdir()) and not _is_clone(instance, path):
            target = aside / folder
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
            kept.append(Kept(folder, str(target), "no clone any more, moved as it was"))
    workspace.ensure_clones(instance, lambda line: None)
    for folder in workspace.CLONES:
        kept += repos_within(instance, folder, aside) + own_origin(instance, folder)
    with ThreadPoolExecutor(len(workspace.CLONES)) as pool:
        for found in pool.map(lambda folder: _follow(instance, folder, stamp), workspace.CLONES):
            kept += found
    return kept


def repos_within(instance: Instance, folder: str, aside: Path) -> list[Kept]:
    """Move repositories that lie in a clone out of it, whole.

    Git adds none that has no commit, of another one it keeps nothing but a commit's name, and it
    deletes neither.
    """
    path = instance.work / folder
    git = _Git(instance, path)
    kept = []
    for inner in _repos_below(path):
        relative = inner.relative_to(path)
        if git.ignores(relative):  # Git passes it by, and so does a reset
            continue
        target = aside / f"{folder}-within" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(inner, target)
        kept.append(Kept(f"{folder}/{relative}", str(target), "a repository in the clone, moved"))
    if kept:
        git("worktree", "prune")  # one of them may have been a working tree of the clone's own
    return kept


def _repos_below(path: Path) -> list[Path]:
    """Return the folders below a clone's own that are repositories; of one in another, the outer.

    A `.git` that is a file makes one too: a working tree, or a submodule.
    """
    found = []
    for where, folders, files in os.walk(path):
        here = Path(where)
        if here != path and ".git" in (*folders, *files):
            found.append(here)
            folders.clear()
        elif ".git" in folders:
            folders.remove(".git")
    return found


def own_origin(instance: Instance, folder: str) -> list[Kept]:
    """Have a clone's origin be the lab's repo again, where somebody has set it to another."""
    git = _Git(instance, instance.work / folder)
    url = git_server.url(instance, workspace.CLONES[folder])
    names = ("remote.origin.url", "remote.origin.pushurl")
    strange = [one for name in names for one in git.settings(name) if one != url]
    if not strange:
        return []
    for name in names:
        if git.settings(name):
            git("config", "--unset-all", name)
    git("config", names[0], url)
    return [
        Kept(folder, one, "what its origin was set to, it is the lab's again") for one in strange
    ]


def _follow(instance: Instance, folder: str, stamp: str) -> list[Kept]:
    path = instance.work / folder
    git = _Git(instance, path)
    (path / ".git" / "index.lock").unlink(missing_ok=True)
    git("fetch", "--quiet", "origin", "+refs/heads/main:refs/remotes/origin/main")
    ConfigRepo(path, environment=_environment(instance)).fetch()
    kept = []
    if (commit := git.unsaved()) is not None:
        kept.append(git.keep(folder, f"kept/{stamp}", commit, "your uncommitted files"))
    for ref, what in (("HEAD", "commits"), ("refs/heads/main", "commits of main")):
        sha = git.sha(ref)
        if sha and git.only_here(sha):
            name = f"kept/{stamp}-{'main' if 'main' in what else 'commits'}"
            kept.append(git.keep(folder, name, sha, f"your unpushed {what}"))
    for name in UNDER_WAY:
        shutil.rmtree(path / ".git" / name, ignore_errors=True)
    for name in NOTES:
        (path / ".git" / name).unlink(missing_ok=True)
    git("checkout", "--quiet", "--force", "-B", "main", TRACKING)
    git("clean", "--quiet", "-d", "--force")
    git("branch", "--quiet", "--set-upstream-to=origin/main", "main")
    horizon.ensure(ConfigRepo(path, environment=_environment(instance)).command, UPSTREAM)
    return kept


class _Git:
    """git in a reader's clone, as the reader, without the hooks that they may have written."""

    def __init__(self, instance: Instance, path: Path) -> None:
        self._path = path
        self._env = _environment(instance)

    def __call__(self, *words: str, env: dict[str, str] | None = None) -> str:
        return run(
            *("git", "-c", "core.hooksPath=/dev/null", *words),
            cwd=self._path,
            env={**self._env, **(env or {})},
            timeout=60,
        )

    def sha(self, ref: str) -> str:
        """Return the commit of a ref, or ''."""
        try:
            return self("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").strip()
        except CommandFailed:  # there is no such commit: an empty branch
            return ""

    def settings(self, name: str) -> list[str]:
        """Return all values that a setting has in the clone itself."""
        try:
            return self("config", "--local", "--get-all", name).splitlines()
        except CommandFailed:  # it has none
            return []

    def ignores(self, path: Path) -> bool:
        """Return whether the clone's files say that a path is nobody's business."""
        try:
            self("check-ignore", "--quiet", path.as_posix())
        except CommandFailed:
            return False
        return True

    def only_here(self, sha: str) -> bool:
        """Return whether neither the server nor a branch that is kept has a commit."""
        words = ("rev-list", "--count", sha, "--not", TRACKING, "--glob=refs/heads/kept/*")
        return int(self(*words)) > 0

    def unsaved(self) -> str | None:
        """Commit the folder's files as they are, on no branch; None where HEAD has them all."""
        head = self.sha("HEAD")
        with tempfile.TemporaryDirectory() as folder:
            env = {"GIT_INDEX_FILE": f"{folder}/index"}
            if head:
                self("read-tree", head, env=env)
            self("add", "--all", ".", env=env)
            tree = self("write-tree", env=env).strip()
        if head and tree == self("rev-parse", f"{head}^{{tree}}").strip():
            return None
        if not head and not self("ls-tree", tree).strip():
            return None
        parent = ("-p", head) if head else ()
        return self("commit-tree", tree, *parent, "-m", "Kept by a reset, as it was").strip()

    def keep(self, folder: str, name: str, sha: str, what: str) -> Kept:
        """Give a commit a branch of its own."""
        self("branch", "--force", "--no-track", name, sha)
        return Kept(folder, name, what)


def _is_clone(instance: Instance, path: Path) -> bool:
    if not (path / ".git").is_dir():
        return False
    try:
        run("git", "rev-parse", "--git-dir", cwd=path, env=_environment(instance))
    except CommandFailed:
        return False
    return True


def _environment(instance: Instance) -> dict[str, str]:
    return {**environment(instance), "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true"}
