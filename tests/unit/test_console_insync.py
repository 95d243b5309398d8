"""What the overview says of Kustomizations and workloads, and where the newest commit is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from labs.console.insync import Applied, Since, State, applied
from labs.console.loop import Inside, Loop, Source, in_order
from labs.console.runs import Said, runs
from labs.console.site import Asked
from labs.errors import LabError
from labs.gitops.commits import Commit, Identity
from labs.gitops.stages import STAGES
from labs.platform.objects import Object
from tests.unit.engine_desk import HELLO, Office, template
from tests.unit.engine_desk import office as opened

NEWEST, OLDER = "b" * 40, "a" * 40
CAME = 1_790_000_000.0
AWAY = LabError("nobody answers", expected="an answer", todo="wait")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return opened(tmp_path, template())


def stamp(seconds: float) -> str:
    return f"{datetime.fromtimestamp(CAME + seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def kustomization(
    commit: str, ready: str = "True", reason: str = "ReconciliationSucceeded", **more: Any
) -> Object:
    """Return a Kustomization as the API server has it."""
    spec = {"path": "./apps", "sourceRef": {"kind": "GitRepository", "name": "config"}, **more}
    revision = f"main@sha1:{commit}"
    return {
        "metadata": {"name": "apps", "namespace": "flux-system", "generation": 1},
        "spec": spec,
        "status": {
            "lastAppliedRevision": revision,
            "conditions": [
                {
                    "type": "Ready",
                    "status": ready,
                    "reason": reason,
                    "message": "words of Flux",
                    "lastTransitionTime": stamp(300),
                }
            ],
            "history": [{"firstReconciled": stamp(4), "metadata": {"revision": revision}}],
            "inventory": {"entries": [{"id": "production_hello_apps_Deployment", "v": "v1"}]},
        },
    }


def seen(found: Object, newest: str = NEWEST) -> Applied:
    return applied(found, newest, CAME, Since())


def test_what_has_the_newest_commit_is_in_sync_since_it_came_there() -> None:
    told = seen(kustomization(NEWEST))
    assert (told.has_newest, told.state.mood, told.state.words) == (True, "good", "in sync")
    assert told.state.since == CAME + 4, "not Flux's moment, which moves with each comparison"


def test_a_comparison_under_way_is_no_news() -> None:
    again = kustomization(NEWEST, "Unknown", "Progressing")
    assert seen(again).state.words == "in sync"


def test_what_is_behind_has_been_so_since_the_commit() -> None:
    told = seen(kustomization(OLDER))
    assert (told.has_newest, told.state.mood, told.state.since) == (False, "act", CAME)


@pytest.mark.parametrize(
    ("reason", "mood", "words"),
    [
        ("BuildFailed", "bad", "failing"),
        ("DependencyNotReady", "act", "waits for another"),
        ("HealthCheckCanceled", "act", "on its way"),
    ],
)
def test_flux_says_why_it_does_not_get_on(reason: str, mood: str, words: str) -> None:
    told = seen(kustomization(OLDER, "False", reason)).state
    assert (told.mood, told.words, told.why) == (mood, words, "words of Flux")


def test_what_is_suspended_says_whether_it_is_behind() -> None:
    assert seen(kustomization(NEWEST, suspend=True)).state.words == "suspended"
    assert seen(kustomization(OLDER, suspend=True)).state.words == "suspended, and behind"


def test_without_a_commit_to_compare_with_flux_is_believed() -> None:
    told = seen(kustomization(OLDER), newest="")
    assert (told.has_newest, told.state.words) == (False, "in sync")


def test_objects_are_applied_before_they_are_ready() -> None:
    found = kustomization(OLDER, "Unknown", "Progressing")
    message = f"Running health checks for revision main@sha1:{NEWEST}"
    found["status"]["conditions"].append(
        {"type": "Reconciling", "status": "True", "message": message}
    )
    told = seen(found)
    assert (told.has_newest, told.state.words) == (True, "applied, not ready yet")


def test_a_state_cannot_be_older_than_the_last_look_at_another() -> None:
    clock = [100.0]
    since = Since(lambda: clock[0])
    assert since.of("a", "good", 40.0) == 40.0
    clock[0] = 110.0
    assert since.of("a", "bad") == 110.0
    clock[0] = 120.0
    assert since.of("a", "bad") == 110.0
    assert since.of("a", "good", 40.0) == 120.0
    assert since.of("b", "good", 40.0) == 40.0


def deployment(office: Office, **more: Any) -> Object:
    """Return hello's Deployment, rolled out as the newest commit says."""
    [said] = Said().workloads(office.desk.repo, office.desk.repo.fetch().sha)
    fields = {**said.fields, **{key: str(value) for key, value in more.items()}}
    replicas = int(fields["replicas"])
    variables = [
        {"name": name.removeprefix("env "), "value": value}
        for name, value in fields.items()
        if name.startswith("env ")
    ]
    return {
        "metadata": {"namespace": said.namespace, "name": "hello", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "hello"}},
            "template": {
                "spec": {
                    "containers": [{"name": "hello", "image": fields["image"], "env": variables}]
                }
            },
        },
        "status": {
            "observedGeneration": 1,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "availableReplicas": replicas,
            "conditions": [{"type": "Available", "status": "True", "lastTransitionTime": stamp(9)}],
        },
    }


