"""Brings a lab up, stops it, removes it: the list of what each part's module ensures, in order.

Every step is safe to repeat, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from labs.errors import LabError
from labs.gitops.image_automation import connection
from labs.instance import PROJECT, Instance
from labs.platform import (
    ci,
    docker,
    git_checks,
    git_server,
    jupyter,
    kind,
    machine,
    registry,
    workspace,
)
from labs.platform.steps import Steps
from scripts.supply import api as supply

APP_IMAGE = "registry:5000/hello:0.9.0"
PORTS_SECONDS = 60
"""Far more than another lab takes to choose its ports."""
REPOS = {"config": PROJECT / "config-repo-template", "app": PROJECT / "sample-app"}


def up(instance: Instance, steps: Steps) -> str:
    """Bring the whole lab up, or back; return JupyterLab's address."""
    with exclusive(instance):
        instance.logs.mkdir(parents=True, exist_ok=True)
        # One lab after the other: two that come up in one moment would find the same ports free.
        ports = FileLock(instance.root.parent / "ports.lock", timeout=PORTS_SECONDS)
        with steps.step("Ports"), ports:
            instance.reserve_ports(lambda part: holds_port(instance, part), steps.say)
        # JupyterLab first: lab 00 can be read while the rest is still being built.
        with steps.step("JupyterLab and notebooks"):
            workspace.ensure_notebooks(instance, steps.say)
            address = jupyter.ensure(instance, steps.say)
        steps.say(f"JupyterLab is up, lab 00 can be read meanwhile: {address}")
        with steps.step("This machine"):
            machine.prepare(steps.say)
        with steps.step("Supply: Git server and registry"):
            supply.ensure("servers", say=steps.say)
        with steps.step("Network, Git server, registry"):
            docker.ensure_network(instance)
            git_server.ensure(instance, steps.say)
            registry.ensure(instance, steps.say)
            for repo, template in REPOS.items():
                git_server.create_repo(instance, repo)
                git_server.seed(instance, repo, template)
        with steps.step("Your clones"):
            workspace.ensure_tools(instance)
            workspace.ensure_clones(instance, steps.say)
        with steps.step("Supply: cluster, Flux, app"):
            supply.ensure("cluster", "flux", "app", say=steps.say)
            workspace.ensure_tools(instance)
        with steps.step("Kubernetes cluster"):
            kind.ensure(instance, steps.say)
        with steps.step("App 0.9.0 in the registry"):
            archive = supply.image_archive(APP_IMAGE)
            registry.push_archive(instance, archive, "hello:0.9.0", steps.say)
        with steps.step("Supply: CI, monitoring"):
            supply.ensure("ci", "monitoring", say=steps.say)
            workspace.ensure_tools(instance)
        with steps.step("Checks of the Git server"):
            git_checks.ensure(instance, steps.say)
        with steps.step("CI"):
            ci.ensure(instance, steps.say)
        if connection.is_connected(instance):
            with steps.step("Image automation's Secrets"):
                connection.reconnect(instance, steps.say)
        return address


def down(instance: Instance, steps: Steps) -> None:
    """Stop everything and delete nothing: `up` starts it again where it was."""
    with exclusive(instance):
        with steps.step("JupyterLab"):
            jupyter.stop(instance)
        if docker.engine_answers():
            with steps.step("Cluster, Git server, registry, CI"):
                for name in docker.containers_of(instance):
                    docker.stop_container(name)


def clean(instance: Instance, steps: Steps) -> Path | None:
    """Delete the lab: containers, volumes, network, state. Return where the reader's work went."""
    with exclusive(instance):
        with steps.step("JupyterLab"):
            jupyter.stop(instance)
        if docker.engine_answers():
            with steps.step("Cluster, Git server, registry, CI and their data"):
                kind.delete(instance)
                docker.remove_all(instance)
        kept = _set_aside(instance)
        with steps.step("State"):
            if instance.root.exists():
                shutil.rmtree(instance.root)
    return kept


@contextmanager
def exclusive(instance: Instance) -> Iterator[None]:
    """Hold the lab for one command. Raises LabError where another command holds it."""
    instance.root.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(instance.root.parent / f"{instance.name}.lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as held:
        raise LabError(
            f"another `make up`, `down` or `clean` of lab {instance.name!r} is at work",
            expected="one at a time",
            todo="wait for it to end, or stop it with Ctrl-C where it runs, then run this again",
        ) from held


def holds_port(instance: Instance, part: str) -> bool:
    """Return whether the port written down for a part is held by this lab's own."""
    if part == "jupyter":
        return jupyter.running(instance)
    if not docker.engine_answers():
        return False
    if part == "api":  # a node keeps, for good, the ports that it was made with
        return kind.exists(instance)
    if part in kind.NODE_PORTS:
        return kind.publishes(instance, part)
    container = instance.container({"registry": "registry-gate"}.get(part, part))
    return docker.state(container) == "running"


def _set_aside(instance: Instance) -> Path | None:
    """Move the attendee's folder out of the way of a deletion; nobody's work is deleted."""
    if not instance.work.exists():
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    kept = instance.root.parent / "kept" / f"{instance.name}-{stamp}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    instance.work.rename(kept)
    return kept
