"""The clone of somebody else who writes to the config repo: a desk of their own, not the reader's.

What the reader has in theirs, committed or not, is neither in the way nor moved by it; so a
colleague can be faster than the reader, as in real life.
"""

from __future__ import annotations

from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import git_server
from labs.run import run

REPO = "config"


def clone_of(instance: Instance, user: str) -> ConfigRepo:
    """Return the user's own clone, which commits and pushes as them; it is made when missing."""
    path = instance.root / "desks" / user
    url = git_server.url(instance, REPO)
    environment = git_server.push_environment(instance, user)
    if not (path / ".git").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        run(
            *("git", "clone", "--quiet", url, path),
            env=environment,
            timeout=60,
            todo="run `make up`, which starts the Git server",
        )
    run("git", "remote", "set-url", "origin", url, cwd=path)  # its port may have moved
    return ConfigRepo(path, instance.bin / "kubectl", environment)
