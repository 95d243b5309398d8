"""One reconcile of each kind, on objects of an API server that is a dictionary."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import pytest

from labs.understudy import reflector as reflecting
from labs.understudy.api_server import ApiServer, Kind, Object
from labs.understudy.automation import Automation
from labs.understudy.images import Repository
from labs.understudy.objects import REQUESTED, Key, condition
from labs.understudy.receiver import Receivers
from labs.understudy.reflector import Reflector
from labs.understudy.setters import TOKEN
from tests.unit.gitrepos import git, new_server

NAMESPACE = "flux-system"
IMAGE = "registry:5000/hello"
TOKEN_BYTES = b"\xff\xfe no text"


class Cluster:
    """The objects of a namespace, by kind and name."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}

    def add(self, kind: str, name: str, spec: Mapping[str, Any], **more: Any) -> Object:
        meta = {"name": name, "namespace": NAMESPACE, "uid": name, "generation": 1}
        found = {"kind": kind, "metadata": {**meta, "resourceVersion": "1"}, "spec": dict(spec)}
        self.objects[kind, name] = {**found, **more}
        return self.objects[kind, name]

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self.objects.get((kind.kind, name))

    def patch(
        self, kind: Kind, namespace: str, name: str, change: Mapping[str, Any], part: str = ""
    ) -> None:
        self.objects[kind.kind, name] = merged(self.objects[kind.kind, name], change)

    def create(self, kind: Kind, namespace: str, body: Mapping[str, Any]) -> None:
        assert body["involvedObject"]["namespace"] == namespace