def pod(name: str, image: str, ready: str = "True") -> Object:
    return {
        "metadata": {"name": name, "namespace": "production", "labels": {"app": "hello"}},
        "spec": {"containers": [{"name": "hello", "image": image}]},
        "status": {"conditions": [{"type": "Ready", "status": ready}], "phase": "Running"},
    }


APPS = seen(kustomization(NEWEST))
BY = {("production", "hello"): APPS}


def test_a_workload_is_as_git_says(office: Office) -> None:
    [said] = Said().workloads(office.desk.repo, office.desk.repo.fetch().sha)
    pods = [pod("hello-1", "registry:5000/hello:0.9.0"), pod("hello-2", "x/hello@sha256:1", "no")]
    other = {**pod("other", "x:1"), "metadata": {"name": "other", "namespace": "production"}}
    told = runs(said, [deployment(office)], [*pods, other], BY, Since())
    assert (told.state.words, told.state.since) == ("as Git says", CAME + 9)
    assert [(one.name, one.version, one.state) for one in told.pods] == [
        ("hello-1", "0.9.0", "Ready"),
        ("hello-2", "", "Running"),
    ]
    assert (told.ready, told.kustomization, told.version) == (1, "apps", "0.9.0")


def test_what_was_changed_by_hand_is_told_field_by_field(office: Office) -> None:
    [said] = Said().workloads(office.desk.repo, office.desk.repo.fetch().sha)
    told = runs(said, [deployment(office, replicas=5)], [], BY, Since())
    assert told.state.mood == "bad"
    assert [(one.field, one.git, one.cluster) for one in told.differs] == [("replicas", "2", "5")]


@pytest.mark.parametrize(
    ("by", "mood", "words"),
    [
        (seen(kustomization(OLDER)), "act", "on its way"),
        (seen(kustomization(NEWEST, suspend=True)), "warn", "differs"),
        (seen(kustomization(OLDER, "False", "BuildFailed")), "bad", "differs"),
    ],
)
def test_who_applies_it_tells_why_it_differs(
    office: Office, by: Applied, mood: str, words: str
) -> None:
    [said] = Said().workloads(office.desk.repo, office.desk.repo.fetch().sha)
    by_name = {("production", "hello"): by}
    told = runs(said, [deployment(office, replicas=5)], [], by_name, Since())
    assert (told.state.mood, told.state.words) == (mood, words)


def test_nothing_is_put_right_while_the_agent_is_away(office: Office) -> None:
    [said] = Said().workloads(office.desk.repo, office.desk.repo.fetch().sha)
    by_hand = [deployment(office, replicas=5)]
    told = runs(said, by_hand, [], BY, Since()).state
    assert "puts it right at its next look" in told.why
    told = runs(said, by_hand, [], BY, Since(), looks=False).state
    assert (told.mood, told.words) == ("bad", "differs")
    assert "puts it right" not in told.why
    assert "Flux is away" in told.why


def test_a_rollout_and_a_missing_image_are_told_apart(office: Office) -> None:
    [said] = Said().workloads(office.desk.repo, office.desk.repo.fetch().sha)
    found = deployment(office)
    found["status"]["updatedReplicas"] = 1
    told = runs(said, [found], [], BY, Since())
    assert (told.state.words, told.state.why) == ("rolling out", "1 of 2 pods are new")
    waiting = pod("hello-3", "registry:5000/hello:1.10.0", "False")
    waiting["status"]["containerStatuses"] = [
        {"name": "hello", "state": {"waiting": {"reason": "ErrImagePull"}}}
    ]
    told = runs(said, [found], [waiting], BY, Since())
    assert (told.state.mood, told.state.words) == ("bad", "an image is missing")
    assert "registry:5000/hello:1.10.0: ErrImagePull" in told.state.why
    assert runs(said, [], [], {}, Since()).state.words == "on its way"
    assert runs(said, [], [], BY, Since()).state.words == "is not there"


def test_what_git_says_is_read_anew_with_another_commit(office: Office) -> None:
    said, repo = Said(), office.desk.repo
    first = said.workloads(repo, repo.fetch().sha)
    assert said.workloads(repo, repo.fetch().sha) is first
    office.by_hand(
        "instructor", "Five", HELLO, lambda text: text.replace("replicas: 2", "replicas: 5")
    )
    [changed] = said.workloads(repo, repo.fetch().sha)
    assert changed.fields["replicas"] == "5"


HEAD = Commit(NEWEST, "Greet", "", Identity("A", "a@b"), datetime.fromtimestamp(CAME, UTC), (), {})
GOOD = State("good", "in sync", "", CAME)
SOURCE = Source(NEWEST, True, "10s", GOOD)


