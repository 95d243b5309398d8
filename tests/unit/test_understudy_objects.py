"""What is covered, statuses as Flux writes them, signatures, and what the config repo ships."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import pytest
import yaml

from labs.gitops import image_automation
from labs.instance import PROJECT
from labs.understudy import message, objects, selector, web
from labs.understudy.coverage import COVERED, require_covered, uncovered
from labs.understudy.objects import Failed, Stalled, merge_patch
from labs.understudy.receiver import signed, webhook_path
from labs.understudy.setters import TOKEN, Change, ImageRef, edit

SHIPPED = [
    document
    for text in image_automation.objects().values()
    for document in yaml.safe_load_all(text)
    if document["kind"] in COVERED
]


def a(kind: str, spec: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    meta = {"name": "hello", "namespace": "flux-system", "generation": 3, "uid": "u"}
    return {"kind": kind, "metadata": {**meta, **more.pop("metadata", {})}, "spec": spec, **more}


@pytest.mark.parametrize("found", SHIPPED, ids=lambda found: str(found["kind"]))
def test_what_the_config_repo_ships_is_covered(found: dict[str, Any]) -> None:
    require_covered(found)


def test_every_kind_is_shipped() -> None:
    assert {found["kind"] for found in SHIPPED} == COVERED.keys()


@pytest.mark.parametrize(
    ("kind", "spec", "beyond"),
    [
        ("ImageRepository", {"image": "a", "secretRef": {"name": "x"}}, ["spec.secretRef"]),
        ("ImageRepository", {"provider": "aws"}, ["spec.provider: aws"]),
        ("ImageRepository", {"accessFrom": {}, "insecure": False, "serviceAccountName": ""}, []),
        ("ImagePolicy", {"imageRepositoryRef": {"name": "a", "namespace": "b"}},
         ["spec.imageRepositoryRef.namespace"]),
        ("ImagePolicy", {"policy": {"semver": {"range": "*"}}}, []),
        ("ImageUpdateAutomation", {"git": {"push": {"branch": "a", "refspec": "b"}}},
         ["spec.git.push.refspec"]),
        ("ImageUpdateAutomation", {"git": {"commit": {"signingKey": {"secretRef": {}}}}},
         ["spec.git.commit.signingKey"]),
        ("ImageUpdateAutomation", {"git": {"checkout": {"ref": {"tag": "v1"}}}},
         ["spec.git.checkout.ref.tag"]),
        ("Receiver", {"type": "github"}, ["spec.type: github"]),
        ("Receiver",
         {"resources": [{"kind": "Kustomization", "name": "a"},
                        {"kind": "GitRepository", "name": "b", "matchLabels": {"a": "b"}}]},
         ["spec.resources.kind: Kustomization", "spec.resources.matchLabels"]),
        ("Receiver", {"resourceFilter": "true", "events": ["push"]},
         ["spec.resourceFilter", "spec.events"]),
        ("GitRepository", {"url": "a", "proxySecretRef": {"name": "a"}}, ["spec.proxySecretRef"]),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_its_path(
    kind: str, spec: Mapping[str, Any], beyond: list[str]
) -> None:
    assert uncovered(spec, COVERED[kind]) == beyond
    if beyond:
        with pytest.raises(Stalled, match="unsupported"):
            require_covered(a(kind, spec))


def test_the_page_lists_exactly_what_is_covered() -> None:
    page = (PROJECT / "docs" / "understudy.md").read_text()
    told = {word for word in page.split("`") if word.startswith("spec.")}

    def paths(fields: Mapping[str, Any], where: str) -> Iterator[str]:
        for name, below in fields.items():
            if isinstance(below, Mapping):
                yield from paths(below, f"{where}.{name}")
            else:
                yield f"{where}.{name}"

    covered = {path for fields in COVERED.values() for path in paths(fields, "spec")}
    assert covered - told == set()
    assert told - covered == set()


def test_the_shipped_message_has_the_trailers_that_history_reads() -> None:
    [automation] = [one for one in SHIPPED if one["kind"] == "ImageUpdateAutomation"]
    commit = automation["spec"]["git"]["commit"]
    data = message.Data("flux-system", "x", commit["messageTemplateValues"], [Change("a", "b", "")])
    assert message.read(commit["messageTemplate"]).render(data) == (
        "Release hello to production\n\na -> b\n\nLab-Event: autorelease\nLab-App: hello\n"
        "Lab-Environment: production\nLab-By: flux\n"
    )


def test_the_marker_goes_behind_the_image_and_once() -> None:
    path = PROJECT / "config-repo-template" / image_automation.MARKED
    text = image_automation.marked(path.read_text())
    assert text.count(TOKEN) == 1
    assert image_automation.marked(text) == text
    images = {image_automation.POLICY: ImageRef("registry:5000/hello", "1.0.0")}
    [change] = edit(text, images).changes
    assert change.old.startswith("registry:5000/hello:")


# Statuses


def test_a_success_has_one_condition_and_the_generation() -> None:
    found = a("ImagePolicy", {}, metadata={"annotations": {objects.REQUESTED: "now"}})
    status = objects.succeeded(found, {"x": 1}, "fine")
    [ready] = status["conditions"]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "True", "Succeeded")
    assert ready["message"] == "fine"
    assert (status["observedGeneration"], status["x"]) == (3, 1)
    assert status["lastHandledReconcileAt"] == "now"


def test_a_failure_says_that_it_goes_on_and_a_stall_that_it_does_not() -> None:
    found = a("ImagePolicy", {}, status={"observedGeneration": 2, "latestRef": {"tag": "1"}})
    status = objects.failed(found, Failed("Why", "words", more=1))
    told = {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}
    assert told == {"Reconciling": ("True", "ProgressingWithRetry"), "Ready": ("False", "Why")}
    assert status["observedGeneration"] == 2
    assert (status["latestRef"], status["more"]) == ({"tag": "1"}, 1)
    status = objects.failed(found, Stalled("Why", "words"))
    told = {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}
    assert told == {"Stalled": ("True", "Why"), "Ready": ("False", "Why")}
    assert status["observedGeneration"] == 3


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    old = {"type": "Ready", "status": "True", "lastTransitionTime": "2019-06-27T10:00:00Z"}
    found = a("ImagePolicy", {}, status={"conditions": [old]})
    [ready] = objects.succeeded(found, {}, "m")["conditions"]
    assert ready["lastTransitionTime"] == "2019-06-27T10:00:00Z"
    assert objects.failed(found, Failed("a", "b"))["conditions"][1]["lastTransitionTime"] != (
        "2019-06-27T10:00:00Z"
    )


def test_a_patch_takes_away_what_went_away() -> None:
    old = {"a": 1, "b": {"c": 1, "d": 2}, "e": [1]}
    assert merge_patch(old, {"a": 1, "b": {"c": 3}, "e": [2]}) == {
        "b": {"c": 3, "d": None},
        "e": [2],
    }
    assert merge_patch(old, old) == {}
    assert merge_patch(old, {"b": {"c": 1, "d": 2}, "e": [1]}) == {"a": None}


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("1m30s", 90), ("1h", 3600), ("500ms", 0.5), ("1.5m", 90)]
)
def test_durations(text: str, seconds: float) -> None:
    assert objects.seconds(text) == seconds


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (None, True),
        ({}, True),
        ({"matchLabels": {"app": "hello"}}, True),
        ({"matchLabels": {"app": "hello", "x": "y"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "hello"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["hello"]}]}, False),
        ({"matchExpressions": [{"key": "no", "operator": "NotIn", "values": ["hello"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_selectors(wanted: Mapping[str, Any] | None, fits: bool) -> None:
    assert selector.selects(wanted, {"app": "hello"}) == fits


@pytest.mark.parametrize(
    "expression",
    [{"key": "a", "operator": "In"}, {"key": "a", "operator": "Gt", "values": ["1"]},
     {"key": "a", "operator": "Exists", "values": ["1"]}],
)  # fmt: skip
def test_a_selector_that_is_none_is_refused(expression: Mapping[str, Any]) -> None:
    with pytest.raises(selector.BadSelector):
        selector.selects({"matchExpressions": [expression]}, {})


# The receiver


def test_the_path_is_the_one_that_flux_computes() -> None:
    found = a("Receiver", {})
    wanted = hashlib.sha256(b"tokenhelloflux-system").hexdigest()
    assert webhook_path(b"token", found) == f"/hook/{wanted}"


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha512"])
def test_a_signature_by_the_token_is_right(name: str) -> None:
    right = f"{name}={hmac.new(b'token', b'body', name).hexdigest()}"
    assert signed(right, b"body", b"token")
    assert not signed(right, b"other", b"token")
    assert not signed(right, b"body", b"other")


@pytest.mark.parametrize("told", ["", "sha256=", "sha256", "md5=00", "sha256=é", "=="])
def test_any_other_is_not(told: str) -> None:
    assert not signed(told, b"body", b"token")


@pytest.fixture
def hooks() -> Iterator[tuple[int, list[tuple[str, str, bytes]]]]:
    seen: list[tuple[str, str, bytes]] = []

    def answer(path: str, signature: str, body: bytes) -> HTTPStatus:
        seen.append((path, signature, body))
        return HTTPStatus.OK

    server = web.serve_hooks(0, answer)
    yield server.server_address[1], seen
    server.shutdown()
    server.server_close()


def test_a_request_is_handed_on_whole(hooks: tuple[int, list[tuple[str, str, bytes]]]) -> None:
    port, seen = hooks
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/hook/x", body=json.dumps({}), headers={"X-Signature": "sha256=y"})
    assert connection.getresponse().status == HTTPStatus.OK
    connection.close()
    assert seen == [("/hook/x", "sha256=y", b"{}")]


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, HTTPStatus.NOT_IMPLEMENTED),
        ("POST", {"Content-Length": str(web.LARGEST + 1)}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        ("POST", {"Transfer-Encoding": "chunked"}, HTTPStatus.LENGTH_REQUIRED),
        ("POST", {"Content-Length": "-1"}, HTTPStatus.LENGTH_REQUIRED),
    ],
)
def test_any_other_request_is_not(
    hooks: tuple[int, list[tuple[str, str, bytes]]],
    method: str,
    headers: dict[str, str],
    status: HTTPStatus,
) -> None:
    port, seen = hooks
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, "/hook/x")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()
    assert seen == []


def test_health_is_told_and_readiness_waits() -> None:
    ready = False
    server = web.serve_health(0, lambda: ready)
    try:
        answers = []
        for path in ("/healthz", "/readyz"):
            connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1])
            connection.request("GET", path)
            answers.append(connection.getresponse().status)
            connection.close()
        assert answers == [HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE]
    finally:
        server.shutdown()
        server.server_close()
