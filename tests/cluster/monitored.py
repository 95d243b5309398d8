"""A lab that is watched: monitoring brought in as it is handed out, asked, and taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from labs.errors import LabError
from labs.gitops import instances, monitoring
from labs.gitops.config_repo import attendees
from labs.gitops.draft import Draft
from labs.gitops.monitoring.enforcing import SWITCH
from labs.instance import Instance
from labs.platform import kubernetes
from labs.platform.environment import environment
from labs.platform.loopback import fetch
from labs.platform.objects import Object
from labs.run import run
from labs.wait import NotYet
from tests.cluster.automation import deployed, until, write
from tests.cluster.connected import connect


@contextmanager
def brought_in(instance: Instance) -> Iterator[None]:
    """Have the monitoring that is handed out, whatever a lab has made of it; then as it was."""
    connect(instance)
    repo = attendees(instance)
    before = repo.fetch().sha
    wanted = {**monitoring.files(), wiring(instance): monitoring.WIRING.read_text()}

    def bring(draft: Draft) -> None:
        for path in filter(lambda path: _is_part(instance, path), set(draft.files()) - set(wanted)):
            draft.delete(path)
        for path, text in wanted.items():
            draft.write(path, text)

    try:
        if repo.propose(bring):
            write(instance, "Watch the cluster", bring)
        for name in monitoring.DEPLOYMENTS:
            until(lambda name=name: ready(instance, name), f"{name} to be ready")  # type: ignore[misc]
        yield
    except LabError as wrong:
        # Taking it back may fail as well, and would be all that there is to read; then it is gone.
        print(wrong, seen(instance), sep="\n")
        raise
    finally:
        bring_back(instance, before)


def seen(instance: Instance) -> str:
    """Return what Flux and the cluster say of monitoring at this moment."""
    looks = (
        ("flux", "get", "all", "--namespace=flux-system"),
        ("kubectl", "get", "pods,pvc,namespaces", "--all-namespaces", "--output=wide"),
        ("kubectl", "get", "events", "--namespace=monitoring", "--sort-by=.lastTimestamp"),
        ("kubectl", "logs", "--namespace=flux-system", "deploy/kustomize-controller", "--tail=40"),
    )
    env = environment(instance)
    return "\n\n".join(f"{' '.join(one)}\n{run(*one, env=env, timeout=60)}" for one in looks)


def bring_back(instance: Instance, before: str) -> None:
    """Have monitoring in the config repo as it was at a commit, or not at all."""
    repo = attendees(instance)
    wanted = {path for path in repo.files(before) if _is_part(instance, path)}

    def restore(draft: Draft) -> None:
        for path in filter(lambda path: _is_part(instance, path), set(draft.files()) - wanted):
            draft.delete(path)
        for path in wanted:
            draft.write(path, repo.read(path, before))

    if repo.propose(restore):
        write(instance, "Have monitoring as it was", restore)
    if wiring(instance) not in wanted:
        until(lambda: gone(instance), "no namespace of monitoring")


def wiring(instance: Instance) -> str:
    """Return the file with which Flux is told to apply monitoring."""
    return monitoring.wiring_path(instances.folder(instance))


def _is_part(instance: Instance, path: str) -> bool:
    return path in (wiring(instance), SWITCH) or path.startswith(f"{monitoring.FOLDER}/")


def gone(instance: Instance) -> None:
    if kubernetes.api(instance).get("v1", "Namespace", monitoring.NAMESPACE):
        raise NotYet("the namespace is still there")


def ready(instance: Instance, name: str) -> None:
    deployed(instance, name, monitoring.NAMESPACE)


def address(instance: Instance, part: str) -> str:
    return f"http://127.0.0.1:{instance.port(part)}"


def ask(instance: Instance, part: str, path: str, **words: str) -> Any:
    """Return what a part's API answers. Raises NotYet where it does not, or not well."""
    query = f"?{urlencode(words)}" if words else ""
    answer = fetch(f"{address(instance, part)}{path}{query}", timeout=10)
    if answer.status != 200:
        raise NotYet(f"{part}{path} answers {answer.status}: {answer.body[:200]!r}")
    return json.loads(answer.body)


def series(instance: Instance, promql: str, at: float | None = None) -> list[Object]:
    """Return the series of a query, each with `metric` and `value`. Raises NotYet."""
    words = {"query": promql, **({"time": str(at)} if at else {})}
    return list(ask(instance, "prometheus", "/api/v1/query", **words)["data"]["result"])


def value(instance: Instance, promql: str, at: float | None = None) -> float:
    """Return the one value of a query. Raises NotYet where there is none."""
    found = series(instance, promql, at)
    if len(found) != 1:
        raise NotYet(f"{promql} has {len(found)} values")
    return float(found[0]["value"][1])


def alerts(instance: Instance) -> list[Object]:
    """Return what Alertmanager was told of and has not heard the end of. Raises NotYet."""
    return list(ask(instance, "alertmanager", "/api/v2/alerts", active="true"))
