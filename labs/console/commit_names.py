"""Commits as an address names them: by a hash or its beginning, and by nothing else."""

from __future__ import annotations

import re

from labs.errors import LabError
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo

HASH = re.compile(r"[0-9a-f]{7,64}")


def full_name(repo: ConfigRepo, sha: str) -> Commit:
    """Return a commit of the config repo. Raises LabError where the server has no such."""
    # What Git takes for an option or another branch is no commit's name.
    if HASH.fullmatch(sha) and repo.knows(sha):
        found = repo.commit(sha)
        if repo.contains(UPSTREAM, found.sha):
            return found
    raise LabError(
        f"no commit {sha[:40]!r} on the config repo's branch",
        expected="a commit by its hash, or by the hash's first seven digits",
        todo="choose one of the history's",
    )
