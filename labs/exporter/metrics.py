"""The metrics, made of the last look at each scrape, so that what is gone is gone here as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from labs.exporter.cluster import Kustomization, Managed, Name
from labs.exporter.drift import Drift
from labs.exporter.running import Running
from labs.exporter.sync import Syncs
from labs.exporter.undone import Undoings

VERSION = "0.1.0"
BUCKETS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60, 120, 300, 900)
"""Seconds: fine where a push is noticed or polled for, coarse where somebody has to help."""
NAMED = ["kustomization", "flux_namespace"]
"""Not `namespace`: that is what Prometheus itself calls the one of the pod that it scrapes."""
OBJECT = ["kind", "object_namespace", "object"]
PLACED = ["app", "environment"]
STATES = ("active", "suspended", "none")


@dataclass
class Look:
    """What was seen last."""

    kustomizations: list[Kustomization] = field(default_factory=list)
    running: list[Running] = field(default_factory=list)
    agents: Mapping[str, bool] = field(default_factory=dict)
    """Whether each runs, of those that Git asks for."""
    newest: Mapping[Name, str] = field(default_factory=dict)
    """The newest commit of each source."""
    cluster_answers: bool = False
    git_answers: bool = False
    when: float = 0.0


class Exporter:
    """The collector of all metrics, and the histogram that arrivals are put into."""

    def __init__(self, drift: Drift, syncs: Syncs, undoings: Undoings) -> None:
        self.last = Look()
        self._drift = drift
        self._syncs = syncs
        self._undoings = undoings
        self.registry = CollectorRegistry()
        self._live = Histogram(
            "gitops_commit_to_live_seconds",
            "Seconds from a commit's time to its being applied, and ready if Flux waits for that.",
            NAMED,
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.registry.register(self)
        ProcessCollector(registry=self.registry)  # what it takes itself

    def observe(self, name: Name, seconds: float) -> None:
        """Put one commit's way into the histogram."""
        self._live.labels(name.name, name.namespace).observe(seconds)

    def begin(self, found: list[Kustomization]) -> None:
        """Have a histogram for each Kustomization before its first commit: it has a rate then."""
        for one in found:
            self._live.labels(one.name.name, one.name.namespace)

    def collect(self) -> Iterator[Metric]:
        """Yield the families of metrics, as prometheus_client asks for them."""
        last = self.last
        yield _one("gitops_exporter_build_info", "Always 1.", ["version"], [([VERSION], 1)])
        yield _one(
            "gitops_exporter_source_up",
            "Whether the source answered at the last look.",
            ["source"],
            [(["cluster"], last.cluster_answers), (["git"], last.git_answers)],
        )
        yield _one(
            "gitops_exporter_last_look_timestamp_seconds",
            "When everything was last looked at, in Unix seconds.",
            [],
            [([], last.when)] if last.when else [],
        )
        yield from self._kustomizations(last)
        yield from self._corrections()
        yield _one(
            "gitops_agent_runs",
            "Whether an agent of Flux runs that Git asks for; the first two are not Git's.",
            ["controller_name"],
            [([name], runs) for name, runs in sorted(last.agents.items())],
        )
        yield from _workloads(last.running)

    def _kustomizations(self, last: Look) -> Iterator[Metric]:
        found = last.kustomizations
        names = {one.name: [one.name.name, one.name.namespace] for one in found}
        states = {name: state for name, state in self._syncs.states.items() if name in names}
        yield _one(
            "gitops_kustomization_info",
            "Always 1: path and commit that are applied, the newest commit, Flux's last word.",
            [*NAMED, "path", "revision", "newest", "reason"],
            [([*names[one.name], *_told(one, last.newest)], 1) for one in found],
        )
        yield _one(
            "gitops_kustomization_in_sync",
            "Whether the source's newest commit is applied, and did not fail.",
            NAMED,
            [(names[name], state.in_sync) for name, state in states.items()],
        )
        yield _one(
            "gitops_kustomization_in_sync_since_timestamp_seconds",
            "Since when gitops_kustomization_in_sync has its value, in Unix seconds.",
            NAMED,
            [(names[name], state.since) for name, state in states.items()],
        )
        yield _one(
            "gitops_kustomization_suspended",
            "Whether Flux was told to leave it alone.",
            NAMED,
            [(names[one.name], one.suspended) for one in found],
        )
        yield _one(
            "gitops_kustomization_failing",
            "Whether Flux says that it is not ready.",
            NAMED,
            [(names[one.name], one.failing) for one in found],
        )

    def _corrections(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "gitops_drift_corrected",
            "Changes of an object by Flux that no commit explains: it undid one made by hand.",
            labels=[*NAMED, *OBJECT],
        )
        for (name, one), number in sorted(self._drift.corrected.items()):
            family.add_metric(_of(name, one), number)
        yield family
        yield _one(
            "gitops_drift_corrected_field",
            "1 for a field that the object's last correction changed, for three minutes.",
            [*NAMED, *OBJECT, "field", "git", "cluster"],
            [
                ([*_of(name, one), each.field, each.git, each.cluster], 1)
                for (name, one), undone in self._undoings.last.items()
                for each in undone.differences
            ],
        )
        yield _one(
            "gitops_drift_unread_objects",
            "Objects whose corrections are not counted, since their kinds are not read.",
            NAMED,
            [([name.name, name.namespace], n) for name, n in sorted(self._drift.unread.items())],
        )


def _of(name: Name, one: Managed) -> list[str]:
    return [name.name, name.namespace, one.kind, one.namespace, one.name]


def _workloads(found: list[Running]) -> Iterator[Metric]:
    places = [
        (one, [one.workload.found.place.app, one.workload.found.place.environment]) for one in found
    ]
    yield _one(
        "gitops_workload_info",
        "Always 1: the version that Git names, and the one that the Deployment names.",
        [*PLACED, "version", "running"],
        [([*place, one.workload.found.workload.version, one.version], 1) for one, place in places],
    )
    yield _one(
        "gitops_workload_as_git_says",
        "Whether nothing differs from Git, and all its pods are of the newest form and available.",
        PLACED,
        [(place, one.as_git_says) for one, place in places],
    )
    yield _one(
        "gitops_workload_differs",
        "1 for a field that Git sets (number of pods, image, variable) and the cluster has not.",
        [*PLACED, "field", "git", "cluster"],
        [([*place, d.field, d.git, d.cluster], 1) for one, place in places for d in one.differs],
    )
    yield _one(
        "gitops_workload_image_unavailable",
        "How many pods wait for an image that cannot be pulled, and the kubelet's reason.",
        [*PLACED, "image", "reason"],
        [([*place, *words], n) for one, place in places for *words, n in one.no_image],
    )
    yield _one(
        "gitops_workload_locked",
        "Whether somebody locked it, by Git.",
        PLACED,
        [(place, one.workload.found.workload.locked) for one, place in places],
    )
    yield _one(
        "gitops_workload_automation",
        "1 for the state that its image automation is in, by Git; 0 for the others.",
        [*PLACED, "state"],
        [([*place, state], state == _state(one)) for one, place in places for state in STATES],
    )


def _told(one: Kustomization, newest: Mapping[Name, str]) -> list[str]:
    return [one.path, one.applied[:7], newest.get(one.source, "")[:7], one.reason]


def _state(one: Running) -> str:
    automation = one.workload.found.automation
    if not automation.there:
        return "none"
    return "suspended" if automation.suspended else "active"


def _one(
    name: str, help_: str, labels: list[str], values: list[tuple[list[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_, labels=labels)
    for texts, value in values:
        family.add_metric(texts, float(value))
    return family
