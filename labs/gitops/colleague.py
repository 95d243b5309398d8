"""The clone of somebody else who writes to the config repo: a desk of their own, not the reader's.

What the reader has in theirs, committed or not, is neither in the way nor moved by it; so a
colleague can be faster than the reader, as in real life.
"""

from __future__ import annotations

from filelock import FileLock

from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import git_server
from labs.run import run

REPO = "config"
SECONDS = 60


def clone_of(instance: Instance, user: str) -> ConfigRepo:
    """Return the user's own clone, which commits and pushes as them; it is made when missing."""
    path = instance.root / "desks" / user
    url = git_server.url(instance, REPO)
    environment = git_server.push_environment(instance, user)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f"{user}.lock"), timeout=SECONDS):
        if not (path / ".git").exists():
            run(
                *("git", "clone", "--quiet", url, path),
                env=environment,
                timeout=SECONDS,
                todo="run `make up`, which starts the Git server",
            )
        if run("git", "remote", "get-url", "origin", cwd=path).strip() != url:
            run("git", "remote", "set-url", "origin", url, cwd=path)  # the port has moved
    return ConfigRepo(path, instance.bin / "kubectl", environment)
