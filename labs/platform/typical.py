"""The typical pipeline, for lab 04: CI that deploys, and so holds a key to the cluster.

It is the same dispatcher and runner as the workshop's own, with two things more, both on purpose:
the runner stands on the cluster's network, and it is given the key of a service account that may
do anything. `make up` never starts it; `down` takes the key's rights away.
"""

from __future__ import annotations

import base64
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from labs.errors import LabError
from labs.instance import PROJECT, Instance
from labs.platform import ci, docker, engine, git_server, kind, kubernetes
from labs.wait import NotYet, wait_for

NAMESPACE = "typical"
ACCOUNT = "deployer"
SECRET = "KUBE_CONFIG"  # noqa: S105 - the name that the workflow uses
TOOLS = "/srv/ci/tools"
PIPELINE = ci.Pipeline(
    repo="typical",
    part="typical-ci",
    runner="typical-runner",
    command="lab typical",
    start="lab typical up",
    closed=False,
    path=TOOLS,
)
TEMPLATE = PROJECT / "ci" / "typical"
ROLE = f"{NAMESPACE}-{ACCOUNT}"


def up(instance: Instance, say: Callable[[str], None] = lambda line: None) -> None:
    """Make repository, key, dispatcher and runner; `say` is told each. Safe to repeat.

    Raises LabError where the lab itself is not up.
    """
    git_server.create_repo(instance, PIPELINE.repo, "The app, deployed by the typical pipeline")
    _seed(instance)
    say(f"repository:  {git_server.url(instance, PIPELINE.repo)}")
    key = _key(instance)
    say(f"key:         service account {NAMESPACE}/{ACCOUNT}, which may do anything")
    ci.ensure(instance, say, PIPELINE, {SECRET: base64.b64encode(key.encode()).decode()})
    _ensure_kubectl(instance)
    say(f"runner:      {instance.container(PIPELINE.runner)}, on the cluster's network")


def down(instance: Instance) -> None:
    """Remove dispatcher, runner, namespace and the key's rights; repository and logs stay."""
    if docker.state(instance.container("git")) == "running":
        # Nobody is to be told of pushes any more.
        git_server.notify(instance, PIPELINE.part, [], f"{PIPELINE.dispatcher}/hook", "")
    for part in (PIPELINE.runner, PIPELINE.part):
        docker.remove_container(instance.container(part))
    cluster = kubernetes.api(instance)
    cluster.delete("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", ROLE)
    cluster.delete("v1", "ServiceAccount", ACCOUNT, NAMESPACE)
    cluster.delete("v1", "Namespace", NAMESPACE)


def states(instance: Instance) -> dict[str, str]:
    """Return the state of dispatcher and runner by container: `running`, `exited`, `absent`, …"""
    names = (instance.container(part) for part in (PIPELINE.part, PIPELINE.runner))
    return {name: docker.state(name) for name in names}


def running(instance: Instance) -> bool:
    """Return whether both of its containers run."""
    return set(states(instance).values()) == {"running"}


def deployed(instance: Instance) -> str:
    """Return the image that the pipeline has put into the cluster; '' if there is none."""
    found = kubernetes.api(instance).get("apps/v1", "Deployment", "hello", NAMESPACE)
    containers = found["spec"]["template"]["spec"]["containers"] if found else []
    return str(containers[0]["image"]) if containers else ""


def kubeconfig(server: str, authority: str, token: str) -> str:
    """Return a kubeconfig; `authority` is the cluster's certificate, in base64."""
    names = {"cluster": "lab", "user": ACCOUNT}
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "lab",
                "cluster": {"server": server, "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": ACCOUNT, "user": {"token": token}}],
        "contexts": [{"name": "typical", "context": names}],
        "current-context": "typical",
    }
    out = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.width = 100_000
    yaml.default_flow_style = False
    yaml.dump(content, out)
    return out.getvalue()


def _seed(instance: Instance) -> None:
    """Start the repository from the app, with the other workflow."""
    with tempfile.TemporaryDirectory(prefix="typical-") as temporary:
        folder = Path(temporary) / "app"
        left_out = shutil.ignore_patterns(*git_server.LEFT_OUT, ".github")
        shutil.copytree(PROJECT / "sample-app", folder, ignore=left_out)
        shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
        git_server.seed(instance, PIPELINE.repo, folder)


def _key(instance: Instance) -> str:
    """Return the kubeconfig of a service account that may do anything; it is made if need be."""
    cluster = kubernetes.api(instance)
    named = {"name": ACCOUNT, "namespace": NAMESPACE}

    def takes_new_things() -> None:
        space = cluster.get("v1", "Namespace", NAMESPACE)
        if space is not None and space["metadata"].get("deletionTimestamp"):
            raise NotYet(f"the namespace {NAMESPACE} of before is being deleted")

    wait_for(takes_new_things, what=f"no namespace {NAMESPACE} on its way out", timeout=90)
    for manifest in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/service-account-token",
            "metadata": {**named, "annotations": {"kubernetes.io/service-account.name": ACCOUNT}},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": ROLE},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", **named}],
        },
    ):
        cluster.apply(manifest)

    def written() -> dict[str, str]:
        found = cluster.get("v1", "Secret", ACCOUNT, NAMESPACE) or {}
        data = dict(found.get("data") or {})
        if not data.get("token"):
            raise NotYet("Kubernetes has not written the token yet")
        return data

    data = wait_for(written, what="the deployer's token", timeout=30, interval=0.2)
    server = f"https://{kind.node(instance)}:6443"
    return kubeconfig(server, data["ca.crt"], base64.b64decode(data["token"]).decode())


def _ensure_kubectl(instance: Instance) -> None:
    """Give the runner the node's own kubectl: the host's may be one for another system."""
    runner = instance.container(PIPELINE.runner)
    if not docker.exec_in(runner, "sh", "-c", f"ls {TOOLS}/kubectl || true").strip():
        docker.exec_in(runner, "mkdir", "-p", TOOLS)
        with tempfile.TemporaryDirectory(prefix="kubectl-") as temporary:
            copy = f"{temporary}/kubectl"
            engine.docker("cp", f"{kind.node(instance)}:/usr/bin/kubectl", copy)
            engine.docker("cp", copy, f"{runner}:{TOOLS}/kubectl")


def refuse_unless_up(instance: Instance) -> None:
    """Raise LabError unless both containers run."""
    seen = states(instance)
    if set(seen.values()) != {"running"}:
        raise LabError(
            "; ".join(f"{name} is {state}" for name, state in seen.items()),
            expected="the typical pipeline, running",
            todo="`lab typical up`",
        )
