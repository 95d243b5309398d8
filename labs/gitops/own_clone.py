"""A clone of the config repo that nobody works in, for what the lab does beside the reader.

Whatever the reader has in theirs, uncommitted or not, is neither in the way nor touched.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import git_server
from labs.platform.environment import gitconfig
from labs.platform.loopback import DIRECT
from labs.run import run


@contextmanager
def own_clone(instance: Instance) -> Iterator[ConfigRepo]:
    """A clone that commits and pushes as the attendee; it is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="own-clone-") as folder:
        path = Path(folder) / "config"
        clone_to(instance, path)
        yield ConfigRepo(path, kubectl=instance.bin / "kubectl")


def clone_to(instance: Instance, path: Path) -> None:
    """Clone the config repo to a path that is free, to commit and push there as the attendee."""
    run(
        *("git", "clone", "--quiet", f"--config=include.path={gitconfig(instance)}"),
        *(git_server.url(instance, "config"), path),
        env={**DIRECT, "GIT_TERMINAL_PROMPT": "0"},
        timeout=60,
        todo="run `make up`, which starts the Git server",
    )
