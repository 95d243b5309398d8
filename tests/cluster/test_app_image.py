"""The sample app as its image, and rolled in the cluster while people ask it.

Every request goes to a port on 127.0.0.1; their number and their time are bounded.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from labs.instance import PROJECT, Instance
from labs.platform import kubernetes
from labs.platform.loopback import wait_for_http
from labs.run import CommandFailed, run
from labs.wait import NotYet, wait_for
from scripts.supply import api as supply

IMAGE = "registry:5000/hello:0.9.0"
TEMPLATE = PROJECT / "config-repo-template"
NAMESPACE = "production"
LOCKED_DOWN = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
ROLLOUTS = 4
ASKERS = 4
PAUSE = 0.05
"""Seconds between two requests of one asker: a crowd, not a flood."""
MOST_REQUESTS = 5000


# --- the image ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image(instance: Instance) -> dict[str, Any]:
    """What the engine knows of the image."""
    supply.load(IMAGE)
    [told] = json.loads(run("docker", "image", "inspect", IMAGE))
    return dict(told["Config"])


def test_the_image_says_what_it_is(image: dict[str, Any]) -> None:
    labels = image["Labels"]
    assert labels["org.opencontainers.image.version"] == "0.9.0"
    for name in ("revision", "created", "source"):
        assert labels[f"org.opencontainers.image.{name}"], name
    assert image["User"] == "65532:65532"


@pytest.fixture
def container(image: dict[str, Any], instance: Instance) -> Iterator[str]:
    """The app in a container that may do nothing, on a free port of this machine."""
    name = instance.container("app-image-test")
    labels = [f"--label={key}={value}" for key, value in instance.labels.items()]
    run(
        *("docker", "run", "--detach", f"--name={name}", *labels, *LOCKED_DOWN),
        *("--publish=127.0.0.1::8080", "--env=GREETING=Servus", "--env=DRAIN_SECONDS=1", IMAGE),
    )
    yield name
    run("docker", "rm", "--force", name)


def test_the_image_runs_without_rights_and_ends_cleanly(
    container: str, image: dict[str, Any]
) -> None:
    port = run("docker", "port", container, "8080/tcp").split()[0].rpartition(":")[2]

    facts = first_answer(int(port))
    labels = image["Labels"]
    assert (facts["version"], facts["greeting"]) == ("0.9.0", "Servus")
    assert facts["commit"] == labels["org.opencontainers.image.revision"]
    assert facts["built"] == labels["org.opencontainers.image.created"]
    run("docker", "stop", "--time=20", container)
    [state] = json.loads(run("docker", "inspect", container))
    assert state["State"]["ExitCode"] == 0
    assert "everything that was asked is answered" in run("docker", "logs", container)


def test_an_image_is_not_built_under_another_versions_name(image: dict[str, Any]) -> None:
    # The image itself is a base that has every package: so this build needs no network either.
    with pytest.raises(CommandFailed, match=r"says 0\.9\.0; expected: 9\.9\.9") as refused:
        run(
            *("docker", "build", "--network=none", "--force-rm"),
            *(f"--build-arg=BASE={IMAGE}", "--build-arg=VERSION=9.9.9", PROJECT / "sample-app"),
        )
    # Docker's older builder leaves what it had when it failed.
    for left in re.findall(r"^ ---> ([0-9a-f]{12})$", refused.value.stdout, re.MULTILINE)[-1:]:
        run("docker", "image", "rm", left)


# --- the config repo, judged by the API server ----------------------------------------------------


@pytest.mark.parametrize("folder", ["apps/base/hello", "apps/production"])
def test_every_manifest_builds(instance: Instance, folder: str) -> None:
    assert "kind: Deployment" in run(supply.tool("kubectl"), "kustomize", TEMPLATE / folder)


@pytest.fixture(scope="module")
def deployed(instance: Instance) -> Iterator[Instance]:
    """The app of the config repo in the cluster: as Flux has put it there, or put there for now."""
    cluster = kubernetes.api(instance)
    found = cluster.get("apps/v1", "Deployment", "hello", NAMESPACE)
    if found is None:
        apply(instance, TEMPLATE / "apps/production")
    rolled_out(instance)
    # A pod is ready before kube-proxy, which writes its rules at most once a second, sends to it.
    first_answer(instance.port("app"))
    yield instance
    if found is None:
        cluster.delete("v1", "Namespace", NAMESPACE)

        def gone() -> None:
            if cluster.get("v1", "Namespace", NAMESPACE):
                raise NotYet(f"namespace {NAMESPACE} is there")

        wait_for(gone, what="no namespace", timeout=120)


def test_the_api_server_accepts_every_field(deployed: Instance) -> None:
    """Every object, with unknown fields refused; the namespace's pod security applies, too."""
    said = apply(deployed, TEMPLATE / "apps/production", "--dry-run=server")
    assert said.count("(server dry run)") == 3
    assert "Warning" not in said


