"""What Flux says of itself, read from objects and log lines as Flux writes them."""

from __future__ import annotations

import json
from typing import Any

from labs.platform import flux, rollout

NEW = "a" * 40
OLD = "b" * 40


def revision(sha: str) -> str:
    return f"main@sha1:{sha}"


def kustomization(
    *conditions: tuple[str, str, str, str], applied: str = OLD, tried: str = OLD, **spec: Any
) -> dict[str, Any]:
    return {
        "metadata": {"name": "apps"},
        "spec": spec,
        "status": {
            "lastAppliedRevision": revision(applied),
            "lastAttemptedRevision": revision(tried),
            "conditions": [
                {
                    "type": type_,
                    "status": status,
                    "reason": reason,
                    "message": message,
                    "lastTransitionTime": "2019-06-27T10:00:00Z",
                }
                for type_, status, reason, message in conditions
            ],
            "inventory": {
                "entries": [
                    {"id": "_production__Namespace", "v": "v1"},
                    {"id": "production_hello_apps_Deployment", "v": "v1"},
                ]
            },
        },
    }


AT = flux.moment("2019-06-27T10:00:00Z")


def test_a_revision_is_applied_while_its_health_checks_still_run() -> None:
    ready = ("Ready", "True", "ReconciliationSucceeded", f"Applied revision: {revision(OLD)}")
    checks = f"Running health checks for revision {revision(NEW)} with a timeout of 30s"
    assert flux.applied(kustomization(ready)) == OLD
    assert flux.applied(kustomization(ready, ("Reconciling", "True", "Progressing", checks))) == NEW
    assert flux.applied({"spec": {}}) == ""


def test_only_an_ended_attempt_with_this_very_commit_has_failed() -> None:
    broken = ("Ready", "False", "BuildFailed", "kustomize build failed: no such file")
    under_way = ("Reconciling", "True", "Progressing", "Building manifests")
    again = ("Reconciling", "True", "ProgressingWithRetry", "kustomize build failed")
    now = AT + 1
    assert flux.failed(kustomization(broken, tried=NEW), NEW, AT, now) == broken[3]
    assert flux.failed(kustomization(broken, again, tried=NEW), NEW, AT, now) == broken[3]
    assert flux.failed(kustomization(broken, tried=OLD), NEW, AT, now) == ""
    assert flux.failed(kustomization(broken, under_way, tried=NEW), NEW, AT, now) == ""


def test_a_passing_reason_is_a_failure_only_when_it_lasts() -> None:
    busy = kustomization(("Ready", "False", "ReconciliationFailed", "dry-run failed"), tried=NEW)
    assert flux.failed(busy, NEW, AT, AT + 5) == ""
    assert flux.failed(busy, NEW, AT, AT + 20) == "dry-run failed"


def test_a_missing_folder_has_failed_though_flux_notes_no_attempt() -> None:
    gone = kustomization(("Ready", "False", "ArtifactFailed", "kustomization path not found: stat"))
    assert "path not found" in flux.failed(gone, NEW, AT - 14, AT + 2)
    assert flux.failed(gone, NEW, AT - 2, AT + 1) == "", "what mends it may be on its way"
    assert flux.failed(gone, NEW, AT + 2, AT + 3) == "", "it tells of an older commit"
    assert flux.failed(gone, NEW, AT, AT + 1) == "", "of the same second: it may do so"


def test_an_attempt_that_made_way_for_a_newer_one_has_not_failed() -> None:
    made_way = ("Ready", "False", flux.CANCELED, "New reconciliation triggered by Kustomization/x")
    assert flux.failed(kustomization(made_way, tried=NEW), NEW, AT, AT + 60) == ""


def test_an_object_that_was_changed_is_outdated_until_flux_has_done_it() -> None:
    def seen(generation: int, status: dict[str, int]) -> bool:
        return flux.outdated({"metadata": {"generation": generation}, "status": status})

    assert seen(3, {"observedGeneration": 2})
    assert not seen(3, {"observedGeneration": 3})
    assert not seen(1, {"observedGeneration": -1})
    assert not seen(1, {})


def test_inventory_suspension_and_message() -> None:
    found = kustomization(("Ready", "False", "BuildFailed", "why"), suspend=True)
    assert flux.inventory(found) == [
        ("Namespace", "", "production"),
        ("Deployment", "production", "hello"),
    ]
    assert flux.suspended(found)
    assert flux.unwell(found) == "why"


def test_the_inventory_has_names_with_colons() -> None:
    found = kustomization()
    ids = ["_system__reader_rbac.authorization.k8s.io_ClusterRole", "a_b__c__d_rbac_RoleBinding"]
    found["status"]["inventory"]["entries"] = [{"id": ident, "v": "v1"} for ident in ids]
    assert flux.inventory(found) == [
        ("ClusterRole", "", "system:reader"),
        ("RoleBinding", "a", "b:c:d"),
    ]


def test_polls_are_read_from_the_log() -> None:
    def line(ts: str, name: str, msg: str) -> str:
        return json.dumps({"ts": ts, "msg": msg, "GitRepository": {"name": name}})

    log = "\n".join(
        [
            "not json",
            line("2019-06-27T10:00:00.500Z", "config", "no changes since last reconciliation: x"),
            line("2019-06-27T10:00:10.500Z", "config", "stored artifact for commit 'Greet'"),
            line("2019-06-27T10:00:11.000Z", "config", "garbage collected 1 artifacts"),
            line("2019-06-27T10:00:12.000Z", "team", "no changes since last reconciliation: x"),
        ]
    )
    assert flux.polls(log, "config") == [AT + 0.5, AT + 10.5]


def test_a_poll_counts_down_and_stops_at_nothing() -> None:
    poll = flux.Poll(AT, 10)
    assert poll.remaining(AT + 4) == 6
    assert poll.remaining(AT + 14) == 0
    assert flux.seconds("1m30s") == 90
    assert flux.seconds("250ms") == 0.25


def test_a_rollout_is_finished_when_all_pods_are_new_and_ready() -> None:
    def deployment(**status: int) -> dict[str, Any]:
        return {"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status}

    whole = {"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}
    assert rollout.progress(deployment(**whole)) == ""
    assert rollout.progress(deployment(**{**whole, "observedGeneration": 1})) != ""
    assert rollout.progress(deployment(**{**whole, "updatedReplicas": 1})) == "1 of 2 pods are new"
    assert rollout.progress(deployment(**{**whole, "replicas": 3})) == "1 old pods still serve"
    assert rollout.progress(deployment(**{**whole, "availableReplicas": 0})) != ""
