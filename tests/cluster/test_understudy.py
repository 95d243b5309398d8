"""Image automation on a real cluster: from an image in the registry to a commit by Flux, live.

Where Flux's own controllers can be had, the same tests are theirs; what is the understudy's alone
(its refusals, its service accounts, its memory) is tested where it runs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from labs.gitops import image_automation, instances
from labs.gitops.commits import Message
from labs.gitops.config_repo import attendees
from labs.gitops.image_automation import RECEIVER as RECEIVER_NAME
from labs.gitops.image_automation.connection import NOTIFICATION_API
from labs.instance import Instance
from labs.platform import docker, flux, kind, kubernetes, objects, registry
from labs.platform.api_errors import Refused
from labs.platform.objects import Object
from labs.run import run
from labs.understudy.api_server import (
    GIT_REPOSITORY,
    IMAGE_POLICY,
    IMAGE_REPOSITORY,
    IMAGE_UPDATE_AUTOMATION,
    RECEIVER,
    SECRET,
    ApiRefused,
    ApiServer,
    Kind,
)
from labs.wait import NotYet
from scripts.supply import api as supply
from tests.cluster.automation import (
    AUTOMATION,
    IMAGE,
    RULES,
    bring_back,
    chosen,
    committed,
    condition,
    deployed,
    get,
    live,
    newer_versions,
    push_image,
    until,
    write,
)

MEMORY = 80 * 2**20
"""Bytes that the three processes may take together."""


@pytest.fixture(scope="module")
def lab(instance: Instance) -> Iterator[Instance]:
    """The lab with Flux, the config repo connected, and image automation installed through Git."""
    instances.create(instance, instances.DEFAULT)
    run("bash", "-c", f"set -euo pipefail; {instances.command(instance)}", timeout=300)
    image_automation.ensure_secrets(instance)
    repo, folder = attendees(instance), instances.folder(instance)
    before = repo.fetch().sha
    if repo.propose(lambda draft: image_automation.install(draft, folder)):
        write(instance, "Automate", lambda draft: image_automation.install(draft, folder))
    for name in image_automation.COMPONENTS:
        until(partial(deployed, instance, name), f"{name} to run")
    # Its Kustomization comes after the controllers'.
    until(partial(get, instance, "Receiver", RECEIVER_NAME, NOTIFICATION_API), "the receiver")
    # It may have tried without its Secret, and be waiting to try again.
    flux.reconcile(kubernetes.api(instance), NOTIFICATION_API, "Receiver", RECEIVER_NAME)
    until(partial(receiver_ready, instance), "the receiver to be ready")
    yield instance
    bring_back(instance, before)


def receiver_ready(lab: Instance) -> None:
    status, said = objects.condition(get(lab, "Receiver", RECEIVER_NAME, NOTIFICATION_API), "Ready")
    if status != "True":
        raise NotYet(said)


@pytest.fixture(scope="module")
def versions(lab: Instance) -> tuple[str, str]:
    return newer_versions(lab)


def test_a_new_image_is_scanned_chosen_committed_and_applied(
    lab: Instance, versions: tuple[str, str], record_property: Callable[[str, object], None]
) -> None:
    repo, version = attendees(lab), versions[0]
    until(lambda: condition(lab, "ImageRepository", "hello", "True", "successful scan"), "a scan")
    push_image(lab, version)
    start = time.monotonic()
    policy = until(lambda: chosen(lab, version), f"the policy to choose {version}")
    times = {"chosen": time.monotonic() - start}
    commit = until(lambda: committed(repo, version), f"a commit of {version}")
    times["committed"] = time.monotonic() - start
    until(lambda: live(lab, version), f"{version} in the cluster")
    times["live"] = time.monotonic() - start
    print({name: round(seconds, 1) for name, seconds in times.items()})
    record_property("seconds", times)

    assert policy["status"]["latestRef"] == {"name": "registry:5000/hello", "tag": version}
    scan = get(lab, "ImageRepository", "hello")["status"]
    assert scan["canonicalImageName"] == "registry:5000/hello"
    tags = registry.tags(lab, "hello")
    assert scan["lastScanResult"]["latestTags"] == sorted(tags, reverse=True)[:10]
    assert scan["lastScanResult"]["tagCount"] == len(tags)
    assert (commit.author.name, commit.author.mail) == ("Flux", "flux@hackfest.local")
    assert commit.trailers["Lab-Event"] == "autorelease"
    assert commit.trailers["Lab-App"] == "hello"
    before = repo.read(image_automation.MARKED, f"{commit.sha}~")
    changed = [line for line in repo.diff(f"{commit.sha}~", commit.sha).splitlines()
               if line.startswith(("+ ", "- "))]  # fmt: skip
    assert [line.split("#")[0].split()[-1] for line in changed] == [
        *re.findall(r"image: (\S+)", before),
        f"registry:5000/hello:{version}",
    ]
    status = until(
        lambda: condition(lab, "ImageUpdateAutomation", AUTOMATION, "True", "up-to-date"), "peace"
    )["status"]
    assert status["lastPushCommit"] == commit.sha
    assert status["observedPolicies"] == {
        AUTOMATION: {"name": "registry:5000/hello", "tag": version}
    }


def test_flux_shows_and_reconciles_them(lab: Instance, versions: tuple[str, str]) -> None:
    shown = run("flux", "get", "images", "all")
    for words in ("successful scan", f"resolved to {versions[0]}", "repository up-to-date"):
        assert words in shown
    for what, name in (("repository", "hello"), ("update", AUTOMATION)):
        run("flux", "reconcile", "image", what, name, "--timeout=60s", timeout=90)
    run("flux", "check", timeout=120)


def test_the_api_server_validates_what_it_would_under_flux(lab: Instance) -> None:
    wrong = {"imageRepositoryRef": {"name": "hello"}, "policy": {"numerical": {"order": "up"}}}
    with pytest.raises(Refused, match="numerical"):
        kubernetes.api(lab).apply(an("ImagePolicy", "wrong", wrong))


def an(what: str, name: str, spec: dict[str, Any]) -> Object:
    meta = {"name": name, "namespace": flux.NAMESPACE}
    return {"apiVersion": IMAGE, "kind": what, "metadata": meta, "spec": spec}


def test_a_digest_is_reflected(lab: Instance) -> None:
    spec = {
        "imageRepositoryRef": {"name": "hello"},
        "policy": {"semver": {"range": "0.9.0"}},
        "digestReflectionPolicy": "IfNotPresent",
    }
    cluster = kubernetes.api(lab)
    cluster.apply(an("ImagePolicy", "pinned", spec))
    told = registry.digest(lab, "hello", "0.9.0")
    found = until(
        lambda: condition(lab, "ImagePolicy", "pinned", "True", f"with digest {told}"), "a digest"
    )
    assert found["status"]["latestRef"]["digest"] == told
    cluster.delete(IMAGE, "ImagePolicy", "pinned", flux.NAMESPACE)


def test_a_suspended_automation_rests_and_a_refused_push_is_told(
    lab: Instance, versions: tuple[str, str]
) -> None:
    old, new = versions
    path, repo = RULES, attendees(lab)
    write(lab, "Pin", lambda draft: draft.replace(path, "suspend: false", "suspend: true"))

    def suspended() -> None:
        if not get(lab, "ImageUpdateAutomation", AUTOMATION)["spec"].get("suspend"):
            raise NotYet("not suspended yet")

    until(suspended, "the suspension to be applied")
    push_image(lab, new)
    until(lambda: chosen(lab, new), f"the policy to choose {new}")

    # Another bot, whose commits bear a stranger's name: the Git server refuses them.
    spec = dict(get(lab, "ImageUpdateAutomation", AUTOMATION)["spec"])
    author = {"name": "Stranger", "email": "stranger@hackfest.local"}
    spec |= {"suspend": False, "git": {"commit": {"author": author}}}
    kubernetes.api(lab).apply(an("ImageUpdateAutomation", "stranger", spec))
    until(
        lambda: condition(lab, "ImageUpdateAutomation", "stranger", "False", "stranger@"),
        "the refusal in the status",
    )
    assert f"hello:{old} #" in repo.read(image_automation.MARKED, repo.fetch().sha)
    kubernetes.api(lab).delete(IMAGE, "ImageUpdateAutomation", "stranger", flux.NAMESPACE)

    write(lab, "Go on", lambda draft: draft.replace(path, "suspend: true", "suspend: false"))
    commit = until(lambda: committed(repo, new), f"a commit of {new}")
    assert commit.author.mail == "flux@hackfest.local"


# The receiver


def post(lab: Instance, path: str, body: str, signature: str) -> int:
    """Send a request from the Git server's container; return the status of the answer."""
    address = image_automation.webhook_address(lab).partition("/hook/")[0] + path
    script = (
        "import sys, urllib.request, urllib.error\n"
        "address, body, signature = sys.argv[1:]\n"
        "request = urllib.request.Request(address, body.encode(), {'X-Signature': signature})\n"
        "try: print(urllib.request.urlopen(request, timeout=20).status)\n"
        "except urllib.error.HTTPError as refused: print(refused.code)\n"
    )
    words = ("python3", "-c", script, address, body, signature)
    return int(run("docker", "exec", lab.container("git"), *words))


