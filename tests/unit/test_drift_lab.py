"""What lab 08 reads of drift: in events, in owners of fields, and in history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labs.exercises import drift_checks as checks
from labs.exercises import drift_commits as commits
from labs.exercises import drift_evidence as evidence
from labs.exercises import drift_objects as objects
from labs.exercises.deploy_faults import KUSTOMIZATION
from labs.exercises.drift_evidence import Scaling
from labs.exercises.evidence import HELLO
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.instance import PROJECT, Instance, write_json
from labs.platform import flux, kubernetes
from labs.progress import Progress
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet, TimedOut
from tests.unit.gitrepos import git, new_clone, new_server

TEMPLATE = PROJECT / "config-repo-template"
APPS = "clusters/hackfest/apps.yaml"
NOTICE = "apps/production/notice.yaml"
SUSPENSION = (APPS, "spec:\n", "spec:\n  suspend: true\n")


def event(message: str, at: str, name: str = "hello", **more: Any) -> dict[str, Any]:
    return {
        "involvedObject": {"name": name},
        "message": message,
        "lastTimestamp": f"2026-01-01T10:00:{at}Z",
        "metadata": {"annotations": {evidence.REVISION: "main@sha1:abcdef1"}},
        **more,
    }


def scaled(before: int, after: int, at: str, name: str = "hello") -> dict[str, Any]:
    return event(f"Scaled up replica set hello-5f from {before} to {after}", at, name)


def entry(manager: str, **fields: Any) -> dict[str, Any]:
    return {"manager": manager, "fieldsV1": fields}


def annotated(*names: str) -> dict[str, Any]:
    return {"f:annotations": {".": {}, **{f"f:{name}": {} for name in names}}}


def test_only_more_pods_than_git_ever_asked_for_were_scaled_by_hand() -> None:
    rollout = [scaled(0, 1, "01"), scaled(2, 1, "02"), scaled(1, 2, "03")]
    assert evidence.beyond(evidence.scalings(rollout), 2) is None
    by_hand = [scaled(5, 2, "22"), *rollout, scaled(2, 5, "10"), scaled(2, 9, "11", "other")]
    found = evidence.scalings(by_hand)
    assert [each.after for each in found] == [1, 1, 2, 5, 2]
    assert evidence.beyond(found, 5) is None
    up, down = evidence.beyond(found, 2) or (None, None)
    assert up is not None
    assert down is not None
    assert (up.after, down.after, down.at - up.at) == (5, 2, 12.0)


def test_a_scaling_that_nobody_took_back_is_told_apart_from_an_older_one() -> None:
    found = [Scaling(1.0, 2, 5), Scaling(9.0, 5, 2), Scaling(20.0, 2, 5)]
    assert evidence.beyond(found, 2) == (found[2], None)


def test_flux_notes_are_read_line_by_line_also_where_events_were_combined() -> None:
    words = "Service/production/hello created\nDeployment/production/hello configured"
    events = [
        event(f"(combined from similar events): {words}", "09", "apps", count=3),
        event("Namespace/production created", "02", "apps"),
        event("Health check passed in 5 s", "03", "apps"),
        event("Deployment/team/other configured", "04", "team"),
        event("Deployment/production/gone configured", "05", "apps", lastTimestamp=None),
    ]
    found = evidence.notes(events, ("configured", "created"))
    assert [note.text for note in found] == ["Namespace/production created", *words.splitlines()]
    assert (found[-1].count, found[-1].revision) == (3, "abcdef1")


def test_a_field_is_told_by_its_owner() -> None:
    found = {
        "metadata": {
            "managedFields": [
                entry("kustomize-controller", **{"f:spec": {"f:replicas": {}}}),
                entry("kube-controller-manager", **{"f:metadata": annotated("of-kubernetes")}),
                entry("kubectl-annotate", **{"f:metadata": annotated("touched-by")}),
                entry("night-shift", **{"f:metadata": annotated("on-call")}),
                entry("flux", **{"f:metadata": annotated("reconcile.fluxcd.io/requestedAt")}),
            ]
        }
    }
    assert evidence.foreign(found) == {"night-shift": ["on-call"]}
    assert evidence.by_kubectl(found) == ["touched-by"]
    assert evidence.owners(found, "replicas") == ["kustomize-controller"]
    assert evidence.owners(found, "template") == []


def test_a_stray_is_neither_of_flux_nor_of_kubernetes() -> None:
    names = {"kube-root-ca.crt": {}, "notice": {flux.OWNER: "apps"}, "stray": {"app": "x"}}
    listed = [
        {"metadata": {"name": name, "namespace": "production", "labels": labels}}
        for name, labels in names.items()
    ]
    assert evidence.strays(listed) == ["production/stray"]


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    files = {str(path.relative_to(TEMPLATE)): path.read_text() for path in TEMPLATE.rglob("*.yaml")}
    lab = Instance("drift", tmp_path)
    new_clone(new_server(tmp_path / "server", files), lab.work / "config-repo")
    write_json(lab.root / "instance.json", {"name": "hackfest"})
    return lab


@pytest.fixture
def repo(instance: Instance) -> ConfigRepo:
    return attendees(instance)


def push(repo: ConfigRepo, message: str, *changes: tuple[str, str, str]) -> str:
    """Make the changes one commit, and push it; an empty old text makes a new file."""
    for file, old, new in changes:
        path = repo.path / file
        text = path.read_text() if old else ""
        path.write_text(text.replace(old, new, 1) if old else new)
    git("add", ".", cwd=repo.path)
    git("commit", "-q", "-m", message, cwd=repo.path)
    git("push", "-q", cwd=repo.path)
    return repo.fetch().sha


def undone(check: object, instance: Instance) -> str:
    assert callable(check)
    with pytest.raises(NotDone) as found:
        check(Attempt(instance))
    return found.value.found


def test_values_of_all_commits_count_as_asked_for(repo: ConfigRepo) -> None:
    push(repo, "Three", (HELLO, "replicas: 2", "replicas: 3"))
    push(repo, "Two", (HELLO, "replicas: 3", "replicas: 2 # enough"))
    push(repo, "Quote", (HELLO, "value: Hello from Git", 'value: "Hello: you"'))
    assert evidence.asked(repo, "replicas") == ["2", "2", "3", "2"]
    assert evidence.asked(repo, "GREETING")[0] == "Hello: you"


def test_a_suspension_needs_a_commit_with_a_reason(instance: Instance, repo: ConfigRepo) -> None:
    repo.fetch()
    assert "has never said" in undone(commits.suspended, instance)
    assert "nothing is suspended" in undone(commits.resumed, instance)
    path = repo.path / APPS
    path.write_text(path.read_text().replace("spec:\n", "spec:\n  suspend: true\n", 1))
    with pytest.raises(CheckFailed, match="in your clone alone"):
        commits.suspended(Attempt(instance))
    git("checkout", "-q", APPS, cwd=repo.path)
    push(repo, "Suspend production", SUSPENSION)
    with pytest.raises(CheckFailed, match="does not say why"):
        commits.suspended(Attempt(instance))
    push(repo, "Go on", (APPS, "  suspend: true\n", ""))
    begun = push(repo, "Suspend production\n\nThe database is being moved.", SUSPENSION)
    assert "still holds" in undone(commits.resumed, instance)
    push(repo, "Look more often", (APPS, "interval: 30s", "interval: 20s"))
    ended = push(repo, "Go on at last", (APPS, "  suspend: true\n", ""))
    push(repo, "Look as often as before", (APPS, "interval: 20s", "interval: 30s"))
    found = commits.suspension(repo, APPS)
    assert found is not None
    assert found.sha == begun
    resumed = commits.resumption(repo, APPS, found)
    assert resumed is not None
    assert resumed.sha == ended
    said = commits.suspended(Attempt(instance))
    assert "'The database is being moved.'" in said
    assert ended[:7] in said


def test_pruned_is_what_a_commit_brought_and_another_took(
    instance: Instance, repo: ConfigRepo
) -> None:
    repo.fetch()
    assert "no commit has ever" in undone(commits.pruned, instance)
    broken = (KUSTOMIZATION, "resources:", "resources:\n  - banner.yaml")
    push(repo, "Name what is not there", broken)
    push(repo, "Mend it", (KUSTOMIZATION, "\n  - banner.yaml", ""))
    assert "no commit has ever" in undone(commits.pruned, instance)
    notice = "kind: ConfigMap\nmetadata:\n  name: notice\n"
    listed = (KUSTOMIZATION, "resources:", "resources:\n  - notice.yaml")
    push(repo, "Put up a notice", (NOTICE, "", notice), listed)
    assert "notice.yaml is in Git" in undone(commits.pruned, instance)
    git("rm", "-q", NOTICE, cwd=repo.path)
    taken = push(repo, "Take it down", (KUSTOMIZATION, "\n  - notice.yaml", ""))
    commit, gone = commits.taken_out(repo) or (None, [])
    assert commit is not None
    assert commit.sha == taken
    assert gone == [("ConfigMap", "notice")]


def test_an_answer_about_the_difference_is_judged(instance: Instance, repo: ConfigRepo) -> None:
    repo.fetch()
    assert "still open" in undone(commits.differing, instance)
    with pytest.raises(CheckFailed, match=r"metadata\.generation"):
        commits.differing(Attempt(instance, "metadata.generation"))


class Kept:
    """A cluster that has these objects, and no other."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = list(objects)
        self.log = ""

    def logs(self, name: str, namespace: str, seconds: int) -> str:
        return self.log

    def get(
        self, api: str, kind: str, name: str, namespace: str | None = None
    ) -> dict[str, Any] | None:
        listed = self.list(api, kind, namespace)
        return next((each for each in listed if each["metadata"]["name"] == name), None)

    def list(
        self, api: str, kind: str, namespace: str | None = None, selector: str = ""
    ) -> list[dict[str, Any]]:
        return [
            each
            for each in self.objects
            if each["kind"] == kind
            and (namespace is None or each["metadata"].get("namespace", namespace) == namespace)
        ]


