"""The exporter's loop: look at the cluster, then at Git, and tell what was seen."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from labs.exporter import cluster
from labs.exporter.cluster import DEPLOYMENT, METADATA, Kustomization, Name
from labs.exporter.drift import Drift
from labs.exporter.metrics import Exporter, Look, Running
from labs.exporter.repo import Repo, Workload
from labs.exporter.sync import Arrivals, Syncs
from labs.gitops.manifests import Workload as Said
from labs.understudy import api_server
from labs.understudy.api_server import ApiAway, ApiRefused, ApiServer, Object
from labs.understudy.clone import GitFailed

INTERVAL = 2.0
"""Seconds between two looks: what comes and goes in between is not seen."""


class Looking:
    """Everything that one look needs, and what the looks before it left."""

    def __init__(self, api: ApiServer, repo: Repo, url: str) -> None:
        self._api = api
        self._repo = repo
        self._url = url
        self._drift = Drift([DEPLOYMENT.kind, *(kind.kind for kind in METADATA)])
        self._syncs = Syncs()
        self.exporter = Exporter(self._drift, self._syncs)
        self._arrivals = Arrivals(self.exporter.observe)
        self._said = ""

    def look(self, now: Callable[[], float] = time.time) -> None:
        """Look once. What does not answer is told as a metric; the rest is looked at."""
        last = self.exporter.last
        seen = Look(last.kustomizations, last.running, when=last.when)
        trouble = []
        sources: dict[Name, tuple[str, str]] = {}
        deployments: list[Object] = []
        try:
            deployments, seen.kustomizations, sources = self._cluster()
            seen.cluster_answers = True
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
            self._sync(seen.kustomizations, sources, when)
            seen.running = [running(one, deployments) for one in self._repo.workloads]
        if not trouble:
            seen.when = when
        self.exporter.last = seen
        self._say("; ".join(trouble))

    def _cluster(
        self,
    ) -> tuple[list[Object], list[Kustomization], dict[Name, tuple[str, str]]]:
        deployments = self._api.list(DEPLOYMENT)[0]
        objects = dict(cluster.touched(DEPLOYMENT, deployments))
        for kind in METADATA:
            objects.update(
                cluster.touched(kind, self._api.list(kind, accept=api_server.METADATA)[0])
            )
        found = cluster.kustomizations(self._api)  # after the objects: see Drift.look
        self._drift.look(objects, found)
        self.exporter.begin(found)
        return deployments, found, cluster.sources(self._api)

    def _sync(
        self, found: list[Kustomization], sources: dict[Name, tuple[str, str]], when: float
    ) -> None:
        # Of the config repo the newest commit is known from Git itself: Flux may be what is behind.
        newest = {
            name: self._repo.head if url == self._url and self._repo.head else fetched
            for name, (url, fetched) in sources.items()
        }
        self._syncs.look(found, newest, {self._repo.head: self._repo.committed}, when)

    def _say(self, trouble: str) -> None:
        """Log what is wrong, once, and that it is well again."""
        if trouble != self._said:
            print(trouble or "everything answers", file=sys.stderr, flush=True)
        self._said = trouble


def running(workload: Workload, deployments: list[Object]) -> Running:
    """Return a workload beside its Deployment: is it Git's image, on every pod, available?"""
    app = workload.found.place.app
    for found in deployments:
        meta = found["metadata"]
        if (meta["namespace"], meta["name"]) != (workload.namespace, app):
            continue
        containers = found["spec"]["template"]["spec"]["containers"]
        named = [one for one in containers if one["name"] == app] or containers
        image = str(named[0].get("image", ""))
        status, wanted = found.get("status") or {}, found["spec"].get("replicas", 1)
        done = status.get("observedGeneration") == meta.get("generation") and all(
            status.get(key, 0) == wanted
            for key in ("replicas", "updatedReplicas", "availableReplicas")
        )
        as_git_says = done and image == workload.found.workload.image
        return Running(workload, Said(image).version, as_git_says)
    return Running(workload, "", as_git_says=False)