def test_the_pods_may_do_nothing(deployed: Instance) -> None:
    pods = kubernetes.api(deployed).list("v1", "Pod", NAMESPACE, "app.kubernetes.io/name=hello")
    assert len(pods) == 2
    for pod in pods:
        [container] = pod["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["automountServiceAccountToken"] is False


# --- a rollout that nobody notices ----------------------------------------------------------------


class Askers:
    """People who ask the app while it is rolled: by new connections, and by one that is kept."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.stop = threading.Event()
        self.failures: list[str] = []
        self.pods: set[str] = set()
        self.asked = 0
        self.lock = threading.Lock()
        works = [self.by_new_connections] * (ASKERS - 1) + [self.by_one_connection]
        self.threads = [threading.Thread(target=self.keep_asking, args=(work,)) for work in works]

    def __enter__(self) -> Askers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(timeout=30)

    def keep_asking(self, work: Callable[[], Generator[str, None, None]]) -> None:
        with contextlib.closing(work()) as outcomes:
            for outcome in outcomes:
                with self.lock:
                    self.asked += 1
                    if outcome.startswith("failed"):
                        self.failures.append(outcome)
                    else:
                        self.pods.add(outcome)
                if self.asked >= MOST_REQUESTS or self.stop.wait(PAUSE):
                    return

    def by_new_connections(self) -> Generator[str, None, None]:
        while True:
            try:
                yield ask(self.port)["pod"]
            except (OSError, http.client.HTTPException) as reason:
                yield f"failed at {time.strftime('%X')}: {reason!r}"

    def by_one_connection(self) -> Generator[str, None, None]:
        """A client that keeps its connection until the server asks it to open a new one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            while True:
                try:
                    connection.request("GET", "/")
                    answer = connection.getresponse()
                    answer.read()
                    yield f"failed: code {answer.status}" if answer.status != 200 else "the page"
                except (OSError, http.client.HTTPException) as reason:
                    connection.close()
                    yield f"failed on a kept connection at {time.strftime('%X')}: {reason!r}"


def test_rollouts_drop_no_request(deployed: Instance, output: Path) -> None:
    cluster = kubernetes.api(deployed)
    start = time.monotonic()
    with Askers(deployed.port("app")) as askers:
        for number in range(ROLLOUTS):
            # Not as kubectl would write it: Flux takes away what kubectl adds.
            mark = {"gitops-hackfest/rolled": f"{number} {time.time_ns()}"}
            change = {"spec": {"template": {"metadata": {"annotations": mark}}}}
            cluster.patch("apps/v1", "Deployment", "hello", change, NAMESPACE)
            rolled_out(deployed)
    seconds = time.monotonic() - start
    (output / "rollouts.json").write_text(
        json.dumps(
            {
                "rollouts": ROLLOUTS,
                "requests": askers.asked,
                "failed": askers.failures,
                "seconds": round(seconds, 1),
            },
            indent=2,
        )
    )
    assert askers.failures == []
    assert askers.asked > 20 * ROLLOUTS
    # "the page" and, at least, the first pods and the two of each rollout.
    assert len(askers.pods) > 2 * ROLLOUTS


# --- what the tests share -------------------------------------------------------------------------


def ask(port: int) -> dict[str, Any]:
    """Return the app's facts, over a new connection."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=10) as answer:
        return dict(json.load(answer))


def first_answer(port: int) -> dict[str, Any]:
    """Return the facts of an app that has just begun, as soon as it can be asked."""
    url = f"http://127.0.0.1:{port}/api"
    return dict(json.loads(wait_for_http(url, what="an answer of the app").body))


def apply(instance: Instance, folder: Path, *options: str) -> str:
    return run(
        *(supply.tool("kubectl"), "--kubeconfig", instance.kubeconfig, "apply", "--server-side"),
        *("--field-manager=app-test", "--force-conflicts", "--validate=strict", *options),
        *("--kustomize", folder),
    )


def rolled_out(instance: Instance) -> None:
    """Wait until only the newest pods of the app are there, and all of them are ready."""
    cluster = kubernetes.api(instance)

    def done() -> None:
        deployment = cluster.get("apps/v1", "Deployment", "hello", NAMESPACE)
        if deployment is None:
            raise NotYet("no Deployment hello")
        wanted, status = deployment["spec"]["replicas"], deployment.get("status", {})
        counts = [status.get(f"{what}Replicas", 0) for what in ("updated", "available")]
        pods = cluster.list("v1", "Pod", NAMESPACE, "app.kubernetes.io/name=hello")
        seen = f"{counts[0]} updated, {counts[1]} available of {wanted}, {len(pods)} pods"
        if status.get("observedGeneration") != deployment["metadata"]["generation"]:
            raise NotYet(f"{seen}, of an earlier generation")
        if [*counts, len(pods)] != [wanted] * 3:
            raise NotYet(seen)

    wait_for(done, what="the app rolled out, its old pods ended", timeout=120)