def thing(kind: str, name: str, at: str, **more: Any) -> dict[str, Any]:
    meta = {"name": name, "creationTimestamp": f"2026-01-01T{at}Z"}
    if kind != "Namespace":
        meta["namespace"] = "flux-system" if kind == "Kustomization" else "production"
    return {"kind": kind, "metadata": meta, **more}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    found = Kept(
        thing("Kustomization", "apps", "09:00:00"),
        thing("Namespace", "production", "09:00:03"),
        thing("Service", "hello", "09:00:04"),
        thing("Deployment", "hello", "09:00:04", spec={"replicas": 2}),
        thing("ConfigMap", "kube-root-ca.crt", "09:00:03"),
    )
    monkeypatch.setattr(kubernetes, "api", lambda instance: found)
    return found


def test_nothing_was_done_by_hand_where_all_is_as_old_as_flux(
    instance: Instance, repo: ConfigRepo, kept: Kept
) -> None:
    repo.fetch()
    kept.objects[3]["spec"]["template"] = {"spec": {"containers": [{"name": "hello"}]}}
    assert "Flux's log tells of more pods than the 2" in undone(checks.scaled, instance)
    assert "every greeting that ran" in undone(checks.fields, instance)
    assert "no ConfigMap but Git's" in undone(objects.objects, instance)
    assert "older than this lab" in undone(objects.namespace, instance)
    for fact in (checks.scaled_fact, checks.fields_fact, objects.namespace_fact):
        with pytest.raises(NotYet):
            fact(Attempt(instance))
    kept.objects.append(thing("ConfigMap", "stray", "09:30:00"))
    assert "no Service was deleted" in undone(objects.objects, instance)


