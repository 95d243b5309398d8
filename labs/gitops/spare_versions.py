"""Versions under numbers that nobody else uses, for a measurement or the demo.

They are pre-releases (`1.4.0-demo.1`), so no policy of a reader chooses them, and a tag that is
never overwritten is never in the way. They are commits of a branch of the app repo: `main`, and
with it whatever the reader is at, stays as it is.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from labs.errors import LabError
from labs.gitops import ci
from labs.gitops.app_versions import trees
from labs.gitops.ci import CiRun
from labs.instance import Instance
from labs.platform import git_server, registry
from labs.run import run

BRANCH = "demo"
BASE = "1.4.0"
RANGE = f">={BASE}-demo.0 <{BASE}"
"""The range that has these versions and no other."""
GOOD, BAD = "1.2.0", "1.3.0"
"""Whose code they have: that of a version with a new feature, and that of the one with a bug."""


def next_version(instance: Instance) -> str:
    """Return a version that no image has yet."""
    found = (re.fullmatch(rf"{BASE}-demo\.(\d+)", tag) for tag in registry.tags(instance, "hello"))
    return f"{BASE}-demo.{max((int(tag[1]) for tag in found if tag), default=0) + 1}"


def after(version: str) -> str:
    """Return the spare version that comes after another one."""
    name, _, number = version.rpartition(".")
    return f"{name}.{int(number) + 1}"


def commit(
    instance: Instance,
    version: str,
    code: str,
    before_push: Callable[[], None] = lambda: None,
) -> str:
    """Push a commit that has the code of another version under this number; return its name."""
    environment = git_server.push_environment(instance, "instructor")

    def git(*words: str | Path, cwd: Path | None = None) -> str:
        return run("git", *words, cwd=cwd, env=environment, timeout=120)

    with tempfile.TemporaryDirectory(prefix="spare-version-") as folder:
        clone = Path(folder) / "app"
        git("clone", "--quiet", git_server.url(instance, "app"), clone)
        branches = git("branch", "--remotes", "--format=%(refname:lstrip=3)", cwd=clone).split()
        start = BRANCH if BRANCH in branches else git_server.BRANCH
        git("checkout", "--quiet", "-B", BRANCH, f"origin/{start}", cwd=clone)
        # All of it is ours: what the reader has done to the code cannot be in the way.
        git("rm", "--quiet", "-r", "--ignore-unmatch", ".", cwd=clone)
        trees.build(code, Path(folder) / "code")
        shutil.copytree(Path(folder) / "code", clone, dirs_exist_ok=True)
        lines = replace(trees.named(code), number=version).file
        (clone / trees.VERSION_FILE).write_text(lines)
        git("add", "--all", "--force", cwd=clone)
        git("commit", "--quiet", f"--message=Make {version}, with the code of {code}", cwd=clone)
        before_push()
        git("push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}", cwd=clone)
        return git("rev-parse", "HEAD", cwd=clone).strip()


def start(instance: Instance, sha: str) -> CiRun:
    """Have CI build a commit of the branch: by itself it builds `main` alone."""
    return ci.start(instance, sha, by="instructor")


def built(instance: Instance, number: int) -> CiRun:
    """Return a run once it has made its image. Raises LabError where it has not."""
    ended = ci.wait(instance, number)
    if ended.state != "success":
        raise LabError(
            f"CI's run {ended.number} ended as {ended.state}: {ended.why or ended.stage}",
            expected="an image in the registry",
            todo=f"`lab ci logs {ended.number}` says why",
        )
    return ended
