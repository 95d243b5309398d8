"""Plays the demo on a lab that runs, or on one of its own; and leaves it as it was."""

from __future__ import annotations

import os
from collections.abc import Callable

from labs.demo.scene import Scene
from labs.demo.story import STAGES
from labs.demo.telling import Teller
from labs.errors import LabError
from labs.gitops import instances, loan, spare_versions
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.instance import Instance
from labs.platform import app, console, docker, git_server, jupyter
from labs.platform import up as platform
from labs.platform.environment import environment
from labs.platform.steps import Steps
from labs.readiness import cluster_answers
from labs.run import run

OWN = "hackfest-demo"
"""The lab that is brought up for the demo where none runs."""


def play(step: bool = False) -> None:
    """Tell the whole story; `step` waits for a key between the stages.

    Raises LabError where the lab is not one that it can be told on. At Ctrl-C all is put back.
    """
    teller = Teller(len(STAGES), step)
    instance = _lab(teller.line)
    loan.give_back(instance, teller.line)
    repo = _clean_clone(instance)
    before = repo.fetch()
    good = spare_versions.next_version(instance)
    with loan.lent(instance, "the demo", teller.line):
        scene = Scene(instance, teller.line, good, spare_versions.after(good))
        for stage in STAGES:
            teller.stage(stage, scene)
        teller.console.print()
        teller.line("The end. Everything is put back:")
    _pull(instance)
    teller.table()
    teller.console.print()
    _addresses(instance, repo, before.short, teller.line)


def _lab(say: Callable[[str], None]) -> Instance:
    """Return the lab that the demo plays on: the one that runs, or its own, brought up."""
    instance = Instance.current()
    own = not _runs(instance)
    if own and not os.environ.get("LAB_NAME"):
        os.environ["LAB_NAME"] = OWN
        instance = Instance.current()
        own = not _runs(instance)
    if own:
        say(f"No lab runs: the demo brings up one of its own, {instance.name!r}.")
        platform.up(instance, Steps(instance.durations))
    if instances.state(instance).word == "connected":
        return instance
    if not own and instance.name != OWN:
        raise LabError(
            f"Flux does not run in the lab {instance.name!r}, and lab 02 is yours to do",
            expected="a lab that Flux looks after, or one of the demo's own",
            todo=f"do lab 02 first, or: LAB_NAME={OWN} make demo",
        )
    say("Flux is installed, by the command of lab 02.")
    instances.create(instance, instances.DEFAULT)
    run(
        *("bash", "-euo", "pipefail", "-c", instances.command(instance)),
        env={**os.environ, **environment(instance)},
    )
    return instance


def _runs(instance: Instance) -> bool:
    if not docker.engine_answers() or docker.state(instance.container("git")) != "running":
        return False
    return cluster_answers(instance)


def _clean_clone(instance: Instance) -> ConfigRepo:
    """Return the reader's clone, in which the commands are typed. Raises LabError."""
    repo = attendees(instance)
    repo.fetch()
    unfinished = repo.changed() or [str(commit) for commit in repo.unpushed()]
    if unfinished:
        raise LabError(
            f"{repo.path} has what is not pushed: {', '.join(unfinished[:3])}",
            expected="a clone in which nothing is unfinished: the demo types its commands there",
            todo="commit and push it, or set it aside: `git stash --include-untracked`",
        )
    _pull(instance)
    return repo


def _pull(instance: Instance) -> None:
    run(
        *("git", "pull", "--quiet", "--rebase"),
        cwd=attendees(instance).path,
        env={**os.environ, **environment(instance)},
    )


def _addresses(
    instance: Instance, repo: ConfigRepo, before: str, say: Callable[[str], None]
) -> None:
    say(f"Git says of the app what it said before ({before}); what happened is in `lab history`.")
    rows = {
        "the console": console.address(instance),
        "JupyterLab": jupyter.address(instance),
        "the repositories": git_server.base_url(instance),
        "the app": app.address(instance),
    }
    for name, address in rows.items():
        say(f"{name:<18}{address}")
    if instance.name == OWN:
        say(f"`LAB_NAME={OWN} make clean` deletes the demo's lab.")
