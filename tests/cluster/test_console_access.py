"""What the console's service account may do: read, ask Flux to look now, and nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from labs.console.seat import seat
from labs.instance import Instance
from labs.platform import ci, console, flux, kubernetes
from labs.platform.credentials import basic, credentials
from labs.run import CommandFailed, run
from scripts import bench_console
from scripts.supply import api as supply
from tests.beside import ended
from tests.cluster.connected import connect

Kubectl = Callable[..., str]
SOURCE = "gitrepository/config"
ASKED = "reconcile.fluxcd.io/requestedAt"
POLICY = "console-only-asks"
REFUSED = (
    ("get", "secrets", "--all-namespaces"),
    ("get", "secret", "lab-console", "--namespace=kube-system"),
    ("get", "configmaps", "--all-namespaces"),
    ("create", "namespace", "of-the-console"),
    ("delete", "namespace", "production"),
    ("delete", "pod", "--all", "--namespace=production"),
    ("scale", "deployment/hello", "--replicas=0", "--namespace=production"),
    ("set", "image", "deployment/hello", "hello=registry:5000/hello:0", "--namespace=production"),
    ("run", "shell", "--image=registry:5000/hello:0.9.0", "--namespace=production"),
    ("delete", SOURCE, "--namespace=flux-system"),
    ("get", "pods", "--as=kubernetes-admin"),
    ("create", "token", "lab-console", "--namespace=kube-system"),
    ("delete", "validatingadmissionpolicybinding", POLICY),
)
"""What somebody would try who has the console's key, each by kubectl's own words."""
ROOT = "kustomization/cluster"
CHANGES = (
    (SOURCE, '{"spec":{"url":"http://evil.example/config.git"}}'),
    (ROOT, '{"spec":{"path":"./evil"}}'),
    *(
        (found, change)
        for found in (SOURCE, ROOT)
        for change in (
            '{"spec":{"suspend":true}}',
            '{"metadata":{"annotations":{"other":"1"}}}',
            '{"metadata":{"labels":{"other":"1"}}}',
            '{"metadata":{"finalizers":["of.the/console"]}}',
        )
    ),
)


@pytest.fixture(scope="module")
def lab(instance: Instance) -> Instance:
    connect(instance)
    return instance


@pytest.fixture(scope="module")
def kubectl(lab: Instance) -> Kubectl:
    """kubectl with the console's own kubeconfig."""
    kubeconfig = seat(lab).kubeconfig
    return lambda *words: run(
        supply.tool("kubectl"), *words, env={"KUBECONFIG": str(kubeconfig)}, timeout=30
    )


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_is_not_its_business_is_refused(kubectl: Kubectl, words: tuple[str, ...]) -> None:
    with pytest.raises(CommandFailed, match=r"[Ff]orbidden"):
        kubectl(*words)


@pytest.mark.parametrize(("found", "change"), CHANGES)
def test_it_may_not_change_what_flux_reads(kubectl: Kubectl, found: str, change: str) -> None:
    with pytest.raises(CommandFailed, match=POLICY):
        kubectl("patch", found, "--namespace=flux-system", "--type=merge", f"--patch={change}")


def test_it_may_ask_flux_to_look_now(lab: Instance, kubectl: Kubectl) -> None:
    kubectl("annotate", SOURCE, "--namespace=flux-system", "--overwrite", f"{ASKED}=now")
    found = flux.source(kubernetes.api(lab))
    assert found is not None
    assert found["metadata"]["annotations"][ASKED] == "now"


def test_it_reads_what_its_pages_show(kubectl: Kubectl) -> None:
    for kind in ("pods", "deployments", "events", "gitrepositories", "kustomizations", "nodes"):
        assert kubectl("get", kind, "--all-namespaces", "--output=name")
    pod = kubectl("get", "pods", "--namespace=production", "--output=name").split()[0]
    kubectl("logs", pod, "--namespace=production", "--tail=1")


def test_nothing_secret_is_in_a_page_or_the_log(lab: Instance) -> None:
    key = kubernetes.api(lab).get("v1", "Secret", console.NAME, console.NAMESPACE)
    assert key is not None
    secrets = {
        "the console's token": console.token(lab),
        "its key to the cluster": base64.b64decode(key["data"]["token"]).decode(),
        **credentials(lab),
        **{f"basic of {user}": basic(lab, user) for user in credentials(lab)},
        **ci.signing_keys(lab),
    }
    texts = ended(_texts(lab))
    texts["the log"] = (lab.logs / "console.log").read_text()
    for kind in ("/history/", "/commits/", "/workloads/", "/pods/"):
        assert any(kind in path for path in texts), f"no page {kind}… was looked at"
    found = [
        (word, path) for path, text in texts.items() for word in secrets if secrets[word] in text
    ]
    assert found == []


async def _texts(lab: Instance) -> dict[str, str]:
    async with bench_console.client(lab) as asked:
        return {
            path: (await asked.get(path)).raise_for_status().text
            for path in bench_console.paths(lab)
        }