def test_what_does_not_last_is_known_by_the_progress(
    instance: Instance, repo: ConfigRepo, kept: Kept
) -> None:
    repo.fetch()
    kept.objects[3]["spec"]["template"] = {"spec": {"containers": [{"name": "hello"}]}}
    for step, check in (
        ("scaled", checks.scaled),
        ("fields", checks.fields),
        ("objects", objects.objects),
        ("namespace", objects.namespace),
    ):
        Progress(instance).tried(step, passed=True)
        assert check(Attempt(instance)).startswith("done before")


def test_a_namespace_was_made_again_if_it_is_younger_than_the_lab(
    instance: Instance, kept: Kept
) -> None:
    kept.objects[1] = thing("Namespace", "production", "10:00:00")
    assert "came back" in objects.namespace_fact(Attempt(instance))
    Progress(instance).started("drift")  # today: what was deleted before does not count
    with pytest.raises(NotYet):
        objects.namespace_fact(Attempt(instance))


def test_more_pods_by_hand_are_waited_for_and_told_with_their_seconds(
    instance: Instance, repo: ConfigRepo, kept: Kept
) -> None:
    repo.fetch()
    by_hand = scaled(2, 5, "10") | {"kind": "Event"}
    kept.objects.append(by_hand)
    kept.objects[3]["spec"]["replicas"] = 5
    with pytest.raises(TimedOut, match="5 pods are asked for"):
        checks.scaled(Attempt(instance, timeout=0.0))
    kept.objects[3]["spec"]["replicas"] = 2
    kept.objects.append(scaled(5, 2, "27") | {"kind": "Event"})
    kept.objects[0]["status"] = {"lastAppliedRevision": "main@sha1:1234567890"}
    said = checks.scaled(Attempt(instance))
    assert "5 pods by hand, 2 again 17 s later; the commit is 1234567" in said
    assert checks.scaled_fact(Attempt(instance)) == "5 pods by hand, 2 again 17 s later"


