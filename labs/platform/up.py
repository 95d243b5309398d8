"""Brings a lab up, stops it, removes it: the list of what each part's module ensures, in order.

Every step is safe to repeat, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from labs.errors import LabError
from labs.gitops.image_automation import connection
from labs.instance import PROJECT, Instance
from labs.platform import (
    ci,
    console,
    docker,
    git_checks,
    git_server,
    jupyter,
    kind,
    machine,
    node_images,
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
        with steps.step("Ports"):
            reserve_ports(instance, steps.say)
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
        with steps.step("Console"):
            console.allow(instance)
            console.ensure(instance, steps.say)
        with steps.step("App 0.9.0 in the registry"):
            archive = supply.image_archive(APP_IMAGE)
            registry.push_archive(instance, archive, "hello:0.9.0", steps.say)
        with steps.step("Supply: CI, monitoring"):
            supply.ensure("ci", "monitoring", say=steps.say)
            workspace.ensure_tools(instance)
        with steps.step("Images in the node"):
            node_images.ensure(instance, steps.say)
        with steps.step("Checks of the Git server"):
            git_checks.ensure(instance, steps.say)
        with steps.step("CI"):
            ci.ensure(instance, steps.say)
        if connection.is_connected(instance):
            with steps.step("Image automation's Secrets"):
                connection.reconnect(instance, steps.say)
        paused(instance).unlink(missing_ok=True)
        return address


def down(instance: Instance, steps: Steps) -> None:
    """Stop everything and delete nothing: `up` starts it again where it was."""
    with exclusive(instance):
        stop(instance, steps)


def stop(instance: Instance, steps: Steps) -> None:
    """Stop everything, for a command that holds the lab."""
    with steps.step("JupyterLab and console"):
        jupyter.stop(instance)
        console.stop(instance)
    if docker.engine_answers():
        with steps.step("Cluster, Git server, registry, CI"):
            names = docker.containers_of(instance)
            # Side by side: some of them hear nothing, and are killed when their time is over.
            with ThreadPoolExecutor(len(names) or 1) as beside:
                list(beside.map(docker.stop_container, names))


def clean(instance: Instance, steps: Steps) -> Path | None:
    """Delete the lab: containers, volumes, network, state. Return where the reader's work went.

    Raises LabError, with all kept, where the engine that has its volumes does not answer.
    """
    with exclusive(instance):
        answers = _answers_or_has_nothing(instance)
        with steps.step("JupyterLab and console"):
            jupyter.stop(instance)
            console.stop(instance)
        if answers:
            with steps.step("Cluster, Git server, registry, CI and their data"):
                kind.delete(instance)
                docker.remove_all(instance)
        kept = _set_aside(instance)
        with steps.step("State"):
            if instance.root.exists():
                shutil.rmtree(instance.root)
    return kept


@contextmanager
def exclusive(
    instance: Instance, what: str = "`make up`, `down`, `pause` or `clean`", *, lock: str = ""
) -> Iterator[None]:
    """Hold the lab, or a lock of another name, for one command. Raises LabError where it is held.

    `what` are the commands that may hold it.
    """
    instance.root.parent.mkdir(parents=True, exist_ok=True)
    held_by = FileLock(instance.root.parent / f"{lock or instance.name}.lock")
    try:
        with held_by.acquire(timeout=0):
            yield
    except Timeout as held:
        raise LabError(
            f"another {what} of lab {instance.name!r} is at work",
            expected="one at a time",
            todo="wait for it to end, or stop it with Ctrl-C where it runs, then run this again",
        ) from held


def paused(instance: Instance) -> Path:
    """Return where a pause is noted; a lab that is up is not paused."""
    return instance.root / "paused.json"


def refuse_what_never_was(instance: Instance) -> None:
    """Raise LabError for a lab of which `up` has made nothing yet."""
    if not (instance.root / "ports.json").exists():
        raise LabError(
            f"no lab {instance.name!r}",
            expected="a lab that `make up` has brought up once",
            todo="run `make up`; another lab is named with LAB_NAME=",
        )


def reserve_ports(instance: Instance, say: Callable[[str], None]) -> None:
    """Choose the ports of what does not run, and keep those of what does; `say` what had to move.

    One lab after the other: two that come up in one moment would find the same ports free.
    """
    with FileLock(instance.root.parent / "ports.lock", timeout=PORTS_SECONDS):
        instance.reserve_ports(lambda part: holds_port(instance, part), say)


def holds_port(instance: Instance, part: str) -> bool:
    """Return whether the port written down for a part is held by this lab's own."""
    if part == "jupyter":
        return jupyter.running(instance)
    if part == "console":
        return console.running(instance)
    if not docker.engine_answers():
        return False
    if part == "api":  # a node keeps, for good, the ports that it was made with
        return kind.exists(instance)
    if part in kind.NODE_PORTS:
        return kind.publishes(instance, part)
    container = instance.container({"registry": "registry-gate"}.get(part, part))
    return docker.state(container) in ("running", "paused")  # frozen, it holds its port


def _answers_or_has_nothing(instance: Instance) -> bool:
    """Return whether the engine answers. Raises LabError where it does not, and has what is ours.

    Without its state, what the engine still has of a lab would be taken over by the next one of
    its name: volumes of another day, with passwords that nobody knows any more.
    """
    try:
        docker.ask_engine()
    except LabError as silent:
        never_was = not (instance.root / "ports.json").exists()
        if never_was or shutil.which("docker") is None:  # nothing that could hold it
            return False
        raise LabError(
            f"the engine that holds the lab's containers and volumes: {silent.found}",
            expected="an engine that answers: nothing was deleted",
            todo=f"{silent.todo}; then run `make clean` again",
        ) from silent
    return True


def _set_aside(instance: Instance) -> Path | None:
    """Move the attendee's folder out of the way of a deletion; nobody's work is deleted."""
    if not instance.work.exists():
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    kept = instance.root.parent / "kept" / f"{instance.name}-{stamp}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    instance.work.rename(kept)
    return kept
