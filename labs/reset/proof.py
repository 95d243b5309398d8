"""Checks what a reset did: what runs, what the registry has, what the clones are at."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from labs.errors import LabError
from labs.gitops import ci
from labs.gitops.app_versions import APP, app_repo, version_in
from labs.gitops.app_versions.trees import VERSION_FILE
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import flux, kubernetes, registry, workspace
from labs.reset import cluster
from labs.reset.contents import ClusterWide
from labs.reset.kubectl import Kubectl
from labs.reset.starts import Start
from labs.run import run
from labs.understudy import semver
from labs.wait import wait_for

SECONDS = 60.0


def check(instance: Instance, start: Start, newest: str, digests: Mapping[str, str]) -> list[str]:
    """Return what was found to be as it shall, in words. Raises LabError with what is not."""
    with ThreadPoolExecutor(4) as pool:
        looks = (
            pool.submit(_registry, instance, start, digests),
            pool.submit(_clones, instance, newest),
            pool.submit(_cluster, instance, start, newest),
            pool.submit(_ci, instance),
        )
    return [look.result() for look in looks]


def _registry(instance: Instance, start: Start, digests: Mapping[str, str]) -> str:
    found = [tag for tag in registry.tags(instance, APP) if semver.parse_tag(tag)]
    if sorted(found) != sorted(start.versions):
        raise _wrong(f"the registry has {APP} {', '.join(found)}", ", ".join(start.versions))
    for number, digest in digests.items():
        if registry.digest(instance, APP, number) != digest:
            raise _wrong(f"{APP}:{number} is another image", digest)
    return f"registry: {APP} {', '.join(start.versions)}"


def _clones(instance: Instance, newest: str) -> str:
    for folder in workspace.CLONES:
        repo = ConfigRepo(instance.work / folder)
        dirty = run("git", "status", "--porcelain", cwd=repo.path).strip()
        at, server = repo.commit().sha, repo.commit(UPSTREAM).sha
        if dirty or at != server or (folder == "config-repo" and at != newest):
            raise _wrong(
                f"{folder} is at {at[:7]}, the server at {server[:7]}; changed: {dirty or '-'}",
                "a clean clone of what the server has",
            )
    return f"repos: config at {newest[:7]}, app at {_version(instance)}; clones are clean"


def _version(instance: Instance) -> str:
    return version_in(app_repo(instance).text(VERSION_FILE, UPSTREAM))


def _cluster(instance: Instance, start: Start, newest: str) -> str:
    api = kubernetes.api(instance)
    agents = flux.agents(api)
    spaces = Kubectl(instance).namespaces()
    wanted = cluster.namespaces(start)
    if set(spaces) != wanted or any(spaces.values()):
        raise _wrong(f"the cluster has the namespaces {spaces}", ", ".join(wanted) or "none")
    if strays := ClusterWide(api, cluster.kustomizations(start)).left():
        raise _wrong(f"the cluster has {', '.join(sorted(strays))}", "nothing of later labs")
    if not start.agents:
        if any(state != "absent" for state in agents.values()):
            raise _wrong(f"Flux is there: {agents}", "a cluster without agents")
        return "cluster: nothing of yours in it, no agents"
    applied = {flux.name(one): flux.applied(one) for one in flux.kustomizations(api)}
    if set(applied.values()) != {newest}:
        raise _wrong(f"Flux has applied {applied}", f"{newest[:7]} everywhere")
    version = wait_for(
        lambda: cluster.runs(instance), what=f"{APP} rolled out", timeout=SECONDS, interval=0.2
    )
    if version != start.deployed:
        raise _wrong(f"production runs {version}", start.deployed)
    return f"cluster: Flux has applied {newest[:7]}, production runs {version}"


def _ci(instance: Instance) -> str:
    at_work = [run.number for run in ci.runs(instance, 5) if not run.has_ended]
    if at_work:
        raise _wrong(f"CI is at run {at_work[0]}", "a CI that rests")
    return "CI: at rest"


def _wrong(found: str, expected: str) -> LabError:
    return LabError(
        found, expected=expected, todo="run the reset again; `make status` shows each part"
    )
