"""What Git says against what runs: each environment's newest commit, put to the API server.

The server is asked what would become of each object (a dry run, as Flux would apply it), so that
defaults that it fills in by itself are no difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from labs.errors import LabError
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.workloads import environment, environments
from labs.instance import Instance
from labs.platform import flux, kubernetes
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.run import CommandFailed, run

MANAGER = "kustomize-controller"
"""As whom Flux applies: what it set before, and Git no longer says, would be taken away."""
DIFFERS = 1
"""kubectl's exit code where it found a difference; higher ones are errors."""
TITLE = re.compile(r"^--- \S*/LIVE-\S+?/(\S+).*$")
NOISE = re.compile(r"^[-+ ]\s+(generation|resourceVersion|uid|creationTimestamp): ")


@dataclass(frozen=True)
class Compared:
    """One environment: the commit, and how what runs differs from it."""

    environment: str
    commit: Commit
    differences: tuple[str, ...]
    """For each object a title and lines: `-` runs, `+` is what Git says."""
    applied: str
    """The commit that Flux has applied, or ''."""

    @property
    def in_sync(self) -> bool:
        return not self.differences


def compare(instance: Instance, name: str = "") -> list[Compared]:
    """Return how what runs differs from the newest commit, by environment. Raises LabError."""
    repo = attendees(instance)
    commit = repo.fetch()
    tree = repo.tree(commit.sha)
    names = [environment(tree, name)] if name else environments(tree)
    if not names:
        raise LabError(
            "no environment in the config repo",
            expected="a folder apps/NAME with a kustomization.yaml",
            todo="see `git log -- apps` for what took it away",
        )
    return [_compare(instance, repo, commit, each) for each in names]


def says(found: Compared) -> str:
    """Return a comparison as it is shown."""
    head = f"{found.environment}: Git says {found.commit}"
    if found.applied != found.commit.sha:
        head += f"; Flux has applied {found.applied[:7] or 'none of it'}"
    if found.in_sync:
        return f"{head}\nin sync: what runs is what Git says"
    return "\n\n".join([f"{head}\n- runs, + is what Git says", *found.differences])


def _compare(instance: Instance, repo: ConfigRepo, commit: Commit, name: str) -> Compared:
    folder = f"apps/{name}"
    objects = repo.render(folder, commit.sha)
    cluster = kubernetes.api(instance)
    owner = _owner(cluster, folder)
    if owner is None:
        words = f"no Kustomization of Flux applies {folder}: nothing of it runs by Git"
        return Compared(name, commit, (words,), "")
    there, missing = placed(cluster, objects)
    differences = _differences(instance, [_owned(one, owner) for one in there])
    differences += [f"{_title(one)}\n+ in Git, and its namespace is not there" for one in missing]
    differences += [f"{title}\n- runs, and is not in Git" for title in _left(owner, objects)]
    return Compared(name, commit, tuple(differences), flux.applied(owner))


def _owner(cluster: Cluster, folder: str) -> Object | None:
    """Return the Kustomization by which Flux applies a folder."""
    for found in flux.kustomizations(cluster):
        if str(found["spec"].get("path", "")).removeprefix("./").strip("/") == folder:
            return found
    return None


def _owned(found: Object, owner: Object) -> Object:
    """Return an object with the labels that Flux puts on all it applies."""
    meta = dict(found["metadata"])
    meta["labels"] = {
        **(meta.get("labels") or {}),
        flux.OWNER: owner["metadata"]["name"],
        flux.OWNER_NAMESPACE: owner["metadata"]["namespace"],
    }
    return {**found, "metadata": meta}


def placed(cluster: Cluster, objects: Sequence[Object]) -> tuple[list[Object], list[Object]]:
    """Part objects that the API server can be asked of from those whose namespace is not there.

    It is new with this commit, or somebody has taken it away; one that is being deleted takes
    nothing new any more.
    """
    spaces = {
        one["metadata"]["name"]
        for one in cluster.list("v1", "Namespace")
        if not one["metadata"].get("deletionTimestamp")
    }
    there: list[Object] = []
    missing: list[Object] = []
    for one in objects:
        namespace = one["metadata"].get("namespace")
        (there if namespace is None or namespace in spaces else missing).append(one)
    return there, missing


def _differences(instance: Instance, objects: Sequence[Object]) -> list[str]:
    if not objects:
        return []
    text = "\n---\n".join(json.dumps(one, default=str) for one in objects)
    try:
        run(
            *(instance.bin / "kubectl", "diff", "--filename=-", "--server-side"),
            *("--force-conflicts", f"--field-manager={MANAGER}"),
            env={"KUBECONFIG": str(instance.kubeconfig), "KUBECTL_EXTERNAL_DIFF": "diff -u -N"},
            stdin=text,
            timeout=60,
        )
    except CommandFailed as ended:
        if ended.code == DIFFERS and not ended.stderr.strip().startswith("error"):
            return told(ended.stdout)
        raise
    return []


def told(output: str) -> list[str]:
    """Return kubectl's differences, each with its object's name in place of a scratch file's."""
    found: list[list[str]] = []
    for line in output.splitlines():
        if line.startswith(("diff ", "+++ ")):
            continue
        title = TITLE.match(line)
        if title:
            found.append([_named(title[1])])
        elif found and not NOISE.match(line):
            found[-1].append(line)
    return ["\n".join(lines) for lines in found if any(line[:1] in "+-" for line in lines[1:])]


def _named(file: str) -> str:
    """Return `Deployment production/hello` for kubectl's `apps.v1.Deployment.production.hello`."""
    parts = file.split(".")
    kind = next((n for n, part in enumerate(parts) if part[:1].isupper()), 0)
    namespace, name = "".join(parts[kind + 1 : kind + 2]), ".".join(parts[kind + 2 :])
    return _titled(parts[kind], namespace, name)


def _title(found: dict[str, Any]) -> str:
    meta = found["metadata"]
    return _titled(found["kind"], meta.get("namespace") or "", meta["name"])


def _titled(kind: str, namespace: str, name: str) -> str:
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _left(owner: Object, objects: Iterable[Object]) -> list[str]:
    """Return what Flux has applied of the folder, and the newest commit no longer names."""
    wanted = {_title(one) for one in objects}
    titles = [_titled(*entry) for entry in flux.inventory(owner)]
    return [title for title in titles if title not in wanted]
