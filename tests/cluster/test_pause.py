"""A lab is left in the middle, in every way that a day has, and comes back with nothing lost."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from labs import catalogue
from labs.gitops import sync
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import attendees
from labs.instance import PROJECT, Instance
from labs.platform import app, console, docker, flux, jupyter, kind, kubernetes, registry
from labs.platform import up as platform
from labs.platform.environment import environment
from labs.platform.steps import Steps
from labs.progress import Progress
from labs.run import run
from labs.wait import NotYet, wait_for
from tests.cluster.commands import lab
from tests.cluster.connected import connect

LAB = catalogue.lab_named("drift")


@dataclass(frozen=True)
class State:
    """What may not be lost: where a reader is, what only they have, what the servers keep."""

    progress: str
    changed: list[str]
    unpushed: list[str]
    server: str
    tags: list[str]
    applied: set[str]
    version: str


@pytest.fixture(autouse=True)
def under_way(instance: Instance) -> Iterator[None]:
    """A lab that Flux looks after, with a reader in the middle of something."""
    connect(instance)
    state = Progress(instance)
    state.started(LAB.name)
    state.tried(LAB.steps[0].id, passed=True)
    thoughts = instance.work / "config-repo" / "thoughts.txt"
    thoughts.write_text("not to be lost\n")
    yield
    thoughts.unlink()


def state(instance: Instance) -> State:
    repo = attendees(instance)
    newest = repo.fetch()
    sync.follow(instance, newest.sha, timeout=240)
    applied = {flux.applied(one) for one in flux.kustomizations(kubernetes.api(instance))}
    return State(
        Progress(instance).path.read_text(),
        repo.changed(),
        [one.sha for one in repo.unpushed()],
        repo.commit(UPSTREAM).sha,
        sorted(registry.tags(instance, "hello")),
        applied,
        str(app.answer(instance)["version"]),
    )


def ids(instance: Instance) -> dict[str, str]:
    names = docker.containers_of(instance)
    return {name: run("docker", "inspect", "--format", "{{.Id}}", name) for name in names}


def commits_still_land(instance: Instance) -> None:
    """Commit and push as the reader does, and follow it until it is live."""
    git = ("git", "-c", "core.hooksPath=/dev/null")
    folder, env = instance.work / "config-repo", environment(instance)
    run(*git, "commit", "--quiet", "--allow-empty", "--message", "Awake", cwd=folder, env=env)
    run(*git, "push", "--quiet", cwd=folder, env=env)
    sync.follow(instance, attendees(instance).commit().sha, timeout=240)


@pytest.mark.long
def test_paused_then_updated_then_resumed(instance: Instance, tmp_path: Path) -> None:
    notebooks = instance.work / "notebooks"
    mine, untouched = (notebooks / one.notebook for one in catalogue.LABS[7:9])
    mine.write_text(mine.read_text().replace('"cells": [', '"cells": [\n  ', 1).rstrip() + "\n#me")
    before, containers = state(instance), ids(instance)

    said = lab(instance, "pause")
    assert "MiB of memory are free again." in said
    assert f"You are at lab {LAB.heading}: 1 of" in said
    assert {docker.state(name) for name in containers} == {"exited"}
    assert not jupyter.running(instance)
    assert not console.running(instance)
    assert "is paused already, for" in lab(instance, "pause")

    newer = f"minutes {secrets.token_hex(4)}"  # what was offered once is not offered again
    updated = tmp_path / "project"
    without = shutil.ignore_patterns(".git", ".lab", ".venv", "__pycache__")
    shutil.copytree(PROJECT, updated, ignore=without)
    for book in (mine, untouched):
        path = updated / "notebooks" / book.name
        path.write_text(path.read_text().replace("minutes", newer, 1))
    recipe = updated / "labs" / "platform" / "git_server.py"
    text = recipe.read_text()
    assert text.count('aliases=("git",)') == 1
    recipe.write_text(text.replace('aliases=("git",)', 'aliases=("git", "newer")'))

    said = lab(instance, "resume", project=updated)
    assert "it was paused for" in said
    assert f"You are at lab {LAB.heading}: 1 of" in said
    assert f"lab check {LAB.steps[1].id}" in said
    assert "made from another description; it is replaced (its data is kept)" in said
    assert f"{mine.name} has changes of yours and stays" in said
    assert mine.read_text().endswith("#me")
    offered = mine.with_name(mine.name.replace(".ipynb", ".new.ipynb"))
    assert newer in offered.read_text()
    assert newer in untouched.read_text()
    assert state(instance) == before
    now = ids(instance)
    assert {name for name in now if now[name] != containers[name]} == {instance.container("git")}
    assert not platform.paused(instance).exists()

    for path in (offered, mine):
        path.unlink()
    platform.up(instance, Steps(tmp_path / "durations.json"))
    assert newer not in untouched.read_text()
    commits_still_land(instance)


@pytest.mark.long
def test_after_the_power_was_cut(instance: Instance) -> None:
    before, containers = state(instance), ids(instance)
    servers = [jupyter.pid(instance), console.pid(instance)]
    run("docker", "kill", *containers)
    for pid in servers:
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    said = lab(instance, "resume")
    assert "it had been stopped, not by a pause" in said
    assert f"You are at lab {LAB.heading}: 1 of" in said
    assert state(instance) == before
    assert ids(instance) == containers
    for folder in ("config-repo", "app-repo"):
        run("git", "fsck", "--strict", cwd=instance.work / folder)
    commits_still_land(instance)


@pytest.mark.long
def test_after_a_sleep_in_which_every_lease_ran_out(instance: Instance) -> None:
    """In a sleep nothing runs, and the clock goes on: so it is here, container by container."""
    before, containers = state(instance), ids(instance)
    leases = kubernetes.api(instance).list("coordination.k8s.io/v1", "Lease")
    over = max(
        flux.moment(one["spec"]["renewTime"]) + one["spec"]["leaseDurationSeconds"]
        for one in leases
        if "apiserver.kubernetes.io/identity" not in one["metadata"].get("labels", {})
    )
    servers = [pid for part in (jupyter, console) if (pid := part.pid(instance)) is not None]
    assert len(servers) == 2
    run("docker", "pause", *containers)
    for pid in servers:
        os.kill(pid, signal.SIGSTOP)

    def slept() -> None:
        if time.time() <= over:
            raise NotYet("a lease holds")

    wait_for(slept, what="leases that ran out", timeout=120)
    run("docker", "unpause", *containers)
    for pid in servers:
        os.kill(pid, signal.SIGCONT)
    assert "was running; every part of it was looked at" in lab(instance, "resume")
    assert ids(instance) == containers
    assert state(instance) == before
    assert [jupyter.pid(instance), console.pid(instance)] == servers
    commits_still_land(instance)


@pytest.mark.long
def test_what_was_frozen_by_hand_goes_on(instance: Instance) -> None:
    containers = ids(instance)
    run("docker", "pause", kind.node(instance), instance.container("git"))
    lab(instance, "resume")
    assert {docker.state(name) for name in containers} == {"running"}
    assert ids(instance) == containers


def test_two_at_once_the_second_is_told(instance: Instance) -> None:
    with platform.exclusive(instance):
        for word in ("pause", "resume"):
            done = subprocess.run(
                [sys.executable, "-m", "labs.cli", word],
                cwd=PROJECT,
                env={**os.environ, "LAB_NAME": instance.name},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 1
            assert "is at work" in done.stderr
    assert not platform.paused(instance).exists()
