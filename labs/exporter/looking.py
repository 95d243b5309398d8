"""The exporter's loop: look at the cluster, then at Git, and tell what was seen."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from labs.exporter import cluster
from labs.exporter.agents import agents
from labs.exporter.cluster import (
    DEPLOYMENT,
    METADATA,
    POD,
    SERVICE,
    WHOLE,
    Kustomization,
    Managed,
    Name,
    Touched,
)
from labs.exporter.drift import Drift
from labs.exporter.metrics import Exporter, Look
from labs.exporter.repo import Repo
from labs.exporter.running import STARTING, running
from labs.exporter.sync import Arrivals, Syncs
from labs.exporter.undone import Content, Undoings, content
from labs.understudy import api_server
from labs.understudy.api_server import ApiAway, ApiRefused, ApiServer, Object
from labs.understudy.clone import GitFailed

INTERVAL = 2.0
"""Seconds between two looks: what comes and goes in between is not seen."""


@dataclass
class Seen:
    """What one look at the cluster found."""

    kustomizations: list[Kustomization] = field(default_factory=list)
    deployments: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    """Those that have not begun to run."""
    sources: dict[Name, tuple[str, str]] = field(default_factory=dict)


class Looking:
    """Everything that one look needs, and what the looks before it left."""

    def __init__(self, api: ApiServer, repo: Repo, url: str) -> None:
        self._api = api
        self._repo = repo
        self._url = url
        self._drift = Drift(kind.kind for kind in (*WHOLE, *METADATA))
        self._undoings = Undoings()
        self._syncs = Syncs()
        self.exporter = Exporter(self._drift, self._syncs, self._undoings)
        self._arrivals = Arrivals(self.exporter.observe)
        self._failed: set[Name] = set()
        self._said = ""

    def look(self, now: Callable[[], float] = time.time) -> None:
        """Look once. What does not answer is told as a metric; the rest is looked at."""
        last = self.exporter.last
        seen = Look(last.kustomizations, last.running, last.agents, last.newest, when=last.when)
        trouble = []
        found = Seen()
        try:
            found = self._cluster(now)
            seen.kustomizations, seen.cluster_answers = found.kustomizations, True
        except (ApiAway, ApiRefused) as away:
            trouble.append(f"the API server: {away}")
        when = now()
        if seen.cluster_answers:
            self._arrivals.look(seen.kustomizations, when)
        try:
            self._repo.look()
            self._arrivals.measure(self._repo.times)
            seen.git_answers = True
        except GitFailed as away:
            trouble.append(f"the Git server: {away}")
        if seen.cluster_answers:
            seen.newest = self._newest(found)
            committed = {self._repo.head: self._repo.committed}
            self._syncs.look(found.kustomizations, seen.newest, committed, when)
            seen.agents = agents(found.kustomizations, found.deployments)
            seen.running = [
                running(one, found.deployments, found.pods) for one in self._repo.workloads
            ]
        if not trouble:
            seen.when = when
        self.exporter.last = seen
        self._say("; ".join(trouble))

    def _cluster(self, now: Callable[[], float]) -> Seen:
        deployments = self._api.list(DEPLOYMENT)[0]
        listed = {DEPLOYMENT: deployments, SERVICE: self._api.list(SERVICE)[0]}
        for kind in METADATA:
            listed[kind] = self._api.list(kind, accept=api_server.METADATA)[0]
        objects: dict[Managed, Touched] = {}
        contents: dict[Managed, Content] = {}
        for kind, those in listed.items():
            for managed, touched, one in cluster.touched(kind, those):
                objects[managed], contents[managed] = touched, content(managed, one)
        found = cluster.kustomizations(self._api)  # after the objects: see Drift.look
        corrected = self._drift.look(objects, found)
        inventory = (each for applied in found for each in applied.inventory)
        self._undoings.look(contents, corrected, inventory, now(), self._drift.pending)
        self.exporter.begin(found)
        pods = self._api.list(POD, fields=STARTING)[0]
        return Seen(self._still_failing(found), deployments, pods, cluster.sources(self._api))

    def _still_failing(self, found: list[Kustomization]) -> list[Kustomization]:
        """Have what failed go on failing while Flux tries again, until it has not failed.

        An attempt ends after the Kustomization's timeout, and the next begins seconds later: what
        Flux says of the failure is gone most of the time.
        """
        found = [
            replace(one, failing=one.failing or (one.under_way and one.name in self._failed))
            for one in found
        ]
        self._failed = {one.name for one in found if one.failing}
        return found

    def _newest(self, found: Seen) -> dict[Name, str]:
        """Return the newest commit of each source."""
        # Of the config repo it is known from Git itself: Flux may be what is behind.
        return {
            name: self._repo.head if url == self._url and self._repo.head else fetched
            for name, (url, fetched) in found.sources.items()
        }

    def _say(self, trouble: str) -> None:
        """Log what is wrong, once, and that it is well again."""
        if trouble != self._said:
            print(trouble or "everything answers", file=sys.stderr, flush=True)
        self._said = trouble