def look(at: str, revision: str, deployment: str = "unchanged", name: str = "apps") -> str:
    """Return what Flux's log has of one look at a Kustomization."""
    line: dict[str, Any] = {
        "controller": "kustomization",
        "name": name,
        "revision": f"main@sha1:{revision}",
    }
    applied: dict[str, Any] = {
        "msg": "server-side apply completed",
        "ts": f"2026-01-01T10:00:{at}Z",
    }
    applied |= {"output": {"Deployment/production/hello": deployment}}
    finished = {"msg": "Reconciliation finished in 1s, next run in 30s", "ts": applied["ts"]}
    return "\n".join(json.dumps(line | each) for each in (applied, finished))


def test_a_correction_is_told_by_flux_where_the_events_are_lost(
    instance: Instance, repo: ConfigRepo, kept: Kept
) -> None:
    repo.fetch()
    kept.objects.append(thing("Pod", "kustomize-controller", "09:00:00"))
    kept.objects[-1]["metadata"]["namespace"] = "flux-system"
    kept.objects[0]["status"] = {"lastAppliedRevision": "main@sha1:1234567890"}
    new_commit = [look("01", "aaaa"), look("05", "bbbb", "configured"), look("08", "bbbb")]
    other = look("09", "bbbb", "configured", "elsewhere")
    kept.log = "\n".join(["not JSON", *new_commit, other])
    assert "Flux's log tells of more" in undone(checks.scaled, instance)
    kept.log += "\n" + look("12", "bbbb", "configured")
    assert "more pods by hand, and Flux put that right at" in checks.scaled(Attempt(instance))
    Progress(instance).started("drift")  # today: a correction of long ago is not the reader's
    assert "Flux's log tells of more" in undone(checks.scaled, instance)
