"""A lab that has stopped, or whose node is gone: what `up` says, and what a reset makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labs import catalogue
from labs.instance import PROJECT, Instance
from labs.platform import console, docker, jupyter, kind, pause, status
from labs.platform import up as platform
from labs.platform.environment import environment
from labs.platform.steps import Steps
from labs.reset import again
from labs.run import run
from tests.held_ports import held

LAB = catalogue.lab_named("deploy")
SECONDS = 600


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path / "durations.json")


@pytest.fixture(autouse=True)
def begun(instance: Instance, steps: Steps) -> None:
    """Flux is there, and the reader is at a lab that needs it."""
    if again.current_lab(instance) != LAB:
        again.reset(instance, LAB, steps)


def lab(instance: Instance, *words: str) -> tuple[int, str]:
    """Return a command's exit code, and all that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "labs.cli", *words],
        cwd=PROJECT,
        env={**os.environ, "LAB_NAME": instance.name, "LAB_HOME": str(instance.root.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def unwell(instance: Instance) -> list[str]:
    return [f"{one.name}: {one.state}" for one in status.parts(instance) if not one.well]


@pytest.mark.long
def test_a_paused_lab_is_up_after_a_reset_and_the_pause_is_forgotten(
    instance: Instance, steps: Steps
) -> None:
    pause.pause(instance, steps)
    assert not jupyter.running(instance)
    report = again.reset(instance, LAB, steps)
    assert f"Open notebooks/{LAB.notebook}" in report.text()
    assert jupyter.running(instance)
    assert console.running(instance)
    assert not platform.paused(instance).exists()
    assert unwell(instance) == []
    assert pause.resume(instance, steps).pause is None


@pytest.mark.long
def test_a_cluster_that_up_has_made_anew_is_told_and_a_reset_fills_it(instance: Instance) -> None:
    docker.remove_container(kind.node(instance))
    code, said = lab(instance, "up")
    assert code == 0, said
    assert "The cluster was made anew" in said
    assert f"you are at lab {LAB.heading}" in said
    [row] = unwell(instance)
    assert row.startswith(f"Flux: not there, and you are at lab {LAB.number:02d}")
    assert lab(instance, "status")[0] == 1
    code, said = lab(instance, "reset")
    assert code == 0, said
    assert unwell(instance) == []


@pytest.mark.long  # it makes the cluster anew
def test_a_port_of_the_stopped_node_that_another_program_has_is_named_with_what_helps(
    instance: Instance, steps: Steps
) -> None:
    platform.down(instance, steps)
    port, git = instance.port("app"), instance.port("git")
    with held(port, git):
        code, said = lab(instance, "doctor")
        assert code == 1
        assert f"in use: {port} (app)" in said
        code, said = lab(instance, "reset")  # it moves what can move, and makes the cluster anew
        assert code == 0, said
        assert f"in use on 127.0.0.1, by another program: {port} (app)" in said
        assert instance.port("app") != port
        assert instance.port("git") != git
        assert unwell(instance) == []
        assert lab(instance, "doctor")[0] == 0
    moved = instance.port("app")
    platform.down(instance, steps)
    with held(moved):
        code, said = lab(instance, "up")
    assert code == 1
    assert f"by another program: {moved} (app)" in said
    assert f"free for {kind.node(instance)}" in said
    assert "`make reset`" in said
    code, said = lab(instance, "up")  # once it is free
    assert code == 0, said
    assert instance.port("app") == moved


def test_repositories_in_a_clone_and_an_origin_of_elsewhere(
    instance: Instance, steps: Steps
) -> None:
    folder, env = instance.work / "config-repo", environment(instance)
    elsewhere = "https://example.org/nowhere.git"
    run("git", "init", "--quiet", folder / "fresh", env=env)
    run("git", "clone", "--quiet", instance.work / "app-repo", folder / "apps" / "copy", env=env)
    run("git", "remote", "set-url", "origin", elsewhere, cwd=folder, env=env)
    report = again.reset(instance, LAB, steps)
    kept = {one.folder: one.where for one in report.kept}
    assert kept["config-repo"] == elsewhere
    assert (Path(kept["config-repo/fresh"]) / ".git").is_dir()
    assert (Path(kept["config-repo/apps/copy"]) / ".git").is_dir()
    assert elsewhere in report.text()
    run("git", "push", "--quiet", cwd=folder, env=env)
    assert run("git", "status", "--porcelain", cwd=folder, env=env) == ""