def loop(git: LabError | None = None, inside: Inside | None = None) -> Loop:
    found = Asked(inside) if inside else Asked[Inside](None, AWAY)
    return Loop(git, HEAD, found, Asked({}), Asked(()))


def test_the_verdict_is_that_of_what_needs_somebody_most() -> None:
    inside = Inside(SOURCE, (APPS,), (), {}, ())
    assert loop(inside=inside).verdict.words == "In sync"
    assert loop(inside=inside).reached == STAGES
    failing = replace(APPS, state=State("bad", "failing", "", CAME + 1))
    held = replace(APPS, state=State("warn", "suspended", "", CAME + 2))
    told = loop(inside=replace(inside, kustomizations=(APPS, failing, held))).verdict
    assert (told.words, told.since) == ("Out of sync", CAME + 1)
    assert loop(inside=replace(inside, kustomizations=(APPS, held))).verdict.words == "Held back"


def test_a_source_that_was_told_not_to_ask_holds_back() -> None:
    held = replace(SOURCE, state=State("warn", "suspended", "Flux was told", CAME + 3))
    inside = Inside(held, (APPS,), (), {}, ())
    told = loop(inside=inside).verdict
    assert (told.mood, told.words, told.since) == ("warn", "Held back", CAME + 3)
    assert told.why == "Flux was told not to ask Git"
    blind = replace(SOURCE, state=State("bad", "cannot read Git", "", CAME))
    suspended = replace(APPS, state=State("warn", "suspended", "", CAME + 2))
    told = loop(inside=Inside(blind, (suspended,), (), {}, ())).verdict
    assert told.words == "Out of sync", "what is worse comes first"


def test_an_agent_that_is_away_is_told_whatever_flux_said_last() -> None:
    runs_well = State("good", "runs", "", CAME)
    agents = {"source-controller": runs_well, "kustomize-controller": runs_well}
    inside = Inside(SOURCE, (APPS,), (), agents, ())
    assert loop(inside=inside).verdict.words == "In sync"
    gone = State("bad", "is away", "it has no pod", CAME + 7)
    told = loop(inside=replace(inside, agents={**agents, "kustomize-controller": gone})).verdict
    assert (told.mood, told.words, told.since) == ("bad", "Flux is away", CAME + 7)
    assert told.why.startswith("kustomize-controller: no commit is applied")
    told = loop(inside=replace(inside, agents={**agents, "source-controller": gone})).verdict
    assert told.why == "source-controller: no newer commit is fetched"
    starts = State("act", "is starting", "ContainerCreating", CAME + 9)
    told = loop(inside=replace(inside, agents=dict.fromkeys(agents, starts))).verdict
    assert (told.mood, told.words) == ("act", "Flux is starting")
    told = loop(
        inside=replace(inside, agents=dict(zip(agents, (starts, gone), strict=True)))
    ).verdict
    assert (told.words, told.since) == ("Flux is away", CAME + 7)
    nobody = replace(inside, source=None, agents=dict.fromkeys(agents, gone))
    assert loop(inside=nobody).verdict.words == "Nobody reads Git yet"


def test_the_newest_commit_is_where_its_last_stage_is() -> None:
    inside = Inside(SOURCE, (APPS,), (), {}, ())
    behind = seen(kustomization(OLDER))
    on_its_way = loop(inside=replace(inside, kustomizations=(APPS, behind)))
    assert on_its_way.reached == ("pushed", "fetched")
    assert on_its_way.verdict.words == "On its way"
    asked = loop(inside=replace(inside, source=replace(SOURCE, has_newest=False)))
    assert asked.reached == ("pushed",)
    starting = replace(APPS, state=State("act", "applied, not ready yet"))
    told = loop(inside=replace(inside, kustomizations=(starting,)))
    assert told.reached == ("pushed", "fetched", "applied")
    team = replace(behind, source="team")
    assert loop(inside=replace(inside, kustomizations=(APPS, team))).reached == STAGES


def test_what_does_not_answer_is_never_in_sync() -> None:
    inside = Inside(SOURCE, (APPS,), (), {}, ())
    assert loop().verdict.words == "Not known"
    assert loop(git=AWAY, inside=inside).verdict.mood == "warn"
    blind = replace(SOURCE, state=State("bad", "cannot read Git", "", CAME))
    assert loop(inside=replace(inside, source=blind)).verdict.words == "Out of sync"
    nobody = Inside(None, (), (), {}, ())
    assert loop(inside=nobody).verdict.words == "Nobody reads Git yet"


def test_each_kustomization_comes_after_those_it_waits_for() -> None:
    names = {"z": (), "a": ("m",), "m": ("z",), "cluster": (), "odd": ("gone", "odd")}
    found = [replace(APPS, name=name, depends=after) for name, after in names.items()]
    order = [one.name for one in in_order(found)]
    assert order[0] == "cluster"
    assert order.index("z") < order.index("m") < order.index("a")
    assert set(order) == set(names)
