"""The whole loop at one moment, from Git to the pods: what the overview draws.

Each part is asked by itself. One that does not answer leaves the others, and what was known of it
before, as far as that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from labs.console.insync import Applied, Since, State, applied
from labs.console.running import STARTS
from labs.console.runs import Runs, Said, runs
from labs.console.site import Asked, Site, asked
from labs.errors import LabError
from labs.gitops.ci import CiRun
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.images import Image
from labs.gitops.stages import STAGES
from labs.platform import flux
from labs.platform.flux import IMAGE_API, KUSTOMIZE_API, SOURCE_API, moment
from labs.platform.objects import Object


@dataclass(frozen=True)
class Source:
    """The GitRepository through which Flux reads the config repo."""

    commit: str
    has_newest: bool
    interval: str
    state: State


@dataclass(frozen=True)
class Inside:
    """What is in the cluster, of the loop."""

    source: Source | None
    kustomizations: tuple[Applied, ...]
    workloads: tuple[Runs, ...]
    agents: Mapping[str, State]
    """Flux's agents, each by its name: whether it runs."""
    automations: tuple[str, ...]
    """The names of the image automations that are at work."""

    @property
    def away(self) -> tuple[str, ...]:
        """The names of the agents that do not run."""
        return tuple(name for name, state in self.agents.items() if state.mood != "good")

    @property
    def arrived(self) -> tuple[Applied, ...]:
        """Those of the config repo's Kustomizations that have the newest commit."""
        return tuple(one for one in self.of_config if one.has_newest)

    @property
    def of_config(self) -> tuple[Applied, ...]:
        """The Kustomizations that the config repo feeds."""
        return tuple(one for one in self.kustomizations if one.source == flux.SOURCE)


@dataclass(frozen=True)
class Loop:
    """Everything that the overview shows."""

    git: LabError | None
    """Why the Git server does not answer."""
    head: Commit | None
    """The newest commit that is known."""
    inside: Asked[Inside]
    registry: Asked[Mapping[str, tuple[Image, ...]]]
    ci: Asked[tuple[CiRun, ...]]

    @property
    def reached(self) -> tuple[str, ...]:
        """The stages that the newest commit has behind it, in their order."""
        found = self.inside.value
        if self.head is None:
            return ()
        if found is None or found.source is None or not found.source.has_newest:
            return STAGES[:1]
        if not found.of_config or len(found.arrived) < len(found.of_config):
            return STAGES[:2]
        states = [one.state for one in found.of_config] + [one.state for one in found.workloads]
        live = all(one.mood == "good" for one in states)
        return STAGES if live else STAGES[:3]

    @property
    def verdict(self) -> State:
        """In sync or not, as one sentence and since when."""
        found = self.inside.value
        if found is None:
            return State("warn", "Not known", "the cluster does not answer")
        if found.source is None:
            return State("quiet", "Nobody reads Git yet", "no agents: lab 02 installs them")
        if found.away:
            times = [found.agents[one].since for one in found.away]
            since = min((one for one in times if one), default=None)
            if all(found.agents[one].mood == "act" for one in found.away):
                return State("act", "Flux is starting", _without(found.away), since)
            return State("bad", "Flux is away", _without(found.away), since)
        states = [one.state for one in found.kustomizations]
        states += [one.state for one in found.workloads]
        source = found.source.state
        # That Flux cannot read a Git server which is away is told of the Git server.
        reads = [] if source.mood == "bad" and self.git is not None else [source]
        for mood, words in (("bad", "Out of sync"), ("warn", "Held back")):
            amiss = [one for one in [*states, *reads] if one.mood == mood]
            if amiss:
                since = min((one.since for one in amiss if one.since), default=None)
                number = "1 thing needs" if len(amiss) == 1 else f"{len(amiss)} things need"
                why = f"{number} somebody to look: see below"
                if amiss == [source]:
                    why = (
                        "Flux cannot read Git" if mood == "bad" else "Flux was told not to ask Git"
                    )
                return State(amiss[0].mood, words, why, since)
        if self.git is not None:
            why = "the Git server does not answer: a newer commit would not be seen"
            return State("warn", "As the last commit that is known", why)
        if self.reached != STAGES:
            since = self.head.when.timestamp() if self.head else None
            return State("act", "On its way", "the newest commit has not arrived everywhere", since)
        since = max((one.since for one in states if one.since), default=None)
        return State("good", "In sync", "what runs is what Git says", since)