def asked(lab: Instance) -> str:
    source = get(lab, "GitRepository", flux.SOURCE, flux.SOURCE_API)
    return str(source["metadata"].get("annotations", {}).get("reconcile.fluxcd.io/requestedAt"))


def test_a_signed_request_makes_flux_look_and_no_other_does(lab: Instance) -> None:
    path, body = image_automation.webhook_path(lab), '{"ref": "refs/heads/main"}'
    token = image_automation.webhook_token(lab)
    right = "sha256=" + hmac.new(token.encode(), body.encode(), hashlib.sha256).hexdigest()
    receiver = get(lab, "Receiver", RECEIVER_NAME, NOTIFICATION_API)
    assert receiver["status"]["webhookPath"] == path
    before = asked(lab)
    for told, status in ((path, 400), ("/hook/" + "0" * 64, 404)):
        wrong = right if status == 404 else "sha256=" + "0" * 64
        assert post(lab, told, body, wrong) == status
    assert post(lab, path, body + " ", right) == 400
    assert asked(lab) == before

    commit = (
        attendees(lab)
        .write(
            Message("Greet"),
            lambda draft: draft.write(
                image_automation.MARKED,
                re.sub(
                    r"(name: GREETING\n\s*value: ).*",
                    r"\1Hello at once",
                    draft.read(image_automation.MARKED),
                ),
            ),
        )
        .commit
    )
    assert post(lab, path, body, right) == 200
    after = asked(lab)
    assert after != before

    def handled() -> None:
        source = get(lab, "GitRepository", flux.SOURCE, flux.SOURCE_API)
        if source["status"].get("lastHandledReconcileAt") != after:
            raise NotYet("Flux has not looked yet")
        if flux.fetched(source) != commit.sha:
            raise NotYet(f"fetched {flux.fetched(source)[:7]}")

    until(handled, "Flux to look")