def merged(old: Mapping[str, Any], change: Mapping[str, Any]) -> Object:
    found = {**old}
    for key, value in change.items():
        found[key] = merged(found.get(key) or {}, value) if isinstance(value, Mapping) else value
    return {key: value for key, value in found.items() if value is not None}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def reflector(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Reflector:
    """A reflector whose registry has two tags."""

    def listed(place: Repository, timeout: float) -> list[str]:
        return ["1.0.0", "1.1.0"]

    monkeypatch.setattr(reflecting, "tags", listed)
    cluster.add("ImageRepository", "hello", {"image": IMAGE, "interval": "1m"})
    choice = {"semver": {"range": "*"}}
    cluster.add("ImagePolicy", "hello", {"imageRepositoryRef": {"name": "hello"}, "policy": choice})
    return Reflector(cast(ApiServer, cluster))


def run(part: Reflector | Automation | Receivers, cluster: Cluster, kind: str) -> float | None:
    """Reconcile the object of a kind, after a look at all that is there."""
    for found in cluster.objects.values():
        part.controller.store.put(found)
    return part.reconcile(Key(kind, NAMESPACE, "hello"))


def test_a_suspended_repository_is_not_scanned(reflector: Reflector, cluster: Cluster) -> None:
    repo = cluster.objects["ImageRepository", "hello"]
    repo["spec"]["suspend"] = True
    assert run(reflector, cluster, "ImageRepository") is None
    assert "status" not in cluster.objects["ImageRepository", "hello"]
    repo["spec"]["suspend"] = False
    assert run(reflector, cluster, "ImageRepository") == 60
    assert cluster.objects["ImageRepository", "hello"]["status"]["lastScanResult"]["tagCount"] == 2


def test_a_suspended_policy_keeps_its_last_choice_and_makes_no_other(
    reflector: Reflector, cluster: Cluster
) -> None:
    run(reflector, cluster, "ImageRepository")
    run(reflector, cluster, "ImagePolicy")
    policy = cluster.objects["ImagePolicy", "hello"]
    assert policy["status"]["latestRef"] == {"name": IMAGE, "tag": "1.1.0"}
    policy["spec"] |= {"suspend": True, "policy": {"semver": {"range": "1.0.x"}}}
    run(reflector, cluster, "ImagePolicy")
    assert cluster.objects["ImagePolicy", "hello"]["status"]["latestRef"]["tag"] == "1.1.0"
    del policy["spec"]["suspend"]
    run(reflector, cluster, "ImagePolicy")
    assert cluster.objects["ImagePolicy", "hello"]["status"]["latestRef"]["tag"] == "1.0.0"


@pytest.mark.parametrize("pattern", ["(?u)a", "a{4294967296}", r"\Z"])
def test_a_pattern_that_is_none_stalls_its_policy(
    pattern: str, reflector: Reflector, cluster: Cluster
) -> None:
    run(reflector, cluster, "ImageRepository")
    cluster.objects["ImagePolicy", "hello"]["spec"]["filterTags"] = {"pattern": pattern}
    assert run(reflector, cluster, "ImagePolicy") is None
    stalled = condition(cluster.objects["ImagePolicy", "hello"], "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "InvalidPolicy")


def test_what_nobody_foresaw_is_a_failure_that_the_object_tells(
    reflector: Reflector, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*told: object) -> str:
        raise ZeroDivisionError("by nought")

    run(reflector, cluster, "ImageRepository")
    monkeypatch.setattr(reflecting, "latest", broken)
    with pytest.raises(ZeroDivisionError):  # for the controller, which tries again
        run(reflector, cluster, "ImagePolicy")
    ready = condition(cluster.objects["ImagePolicy", "hello"], "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Bug")
    assert "by nought" in ready["message"]


def receivers(cluster: Cluster, token: bytes) -> Receivers:
    """Return the receivers, one of which is initialized."""
    data = {"token": base64.b64encode(token).decode()}
    cluster.add("Secret", "webhook-token", {}, data=data)
    cluster.add("GitRepository", "flux-system", {})
    wanted = [{"kind": "GitRepository", "name": "flux-system"}]
    secret = {"name": "webhook-token"}
    spec = {"type": "generic-hmac", "secretRef": secret, "resources": wanted}
    cluster.add("Receiver", "hello", spec)
    made = Receivers(cast(ApiServer, cluster))
    assert run(made, cluster, "Receiver") == 600
    made.controller.store.put(cluster.objects["Receiver", "hello"])
    return made


@pytest.mark.parametrize("token", [b"words", TOKEN_BYTES], ids=["text", "bytes"])
def test_a_receiver_answers_whoever_signs_with_its_token(token: bytes, cluster: Cluster) -> None:
    made = receivers(cluster, token)
    path = cluster.objects["Receiver", "hello"]["status"]["webhookPath"]
    assert path == f"/hook/{hashlib.sha256(token + b'helloflux-system').hexdigest()}"
    right = f"sha256={hmac.new(token, b'body', hashlib.sha256).hexdigest()}"
    assert made.answer(path, right, b"other") == HTTPStatus.BAD_REQUEST
    assert "annotations" not in cluster.objects["GitRepository", "flux-system"]["metadata"]
    assert made.answer(path, right, b"body") == HTTPStatus.OK
    assert REQUESTED in cluster.objects["GitRepository", "flux-system"]["metadata"]["annotations"]


def test_a_suspended_receiver_answers_503_and_asks_for_nothing(cluster: Cluster) -> None:
    made = receivers(cluster, b"words")
    found = cluster.objects["Receiver", "hello"]
    found["spec"]["suspend"] = True
    right = f"sha256={hmac.new(b'words', b'body', hashlib.sha256).hexdigest()}"
    path = found["status"]["webhookPath"]
    assert made.answer(path, right, b"body") == HTTPStatus.SERVICE_UNAVAILABLE
    assert "annotations" not in cluster.objects["GitRepository", "flux-system"]["metadata"]


def test_a_token_that_cannot_be_read_is_told(cluster: Cluster) -> None:
    made = receivers(cluster, b"words")
    path = cluster.objects["Receiver", "hello"]["status"]["webhookPath"]
    cluster.objects["Secret", "webhook-token"]["data"]["token"] = "a"
    assert made.answer(path, "sha256=00", b"body") == HTTPStatus.BAD_REQUEST


def automation(cluster: Cluster, folder: Path, **spec: Any) -> tuple[Automation, Path]:
    """Return an automation that has a version to write, and the Git server that it writes to."""
    text = f'kind: List\nimage: {IMAGE}:1.0.0 # {{{TOKEN}: "{NAMESPACE}:hello"}}\n'
    server = new_server(folder / "server", {"app.yaml": text})
    clones = folder / "clones"
    clones.mkdir()
    address = "http://git.invalid/config.git"
    (clones / ".gitconfig").write_text(f'[url "{server}"]\n\tinsteadOf = {address}\n')
    chosen = {"latestRef": {"name": IMAGE, "tag": "1.1.0"}}
    cluster.add("ImagePolicy", "hello", {}, status=chosen)
    source = {"kind": "GitRepository", "name": "config"}
    cluster.add("GitRepository", "config", {"url": address, "ref": {"branch": "main"}})
    commit = {"author": {"email": "flux@hackfest.local"}, "messageTemplate": "Release"}
    told = {"sourceRef": source, "interval": "1m", "git": {"commit": commit, **spec}}
    cluster.add("ImageUpdateAutomation", "hello", told)
    return Automation(cast(ApiServer, cluster), clones), server


def test_an_automation_pushes_to_the_branch_that_it_read(cluster: Cluster, tmp_path: Path) -> None:
    made, server = automation(cluster, tmp_path)
    assert run(made, cluster, "ImageUpdateAutomation") == 60
    assert "1.1.0" in git("show", "main:app.yaml", cwd=server)
    assert git("for-each-ref", "--format=%(refname)", cwd=server) == "refs/heads/main"


def test_another_branch_to_push_to_grows_from_the_one_that_is_read(
    cluster: Cluster, tmp_path: Path
) -> None:
    made, server = automation(cluster, tmp_path, push={"branch": "proposed"})
    began = git("rev-parse", "main", cwd=server)
    assert run(made, cluster, "ImageUpdateAutomation") == 60
    assert git("rev-parse", "main", "proposed^", cwd=server).split() == [began, began]
    assert "1.1.0" in git("show", "proposed:app.yaml", cwd=server)
    status = cluster.objects["ImageUpdateAutomation", "hello"]["status"]
    assert status["observedSourceRevision"] == f"main@sha1:{began}"
    assert status["lastPushCommit"] == git("rev-parse", "proposed", cwd=server)
    assert run(made, cluster, "ImageUpdateAutomation") == 60  # what is proposed is proposed once
    assert git("rev-list", "--count", "proposed", cwd=server) == "2"
    chosen = cluster.objects["ImagePolicy", "hello"]["status"]["latestRef"]
    chosen["tag"] = "1.2.0"
    run(made, cluster, "ImageUpdateAutomation")
    assert "1.2.0" in git("show", "proposed:app.yaml", cwd=server)
    assert git("rev-list", "--count", "proposed", cwd=server) == "3"
    assert git("rev-parse", "main", cwd=server) == began


def test_another_branch_can_be_read(cluster: Cluster, tmp_path: Path) -> None:
    made, server = automation(cluster, tmp_path, checkout={"ref": {"branch": "next"}})
    git("branch", "next", "main", cwd=server)
    run(made, cluster, "ImageUpdateAutomation")
    assert "1.1.0" in git("show", "next:app.yaml", cwd=server)
    assert "1.0.0" in git("show", "main:app.yaml", cwd=server)
