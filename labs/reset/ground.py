"""What a reset stands on: servers and a cluster that answer. What is well is left alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

from labs.errors import LabError
from labs.gitops import ci as runs
from labs.instance import Instance
from labs.platform import (
    ci,
    console,
    docker,
    git_checks,
    git_server,
    jupyter,
    keys,
    kind,
    registry,
    typical,
)
from labs.platform.loopback import answered
from labs.platform.up import REPOS, paused, refuse_what_never_was, reserve_ports
from labs.reset.kubectl import reachable
from labs.wait import NotYet

Say = Callable[[str], None]
CONTAINERS = ("git", "registry-gate", "registry", "ci", "ci-runner")
CI_SECONDS = 180


def ensure(instance: Instance, say: Say) -> None:
    """Bring back what is not there, has stopped, or does not answer, also after a pause.

    Raises LabError before `make up`.
    """
    refuse_what_never_was(instance)
    if keys.put_back(instance):
        say("the kubeconfig was hidden: it is back in its place")
    servers, cluster = _servers_answer(instance), reachable(instance)
    if not servers or not cluster or _front(instance):
        reserve_ports(instance, say)  # what had stopped may find its port taken meanwhile
    if not servers:
        say("a server was not there, or did not answer: it is brought back")
        docker.ensure_network(instance)
        git_server.ensure(instance, say)
        registry.ensure(instance, say)
        for repo, template in REPOS.items():
            git_server.create_repo(instance, repo)
            git_server.seed(instance, repo, template)
        git_checks.ensure(instance, say)
        ci.ensure(instance, say)
    if not cluster:
        _cluster(instance, say)
        console.allow(instance)  # its key is the cluster's, and goes with it
    paused(instance).unlink(missing_ok=True)  # what ran before the pause is of no account any more


def front(instance: Instance, say: Say) -> None:
    """Start JupyterLab and the console again where they have stopped.

    Never one that runs: the reset may have been asked for in its terminal.
    """
    for part in _front(instance):
        say(f"it had stopped, and is up again: {part.ensure(instance, say)}")


def quiet(instance: Instance, say: Say) -> None:
    """Wait until CI makes no image any more: one that came later would be too many."""
    waiting = [run for run in runs.runs(instance, 20) if not run.has_ended]
    for run in waiting:
        say(f"CI is at run {run.number} ({run.subject}): it is waited for")
        runs.wait(instance, run.number, timeout=CI_SECONDS)


def without_typical(instance: Instance) -> None:
    """Take lab 04's other pipeline away, with what it noted; its repository stays."""
    names = typical.states(instance)
    if all(state == "absent" for state in names.values()):
        return
    typical.down(instance)


def _cluster(instance: Instance, say: Say) -> None:
    """Start the cluster again, or make it anew: what is in it is put back in any case."""
    there = kind.exists(instance)
    try:
        kind.ensure(instance, say)
    except LabError as beyond_mending:
        if not there:
            raise
        say(f"the cluster does not come back ({beyond_mending.found.splitlines()[-1].strip()})")
        kind.delete(instance)
        reserve_ports(instance, say)
        kind.ensure(instance, say)


def _front(instance: Instance) -> list[ModuleType]:
    return [part for part in (jupyter, console) if not part.running(instance)]


def _servers_answer(instance: Instance) -> bool:
    with ThreadPoolExecutor(len(CONTAINERS)) as pool:
        states = pool.map(docker.state, (instance.container(part) for part in CONTAINERS))
    if set(states) != {"running"}:
        return False
    try:
        answered(f"{git_server.base_url(instance)}/healthy", timeout=5)
        answered(f"http://{registry.address(instance)}/v2/", status=401, timeout=5)
        return ci.runner_silence(instance) < ci.QUIET
    except NotYet:
        return False
