"""Flux at the start of a lab: installed where it is to be, and at the reset's commit."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ruamel.yaml import YAML

from labs.gitops import instances
from labs.instance import Instance
from labs.platform import docker, flux, kind, kubernetes, objects, rollout
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.reset.cluster import APPS, KUSTOMIZATIONS, PARTS
from labs.reset.kubectl import Kubectl
from labs.run import CommandFailed
from labs.wait import NotYet, wait_for

LIVE_SECONDS = 240.0
LOOK_SECONDS = 0.2
TODO = "`flux get all` shows what it waits for; then run the reset again"
SERVER = "source-controller"
ASK = ("curl", "--no-progress-meter", "--noproxy", "*", "--max-time", "1", "--output", "/dev/null")
"""From the node, by the rules that hold for the pods as well; any answer of its own will do."""
AWAY = (7, 28, 52, 56)
"""curl's exit codes for: refused, too late, nothing said, cut off."""
AGENT = "kustomize-controller"
"""Who owns the fields that Flux finds in Git, too: Flux itself."""
SETTINGS = instances.TEMPLATE / "agents.yaml"
KUSTOMIZATION = "resources: [flux.yaml]\npatches: [{path: settings.yaml}]\n"


def install(instance: Instance) -> None:
    """Install Flux as lab 02 does, with the settings that the config repo has for it."""
    kubectl = Kubectl(instance)
    # With its settings from the first pod on: a second one would have to wait for the first to end.
    kubectl.apply(_with_settings(kubectl, flux.manifests(flux.COMPONENTS)), "flux")
    kubectl.apply(SETTINGS.read_text(), AGENT)
    kubectl("wait", "crd", f"--selector={PARTS}", "--for=condition=Established", "--timeout=30s")


def _with_settings(kubectl: Kubectl, exported: str) -> str:
    """Return Flux's manifests with the lab's settings laid over them, as kustomize does it."""
    with tempfile.TemporaryDirectory(prefix="flux-") as folder:
        (Path(folder) / "flux.yaml").write_text(exported)
        (Path(folder) / "settings.yaml").write_text(SETTINGS.read_text())
        (Path(folder) / "kustomization.yaml").write_text(KUSTOMIZATION)
        return kubectl("kustomize", folder)


def wait_until_serving(instance: Instance) -> None:
    """Wait until an agent that asks for the config repo's files gets an answer of Flux's source.

    One that was installed just now is not ready before its second probe, and kube-proxy sends to it
    up to a second later still: whoever asks too early tries again after five seconds only.
    """
    service = kubernetes.api(instance).get("v1", "Service", SERVER, flux.NAMESPACE)
    assert service is not None, f"Flux's manifests have no Service {SERVER}"
    url = f"http://{service['spec']['clusterIP']}/"

    def serving() -> None:
        try:
            docker.exec_in(kind.node(instance), *ASK, url)
        except CommandFailed as silent:
            if silent.code not in AWAY:
                raise
            raise NotYet(f"{SERVER} does not answer: {silent.stderr.strip()}") from silent

    wait_for(serving, what=f"{SERVER} serves", timeout=LIVE_SECONDS, interval=LOOK_SECONDS)


def fetch(instance: Instance, commit: str) -> None:
    """Have Flux fetch the config repo's commit. It applies it when it is told to, by `apply`."""
    cluster = kubernetes.api(instance)

    def fetched() -> None:
        source = flux.source(cluster)
        if flux.fetched(source) != commit:
            raise NotYet(f"Flux has not fetched {commit[:7]} ({flux.unwell(source or {})})")

    cluster.apply(_sync("GitRepository"), AGENT)
    flux.suspend(cluster, flux.SOURCE_API, "GitRepository", flux.SOURCE, False)
    wait_for(
        fetched,
        what=f"{commit[:7]} fetched",
        timeout=LIVE_SECONDS,
        interval=LOOK_SECONDS,
        todo=TODO,
    )


def apply(instance: Instance, name: str, commit: str) -> None:
    """Have Flux apply the commit that it has fetched, and wait until all of it is well.

    Not before it is fetched: an agent that was woken then would apply the commit of before again.
    """
    cluster = kubernetes.api(instance)
    asked: set[tuple[str, str]] = set()

    def ask(one: Object, why: str) -> None:
        if (flux.name(one), why) not in asked:
            asked.add((flux.name(one), why))
            flux.reconcile(cluster, flux.KUSTOMIZE_API, "Kustomization", flux.name(one))

    def applied() -> None:
        found = flux.kustomizations(cluster)
        if not found or flux.name(found[0]) != flux.ROOT or flux.applied(found[0]) != commit:
            raise NotYet(f"the root has not applied {commit[:7]}")
        waiting = []
        for one in found:
            if flux.applied(one) == commit:
                if objects.condition(one, "Ready")[0] == "True":
                    continue
                if one is not found[0] and rolled_out(cluster, one):
                    # Flux looks every five seconds whether all is well; asked anew, it looks now.
                    ask(one, "all is well")
            elif commit != flux.sha(one.get("status", {}).get("lastAttemptedRevision")):
                ask(one, "another commit")
            waiting.append(f"{flux.name(one)}: {flux.unwell(one) or 'at work'}")
        if waiting or APPS not in [flux.name(one) for one in found]:
            raise NotYet("; ".join(waiting) or "no apps yet")

    cluster.apply(_sync("Kustomization", name), AGENT)
    for one in cluster.list(*KUSTOMIZATIONS):
        if flux.suspended(one) or flux.name(one) == flux.ROOT:
            flux.suspend(cluster, flux.KUSTOMIZE_API, "Kustomization", flux.name(one), False)
    wait_for(
        applied,
        what=f"{commit[:7]} applied",
        timeout=LIVE_SECONDS,
        interval=LOOK_SECONDS,
        todo=TODO,
    )


def rolled_out(cluster: Cluster, kustomization: Object) -> bool:
    """Return whether Kustomization has Deployments, and each of them runs as it is written."""
    found = [
        cluster.get("apps/v1", "Deployment", name, namespace)
        for kind, namespace, name in flux.inventory(kustomization)
        if kind == "Deployment"
    ]
    return bool(found) and all(one is not None and not rollout.progress(one) for one in found)


def _sync(kind: str, name: str = instances.DEFAULT) -> Object:
    """Return one of the two objects that have Flux read a cluster's folder of the config repo."""
    text = (instances.TEMPLATE / "sync.yaml").read_text()
    text = text.replace(f"./clusters/{instances.DEFAULT}", f"./clusters/{name}")
    found = YAML(typ="safe", pure=True).load_all(text)
    return next(dict(one) for one in found if one["kind"] == kind)
