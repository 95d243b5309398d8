"""What the exporter tells of a correction, and of agents that are down."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from labs.exporter.agents import agents
from labs.exporter.cluster import Managed, Name, Touched
from labs.exporter.drift import Drift
from labs.exporter.fields import LONGEST, Difference
from labs.exporter.undone import KEPT, MOST, OBJECTS, Undoings, content
from labs.understudy.api_server import Object
from tests.unit.test_exporter import APPS, HELLO, deployment, kustomization

NOW = 1000.0
REFLECTOR = Managed("Deployment", "flux-system", "image-reflector-controller")
AGENTS = kustomization(
    name=Name("flux-system", "image-controllers"),
    inventory=(REFLECTOR, Managed("Service", "flux-system", "webhook-receiver"), HELLO),
)


def app(uid: str = "u", **more: Any) -> Object:
    """Return the app's Deployment with some of its spec or metadata changed."""
    found = deployment("hello:1", uid=uid)
    found["metadata"] |= {"labels": {"app": "hello"}, "annotations": {}}
    for path, value in more.items():
        at = found
        *way, last = path.split("__")
        for key in way:
            at = at.setdefault(key, {})
        at[last] = value
    return found


def undone(before: Object, after: Object, managed: Managed = HELLO) -> tuple[Difference, ...]:
    """Return what is told of a correction that made `after` of `before`."""
    undoings = Undoings()
    undoings.look({managed: content(managed, before)}, [], [managed], NOW)
    undoings.look({managed: content(managed, after)}, [(APPS, managed)], [managed], NOW)
    return undoings.last[APPS, managed].differences


def test_what_was_undone_while_an_attempt_went_on_is_told_at_its_end() -> None:
    drift, undoings = Drift(["Deployment"]), Undoings()
    right, wrong = app(), app(spec__replicas=5)
    done, trying = kustomization("a", says=("x",)), kustomization("a", "b", says=("x",))
    looks = ((right, "1", done), (wrong, "1", done), (right, "2", trying), (right, "2", trying),
             (right, "2", kustomization("b", says=("x",))))  # fmt: skip
    for found, when, one in looks:
        corrected = drift.look({HELLO: Touched("u", when)}, [one])
        contents = {HELLO: content(HELLO, found)}
        undoings.look(contents, corrected, [HELLO], NOW, drift.pending)
    assert undoings.last[APPS, HELLO].differences == (Difference("replicas", "2", "5"),)
    assert drift.pending == set()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"spec__replicas": 5}, Difference("replicas", "2", "5")),
        ({"spec__paused": True}, Difference("paused", "", "true")),
        ({"metadata__labels": {}}, Difference("label app", "hello", "")),
        (
            {"metadata__annotations": {"owner.io/name": "me"}},
            Difference("annotation owner.io/name", "", "me"),
        ),
        (
            {
                "spec__template__metadata": {
                    "annotations": {"kubectl.kubernetes.io/restartedAt": "t"}
                }
            },
            Difference("pod annotation kubectl.kubernetes.io/restartedAt", "", "t"),
        ),
    ],
)
def test_what_a_hand_changed_is_told_by_its_field(
    changed: dict[str, Any], told: Difference
) -> None:
    assert undone(app(**changed), app()) == (told,)


def test_the_fields_of_containers_are_called_as_where_a_workload_differs() -> None:
    wrong = app()
    mine = wrong["spec"]["template"]["spec"]["containers"][0]
    mine |= {"image": "hello:9", "resources": {"limits": {"memory": "1Gi"}}}
    mine["env"] = [{"name": "GREETING", "value": "Hullo" * 40}, *mine["env"][1:]]
    assert undone(wrong, app()) == (
        Difference("env GREETING", "Hello from Git", ("Hullo" * 40)[:LONGEST]),
        Difference("image", "hello:1", "hello:9"),
        Difference("resources.limits.memory", "", "1Gi"),
    )


def test_what_was_deleted_is_told_as_such_and_books_of_the_cluster_not_at_all() -> None:
    assert undone(app("old"), app("new")) == (Difference("Deployment", "hello", ""),)
    books = {"deployment.kubernetes.io/revision": "7"}
    assert undone(app(metadata__annotations=books), app()) == ()
    service = Managed("Service", "production", "hello")
    gone, back = ({"metadata": {"uid": uid}} for uid in "ab")
    undoings = Undoings()
    undoings.look({service: content(service, gone)}, [], [service], NOW)
    undoings.look({}, [], [service], NOW + 2)  # away for a look
    undoings.look({service: content(service, back)}, [(APPS, service)], [service], NOW + 4)
    [told] = undoings.last.values()
    assert told.differences == (Difference("Service", "hello", ""),)


def test_it_is_bounded_in_fields_and_objects_and_forgotten_after_a_while() -> None:
    many = {f"key{number}": "x" for number in range(2 * MOST)}
    assert len(undone(app(metadata__labels={"app": "hello", **many}), app())) == MOST
    undoings = Undoings()
    names = [dataclasses.replace(HELLO, name=f"app{number:02}") for number in range(OBJECTS + 3)]
    contents = {one: content(one, app()) for one in names}
    undoings.look(contents, [], names, NOW)
    undoings.look(contents, [(APPS, one) for one in names], names, NOW)
    assert [managed for _, managed in undoings.last] == names[3:]
    undoings.look(contents, [(APPS, names[5])], names, NOW + KEPT - 1)
    assert len(undoings.last) == OBJECTS
    undoings.look(contents, [], names, NOW + KEPT)
    assert [managed for _, managed in undoings.last] == [names[5]]


def agent(
    available: int, reason: str = "NewReplicaSetAvailable", progresses: str = "True"
) -> Object:
    return {
        "metadata": {"namespace": "flux-system", "name": REFLECTOR.name},
        "status": {
            "availableReplicas": available,
            "conditions": [{"type": "Progressing", "status": progresses, "reason": reason}],
        },
    }


@pytest.mark.parametrize(
    ("deployments", "runs"),
    [
        ([agent(1)], {REFLECTOR.name: True}),
        ([agent(0)], {REFLECTOR.name: False}),
        ([], {REFLECTOR.name: False}),
        ([agent(0, "ReplicaSetUpdated")], {}),  # it starts
        ([agent(0, "ProgressDeadlineExceeded", "False")], {REFLECTOR.name: False}),
    ],
)
def test_an_agent_that_git_asks_for_runs_or_not(
    deployments: list[Object], runs: dict[str, bool]
) -> None:
    assert agents([AGENTS], deployments) == runs
    assert agents([kustomization()], deployments) == {}  # no Kustomization has brought it