# The understudy's own


def account(lab: Instance, part: str, folder: Path) -> ApiServer:
    """Return the API server as one of the understudy's service accounts, by a real token."""
    told = json.loads(run("kubectl", "config", "view", "--raw", "--minify", "--output=json"))
    cluster = told["clusters"][0]["cluster"]
    (folder / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    token = run("kubectl", "--namespace", NS, "create", "token", f"understudy-{part}")
    (folder / "token").write_text(token)
    server = urlsplit(cluster["server"])
    return ApiServer(
        str(server.hostname), int(server.port or 443), folder / "token", folder / "ca.crt"
    )


PODS = Kind("v1", "Pod", "pods")
DEPLOYMENTS = Kind("apps/v1", "Deployment", "deployments")
KUSTOMIZATIONS = Kind("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "kustomizations")
ASK = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "test"}}}
PRUNE = {"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/prune": "x"}}}
NS = flux.NAMESPACE
REST = {"spec": {"suspend": True}}
Attempt = Callable[[ApiServer], object]
ATTEMPTS: dict[str, Attempt] = {
    "receiver reads the bot's password": lambda api: api.get(SECRET, NS, "flux-writer"),
    "receiver lists secrets": lambda api: api.list(SECRET),
    "receiver lists pods": lambda api: api.list(PODS),
    "receiver reads a source": lambda api: api.get(GIT_REPOSITORY, NS, "config"),
    "receiver moves a source": lambda api: api.patch(
        GIT_REPOSITORY, NS, "config", {"spec": {"url": "http://evil/config.git"}}
    ),
    "receiver annotates": lambda api: api.patch(GIT_REPOSITORY, NS, "config", PRUNE),
    "receiver labels": lambda api: api.patch(
        GIT_REPOSITORY, NS, "config", {"metadata": {"labels": {"a": "b"}}}
    ),
    "receiver takes an annotation away": lambda api: api.patch(
        GIT_REPOSITORY,
        NS,
        "config",
        {"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/prune": None}}},
    ),
    "receiver stops a scan": lambda api: api.patch(IMAGE_REPOSITORY, NS, "hello", REST),
    "receiver asks another kind": lambda api: api.patch(KUSTOMIZATIONS, NS, "apps", ASK),
    "receiver asks elsewhere": lambda api: api.patch(GIT_REPOSITORY, "production", "x", ASK),
    "receiver takes a source away": lambda api: api.patch(
        GIT_REPOSITORY, NS, "config", {"metadata": {"finalizers": [], "ownerReferences": []}}
    ),
    "receiver makes a source": lambda api: api.create(
        GIT_REPOSITORY, NS, {"metadata": {"name": "mine"}, "spec": {"url": "http://evil/x.git"}}
    ),
    "receiver changes its own receiver": lambda api: api.patch(RECEIVER, NS, "git-server", REST),
    "receiver writes a status": lambda api: api.patch(
        GIT_REPOSITORY, NS, "config", {"status": {}}, "status"
    ),
    "automation reads the token": lambda api: api.get(SECRET, NS, "webhook-token"),
    "automation lists secrets": lambda api: api.list(SECRET),
    "automation stops a source": lambda api: api.patch(GIT_REPOSITORY, NS, "config", REST),
    "automation changes itself": lambda api: api.patch(
        IMAGE_UPDATE_AUTOMATION, NS, AUTOMATION, REST
    ),
    "automation deploys": lambda api: api.create(DEPLOYMENTS, NS, {}),
    "reflector reads a secret": lambda api: api.get(SECRET, NS, "flux-writer"),
    "reflector changes a policy": lambda api: api.patch(IMAGE_POLICY, NS, AUTOMATION, REST),
    "reflector reads a source": lambda api: api.get(GIT_REPOSITORY, NS, "config"),
    "reflector lists deployments": lambda api: api.list(DEPLOYMENTS),
}
"""What each service account tries, with its own token, and may not."""


