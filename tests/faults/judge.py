"""Judges whether all of a lab is well: one judge for every fault, whatever was broken.

What runs is compared with what Git says (`flux diff` of each Kustomization, and the digests of the
images), the repositories with themselves (`git fsck`), the registry with what it says it holds
(`crane validate` of every tag), and each part says for itself that it is well.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from labs.errors import LabError
from labs.gitops.config_repo import attendees
from labs.instance import Instance
from labs.platform import (
    app,
    docker,
    flux,
    git_server,
    kubernetes,
    objects,
    registry,
    status,
    workspace,
)
from labs.platform.environment import environment
from labs.platform.loopback import DIRECT
from labs.run import CommandFailed, run
from labs.wait import NotYet, wait_for
from scripts.supply import api as supply

SECONDS = 300.0
"""Far more than anything takes that mends itself; what takes longer needs a hand."""
INTERVAL = 0.2


Look = Callable[[Instance], Iterator[str]]


def well_again(instance: Instance, since: float, looks: Sequence[Look]) -> float:
    """Return after how many seconds since a moment (time.monotonic) all was well.

    It is the moment at which the look began that found nothing. Raises TimedOut with what is not.
    """

    def judged() -> float:
        began = time.monotonic()
        judge(instance, looks)
        return began - since

    return wait_for(judged, what="all well again", timeout=SECONDS, interval=INTERVAL)


def judge(instance: Instance, looks: Sequence[Look]) -> None:
    """Raise NotYet with what the first look found that found anything."""
    for look in looks:
        try:
            found = list(look(instance))
        except LabError as trouble:
            found = [trouble.found]
        if found:
            raise NotYet(f"{look.__name__}: {'; '.join(found)}")


def parts(instance: Instance) -> Iterator[str]:
    """Yield the parts of `lab status` that are not well."""
    for part in status.parts(instance):
        if not part.well:
            yield f"{part.name} is {part.state}"


def agents(instance: Instance) -> Iterator[str]:
    """Yield what Flux has not fetched or applied of the newest commit, and pods that are ill."""
    head = attendees(instance).fetch().sha
    cluster = kubernetes.api(instance)
    if flux.fetched(flux.source(cluster)) != head:
        yield f"Flux has not fetched {head[:7]}"
    for found in flux.kustomizations(cluster):
        ready, message = objects.condition(found, "Ready")
        # Unknown: it has applied this commit, and looks whether that still holds, as it does
        # every few minutes.
        if ready == "False" or flux.outdated(found) or flux.applied(found) != head:
            yield f"the Kustomization {flux.name(found)} is at {flux.applied(found)[:7]}: {message}"
    cluster.pods_ready()


def page(instance: Instance) -> Iterator[str]:
    """Yield nothing where the app's page answers with the version that Git names. Raises NotYet."""
    repo = attendees(instance)
    version = app.answer(instance)["version"]
    wanted = repo.read("apps/production/hello.yaml", repo.fetch().sha)
    if f"hello:{version}" not in wanted:
        yield f"the page is of {version}, which Git does not name"


def repositories(instance: Instance) -> Iterator[str]:
    """Yield what `git fsck` says of the server's repositories, and of the reader's clones."""
    container = instance.container("git")
    names = docker.exec_in(container, "sh", "-c", "ls -d /srv/git/*.git").split()
    if not names:
        yield "the Git server has no repository"
    for name in names:
        words = ("git", "-C", name, "fsck", "--full", "--no-dangling", "--no-progress")
        try:
            docker.exec_in(container, *words, timeout=120)
        except CommandFailed as broken:
            yield f"git fsck of {name}: {(broken.stdout + broken.stderr).strip()}"
    for folder in (instance.work / one for one in workspace.CLONES):
        if folder.exists():
            run("git", "fsck", "--full", "--no-dangling", "--no-progress", cwd=folder, timeout=120)


def images(instance: Instance) -> Iterator[str]:
    """Yield what `crane validate --fast` says of each image: all but the layers' own bytes."""
    yield from _validated(instance, "--fast")


def layers(instance: Instance) -> Iterator[str]:
    """Yield what `crane validate` says of each image: it reads every byte, which takes a while."""
    yield from _validated(instance)


def _validated(instance: Instance, *options: str) -> Iterator[str]:
    address = registry.address(instance).replace("127.0.0.1", "localhost")
    # An image that has two tags is judged once.
    distinct = {
        digest: f"{address}/{repo}@{digest}"
        for repo in registry.repositories(instance)
        for tag in registry.tags(instance, repo)
        if (digest := registry.digest(instance, repo, tag) or f"none of {repo}:{tag}")
    }
    for name in distinct.values():
        try:
            words = ("validate", *options, "--remote", name)
            run(supply.tool("crane"), *words, env=DIRECT, timeout=300)
        except CommandFailed as broken:
            yield f"crane validate of {name}: {broken.stderr.strip().splitlines()[-1]}"


def running(instance: Instance) -> Iterator[str]:
    """Yield containers of the lab's own images whose content is not what their tag stands for."""
    prefix = f"{registry.INNER_ADDRESS}/"
    for pod in kubernetes.api(instance).list("v1", "Pod"):
        for container in pod["status"].get("containerStatuses", []):
            image = container["image"]
            if not image.startswith(prefix):
                continue
            repo, _, tag = image.removeprefix(prefix).partition(":")
            digest = registry.digest(instance, repo, tag)
            known = {digest, _configuration(instance, f"{repo}:{tag}")}
            # A pulled image goes by its manifest, a side-loaded one by its configuration.
            if container["imageID"].rpartition("@")[2] not in known:
                yield f"{pod['metadata']['name']} runs {container['imageID']}, not {digest}"


def _configuration(instance: Instance, name: str) -> str:
    address = registry.address(instance).replace("127.0.0.1", "localhost")
    text = run(supply.tool("crane"), "manifest", f"{address}/{name}", env=DIRECT)
    return str(json.loads(text)["config"]["digest"])


def differences(instance: Instance) -> Iterator[str]:
    """Yield the Kustomizations of which `flux diff` finds that something else runs."""
    cluster = kubernetes.api(instance)
    found = flux.kustomizations(cluster)
    if not found:
        yield "Flux applies nothing"
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "config"
        run("git", "clone", "--quiet", git_server.url(instance, "config"), tree, env=DIRECT)

        def diff(one: objects.Object) -> str:
            name, path = flux.name(one), tree / one["spec"]["path"]
            words = ("diff", "kustomization", name, f"--path={path}", "--progress-bar=false")
            try:
                run(instance.bin / "flux", *words, env=environment(instance), timeout=120)
            except CommandFailed as differs:
                return f"flux diff of {name}: {(differs.stdout or differs.stderr).strip()}"
            return ""

        with ThreadPoolExecutor(2) as pool:
            yield from filter(None, pool.map(diff, found))


SERVERS = (repositories, images)
"""What there is to judge of a lab without a cluster."""
QUICK = (parts, agents, page)
WHOLE = (*QUICK, *SERVERS, running, differences)
"""The quick ones first: while one of them finds something, the slow ones need not look."""
WITHOUT_AGENTS = (parts, *SERVERS)
"""What there is to judge at the start of the labs before Flux is installed."""
TO_THE_BYTE = (*WHOLE, layers)
"""What faults of the registry, and of all of it, are judged by."""
