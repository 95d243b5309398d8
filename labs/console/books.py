"""What the config repo says, read once for each commit, however many pages ask.

Nothing here asks the Git server: the clone knows what the feed has fetched, also while the server
is away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from labs.gitops import history, workloads
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.history import Event
from labs.gitops.names import require
from labs.gitops.workloads import LISTS, Found, Place

KEPT = 8
"""Commits that are remembered: pages of one moment ask for the same."""


@dataclass(frozen=True)
class Books:
    """The workloads of a commit, by environment, and where each environment runs."""

    sha: str
    workloads: Mapping[Place, Found]
    namespaces: Mapping[str, str]

    @property
    def environments(self) -> tuple[str, ...]:
        return tuple(self.namespaces)

    def of(self, environment: str) -> list[Found]:
        """Return an environment's workloads."""
        return [one for place, one in self.workloads.items() if place.environment == environment]

    def find(self, app: str, environment: str) -> Found:
        """Return a workload. Raises LabError with the known ones and the nearest."""
        require("environment", environment, self.environments, LISTS)
        known = [one.place.app for one in self.of(environment)]
        require(f"workload in {environment}", app, known, LISTS)
        return self.workloads[Place(app, environment)]

    def deployed(self, repository: str, version: str) -> list[str]:
        """Return the environments that name this version of an image such as `registry:…/hello`."""
        return [
            place.environment
            for place, one in self.workloads.items()
            if (one.workload.repository, one.workload.version) == (repository, version)
        ]


def books(repo: ConfigRepo) -> Books:
    """Return what the newest commit says that was fetched. Raises LabError."""
    return _books(repo.path, repo.commit(UPSTREAM).sha)


def events(repo: ConfigRepo) -> tuple[Event, ...]:
    """Return what happened, newest first, up to the newest commit that was fetched."""
    notes = repo.record().overrides()  # they come after their commit
    return _events(repo.path, repo.commit(UPSTREAM).sha, tuple(sorted(notes.items())))


@lru_cache(KEPT)
def _books(path: Path, sha: str) -> Books:
    tree = ConfigRepo(path).tree(sha)
    environments = workloads.environments(tree)
    found = [one for name in environments for one in workloads.each(tree, name)]
    return Books(
        sha,
        {one.place: one for one in found},
        {name: workloads.namespace(tree, name) for name in environments},
    )


@lru_cache(KEPT)
def _events(path: Path, sha: str, notes: tuple[tuple[str, str], ...]) -> tuple[Event, ...]:
    return tuple(history.told(ConfigRepo(path)))