class TestTheUnderstudyAlone:
    """What is the understudy's own: its refusals, its service accounts, its memory."""

    __test__ = supply.understudy()

    def test_what_is_not_covered_is_refused_in_the_status(self, lab: Instance) -> None:
        spec = {"image": "registry:5000/hello", "interval": "1m", "secretRef": {"name": "x"}}
        cluster = kubernetes.api(lab)
        cluster.apply(an("ImageRepository", "odd", spec))
        found = until(
            lambda: condition(lab, "ImageRepository", "odd", "False", "spec.secretRef"),
            "the refusal",
        )
        assert objects.condition(found, "Stalled")[0] == "True"
        cluster.delete(IMAGE, "ImageRepository", "odd", flux.NAMESPACE)

    @pytest.mark.parametrize("attempt", list(ATTEMPTS))
    def test_a_service_account_may_do_its_work_alone(
        self, lab: Instance, tmp_path: Path, attempt: str
    ) -> None:
        with pytest.raises(ApiRefused) as refused:
            ATTEMPTS[attempt](account(lab, attempt.split()[0], tmp_path))
        assert refused.value.status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY)
        words = ("forbidden", "the receiver may")
        assert any(word in str(refused.value) for word in words), str(refused.value)

    def test_the_receiver_may_ask(self, lab: Instance, tmp_path: Path) -> None:
        api = account(lab, "receiver", tmp_path)
        api.patch(GIT_REPOSITORY, NS, "config", ASK)
        api.patch(IMAGE_REPOSITORY, NS, "hello", ASK)
        assert asked(lab) == "test"

    def test_the_three_take_little_memory(
        self, lab: Instance, record_property: Callable[[str, object], None]
    ) -> None:
        node = kind.node(lab)
        stats = json.loads(
            run("kubectl", "get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary")
        )
        used = {
            pod["podRef"]["name"].rsplit("-", 2)[0]: int(pod["memory"]["workingSetBytes"])
            for pod in stats["pods"]
            if "memory" in pod  # one that has just come has none yet
        }
        ours = {name: used[name] for name in image_automation.COMPONENTS}
        print({name: f"{size / 2**20:.1f} MiB" for name, size in ours.items()})
        record_property("bytes", ours)
        assert sum(ours.values()) < MEMORY

    def test_it_says_what_it_does_as_flux_does(
        self, lab: Instance, versions: tuple[str, str]
    ) -> None:
        logs = run("flux", "logs", "--kind=ImagePolicy", "--since=1h", timeout=60)
        assert f"resolved to {versions[1]}" in logs
        events = run("flux", "events", "--for", f"ImageUpdateAutomation/{AUTOMATION}")
        assert "pushed commit" in events
        assert docker.state(kind.node(lab)) == "running"