class Loops:
    """Looks at the loop; what was read of a commit and since when things are so is kept."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._said = Said()
        self._since = Since()

    def look(self) -> Loop:
        """Return the loop as it is now; what does not answer is told in it."""
        site = self._site
        git = asked(site.git.value)
        head = git.value or asked(lambda: site.repo().commit(UPSTREAM)).value
        return Loop(
            git.trouble,
            head,
            asked(lambda: self._inside(head)),
            asked(site.registry.value),
            asked(site.ci.value),
        )

    def _inside(self, head: Commit | None) -> Inside:
        cluster = self._site.cluster
        repositories = {flux.name(one): one for one in cluster.list(SOURCE_API, "GitRepository")}
        listed = cluster.list(KUSTOMIZE_API, "Kustomization")
        objects = {flux.name(one): one for one in listed}
        found = [self._applied(one, repositories, head) for one in listed]
        by = {
            (namespace, name): one
            for one in found
            for kind, namespace, name in flux.inventory(objects[one.name])
            if kind == "Deployment"
        }
        deployments, pods = cluster.list("apps/v1", "Deployment"), cluster.list("v1", "Pod")
        said = self._said.workloads(self._site.repo(), head.sha) if head else ()
        agents = {
            name: _agent(name, is_, self._since) for name, is_ in flux.agents(cluster).items()
        }
        looks = agents["kustomize-controller"].mood == "good"
        return Inside(
            _source(repositories.get(flux.SOURCE), head, self._since),
            tuple(in_order(found)),
            tuple(runs(one, deployments, pods, by, self._since, looks) for one in said),
            agents,
            tuple(
                flux.name(one)
                for one in cluster.list(IMAGE_API, "ImageUpdateAutomation")
                if not flux.suspended(one)
            ),
        )

    def _applied(
        self, found: Object, repositories: Mapping[str, Object], head: Commit | None
    ) -> Applied:
        source = str(found["spec"]["sourceRef"]["name"])
        if source == flux.SOURCE and head is not None:
            return applied(found, head.sha, head.when.timestamp(), self._since)
        other = repositories.get(source)
        return applied(found, flux.fetched(other), _came(other), self._since)


def in_order(found: list[Applied]) -> list[Applied]:
    """Return Kustomizations so that each comes after those that it waits for, the root first."""
    names = {one.name: one for one in found}

    def depth(one: Applied, seen: tuple[str, ...] = ()) -> int:
        before = [names[name] for name in one.depends if name in names and name not in seen]
        return 1 + max((depth(each, (*seen, one.name)) for each in before), default=-1)

    key: Callable[[Applied], tuple[bool, int, str]] = lambda one: (  # noqa: E731 - read once
        one.name != flux.ROOT,
        depth(one),
        one.name,
    )
    return sorted(found, key=key)


def _agent(name: str, found: str, since: Since) -> State:
    """Return how an agent is, of what its pods say: `running`, `absent`, or what they wait for."""
    told = since.of(f"agent {name}", found)
    if found == "running":
        return State("good", "runs", "", told)
    if found in STARTS:
        return State("act", "is starting", found, told)
    return State("bad", "is away", "it has no pod" if found == "absent" else found, told)


def _without(away: tuple[str, ...]) -> str:
    """Return what is not done while these agents are away."""
    lacks = {
        "source-controller": "no newer commit is fetched",
        "kustomize-controller": "no commit is applied, nothing that differs is put right",
    }
    return f"{' and '.join(away)}: {'; '.join(lacks[one] for one in away if one in lacks)}"


def _source(found: Object | None, head: Commit | None, since: Since) -> Source | None:
    if found is None:
        return None
    commit = flux.fetched(found)
    has_newest = head is not None and commit == head.sha
    at = _came(found)
    trouble = flux.unwell(found)
    if flux.suspended(found):
        state = State("warn", "suspended", "Flux was told to leave it alone")
    elif trouble:
        state = State("bad", "cannot read Git", trouble, flux.since(found))
    elif has_newest:
        state = State("good", "has the newest", "", at)
    else:
        state = State("act", "has not asked yet", "", head.when.timestamp() if head else None)
    told = since.of("source", (state.words, commit), state.since)
    interval = str(found["spec"].get("interval", ""))
    return Source(commit, has_newest, interval, replace(state, since=told))


def _came(repository: Object | None) -> float | None:
    """Return when a GitRepository fetched the commit that it has, in Unix seconds."""
    artifact = (repository or {}).get("status", {}).get("artifact") or {}
    return moment(artifact["lastUpdateTime"]) if artifact else None
