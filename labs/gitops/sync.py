"""How far a commit is on its way: pushed, fetched, applied, live, and when it came to each.

A stage's time is that of the look that found it reached, if the look before had not; otherwise what
the objects say, in whole seconds. Looks are kept in `.lab/<name>/sync/`, so that a time that was
seen by one command or notebook is known to all, also after a restart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from labs.errors import LabError
from labs.gitops import stages
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.stages import STAGES, Reached, Sync
from labs.instance import Instance
from labs.platform import flux, kubernetes, rollout
from labs.platform.flux import Poll
from labs.platform.kind import APP_NODE_PORT
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.wait import NotYet, wait_for

LOOK_SECONDS = 0.2
CLOSE_SECONDS = 2.5
"""Looks further apart than this do not tell when a stage was reached; the objects do."""


class Stuck(LabError):
    """A commit gets no further until somebody does something; the message says who says so."""


def newest(instance: Instance) -> Commit:
    """Return the commit that is to follow: the clone's own newest, else the server's."""
    repo = attendees(instance)
    server = repo.fetch()
    own = repo.commit()
    return server if repo.contains(server.sha, own.sha) else own


def follow(
    instance: Instance,
    revision: str = "",
    *,
    timeout: float = 120,
    on_look: Callable[[Sync], None] | None = None,
) -> Sync:
    """Look until a commit is live; `timeout` in seconds.

    Raises Stuck with Flux's own message where waiting is of no use, else TimedOut.
    """
    sha = attendees(instance).commit(revision).sha if revision else newest(instance).sha
    seen: list[Sync] = []

    def live() -> Sync:
        seen[:] = [look(instance, sha)]
        if on_look is not None:
            on_look(seen[0])
        if "pushed" not in seen[0].reached:
            raise Stuck(
                f"the commit {seen[0].commit} is not on the Git server",
                expected="a pushed commit: what is not in Git does not go live",
                todo="push it: `git push`",
            )
        if not seen[0].live:
            raise NotYet(f"{seen[0].stage}: {seen[0].waits_for}")
        return seen[0]

    return wait_for(
        live,
        what=f"{sha[:7]} live",
        timeout=timeout,
        interval=LOOK_SECONDS,
        todo="`flux get all` shows where it stopped; then wait again",
    )


def look(instance: Instance, sha: str) -> Sync:
    """Look once how far a commit is. Raises Stuck where it gets no further by itself."""
    seen, reached = stages.kept(instance, sha)
    view = _View(attendees(instance), instance, sha)
    waits_for = ""
    for stage in STAGES:
        if stage in reached:
            continue
        try:
            told = view.reached(stage)
        except NotYet as state:
            waits_for = str(state)
            break
        now = time.time()
        since = now - seen
        seen_coming = since < CLOSE_SECONDS and not (stage == "pushed" and told.exact)
        reached[stage] = Reached(now, since) if seen_coming else Reached(told.at, told.within)
    now = time.time()
    reached = stages.keep(instance, sha, now, reached)
    return Sync(view.commit, reached, waits_for, view.poll(), now)


@dataclass(frozen=True)
class _Told:
    """When something happened, in Unix seconds, as its own record says."""

    at: float
    within: float = 1.0

    @property
    def exact(self) -> bool:
        return self.within < 1.0


class _View:
    """Git and the cluster at one moment; what no stage asks for is not fetched."""

    def __init__(self, repo: ConfigRepo, instance: Instance, sha: str) -> None:
        self._repo = repo
        self._instance = instance
        self._repository: Object | None = None
        self.commit = repo.commit(sha)

    @property
    def _cluster(self) -> Cluster:
        return kubernetes.api(self._instance)

    def poll(self) -> Poll | None:
        """When Flux polled and polls again; None once this commit needs no poll any more."""
        if self._repository is None or self._has(flux.fetched(self._repository)):
            return None
        return flux.poll(self._instance, self._repository)

    def reached(self, stage: str) -> _Told:
        """Return when the stage was reached. Raises NotYet or Stuck."""
        found: _Told = getattr(self, f"_{stage}")()
        return found

    def _has(self, sha: str) -> bool:
        if not sha:
            return False
        if sha != self.commit.sha and not self._repo.knows(sha):
            self._repo.fetch()
        return self._repo.contains(sha, self.commit.sha)

    def _pushed(self) -> _Told:
        if not self._repo.is_pushed(self.commit.sha):
            raise NotYet("not pushed yet")
        at = self._repo.pushed_at(self.commit.sha)
        if at is None:  # somebody else's push: Git keeps the commit's time alone
            return _Told(self.commit.when.timestamp())
        return _Told(at, 1.0 if at == int(at) else 0.1)

    def _fetched(self) -> _Told:
        self._repository = found = flux.source(self._cluster)
        if found is None:
            raise Stuck(
                "no agent in the cluster reads the config repo",
                expected=f"a GitRepository {flux.SOURCE!r} in {flux.NAMESPACE}",
                todo="lab 02 installs the agents; `lab instance` says how far that is",
            )
        if self._has(flux.fetched(found)):
            artifact = found["status"]["artifact"]
            return _Told(flux.moment(artifact["lastUpdateTime"]))
        self._refuse_stopped(found, "GitRepository")
        raise NotYet(flux.unwell(found) or "Flux has not asked the Git server since the push")

    def _applied(self) -> _Told:
        times = [0.0]
        found = flux.kustomizations(self._cluster)
        if not found:
            raise Stuck(
                "Flux fetches the config repo, and nothing tells it what to apply",
                expected=f"a Kustomization {flux.ROOT!r} in {flux.NAMESPACE}",
                todo="lab 02 makes it; `lab instance` shows its command again",
            )
        for each in found:
            if flux.outdated(each) or not self._has(flux.applied(each)):
                self._refuse_stopped(each, "Kustomization")
                self._refuse_failed(each)
                raise NotYet(flux.unwell(each) or f"Flux is at work on {flux.name(each)!r}")
            times.append(flux.since(each) or 0.0)
        return _Told(max(times))

    def _live(self) -> _Told:
        times, services = [0.0], []
        for each in flux.kustomizations(self._cluster):
            self._refuse_failed(each)
            times.append(flux.since(each) or 0.0)
            for kind, namespace, name in flux.inventory(each):
                if kind == "Deployment":
                    times.append(rollout.finished(self._cluster, namespace, name))
                if kind == "Service":
                    services.append((namespace, name))
        # Only a finished rollout has told all of its old pods to end: asked before it, the page
        # may be answered by a new one, and right after by an old one that was told in between.
        for namespace, name in services:
            self._answered_by_new_pods(namespace, name)
        return _Told(max(times))

    def _answered_by_new_pods(self, namespace: str, name: str) -> None:
        """Ask the page, if this Service is behind it: pods that are ending may answer a while."""
        service = self._cluster.get("v1", "Service", name, namespace) or {"spec": {}}
        ports = service["spec"].get("ports", [])
        if not any(port.get("nodePort") == APP_NODE_PORT for port in ports):
            return
        selector = service["spec"].get("selector", {})
        rollout.answered_by_new_pods(self._instance, namespace, selector)

    def _refuse_stopped(self, found: Object, kind: str) -> None:
        if flux.suspended(found):
            words = f"{kind.lower()} {flux.name(found)}".replace("gitrepository", "source git")
            raise Stuck(
                f"the {kind} {flux.name(found)!r} is suspended: Flux leaves it alone",
                expected="a Flux that is at work",
                todo=f"`flux resume {words}`",
            )
        agents = flux.agents(self._cluster)
        away = [f"{name} is {state}" for name, state in agents.items() if state == "absent"]
        if away:
            raise Stuck(
                "; ".join(away),
                expected="both of Flux's agents running",
                todo="install them again: `lab instance` shows the command",
            )

    def _refuse_failed(self, found: Object) -> None:
        artifact = (self._repository or {}).get("status", {}).get("artifact", {})
        fetched_at = flux.moment(artifact["lastUpdateTime"]) if artifact else 0.0
        message = flux.failed(found, self.commit.sha, fetched_at, time.time())
        if message:
            raise Stuck(
                f"the Kustomization {flux.name(found)!r} says: {message}",
                expected=f"Flux applies {self.commit.short} and what it made becomes ready",
                todo="mend it with another commit; what ran before goes on until then",
            )
