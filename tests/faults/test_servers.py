"""Git server and registry are killed at work; the network between cluster and Git is cut."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from labs.gitops import ci
from labs.gitops.app_versions.trees import VERSION_FILE
from labs.gitops.ci import CiRun
from labs.instance import Instance
from labs.platform import app as page
from labs.platform import docker, engine, flux, git_server, kind, kubernetes, registry
from labs.platform.loopback import fetch
from labs.run import run
from labs.wait import NotYet, wait_for
from tests.cluster.test_git_server import MEGABYTE, Clone
from tests.faults import judge, killing
from tests.faults.conftest import MakeTrial
from tests.faults.reader import Reader

REPO = "big"
BIG = 48 * MEGABYTE
"""Takes the server long enough to be met in the middle."""
SHORT = "while git unpacks it"
"""The one that `make test` meets as well: it is then that half a push could come to stay."""
MOMENTS = {
    "while the pack comes in": "ls /srv/git/.upload | grep -q .",
    SHORT: "ls -d /srv/git/big.git/objects/tmp_objdir-* 2>/dev/null | grep -q .",
}


@pytest.mark.parametrize(
    "moment",
    [pytest.param(one, marks=[] if one == SHORT else [pytest.mark.fault]) for one in MOMENTS],
)
def test_git_server_killed_in_a_push(
    lab: Instance, trial: MakeTrial, tmp_path: Path, moment: str
) -> None:
    """A push is taken in wholly or not at all, and the reader's commit is theirs still.

    To a repository of its own: CI and Flux fetch all that there is in theirs.
    """
    git_server.create_repo(lab, REPO)
    (tmp_path / "template").mkdir()
    (tmp_path / "template" / "README.md").write_text("# A repository\n")
    git_server.seed(lab, REPO, tmp_path / "template")
    mine = Clone(lab, REPO, tmp_path / "mine")
    branch = f"big-{list(MOMENTS).index(moment)}-{os.getpid()}"
    commit = mine.commit("big.bin", os.urandom(BIG))
    words = ("git", "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    with trial(f"Git server killed in a push, {moment}") as one:
        pushing = subprocess.Popen(
            words, cwd=mine.folder, env={**os.environ, **mine.env}, stderr=subprocess.PIPE
        )
        seen_in_container(lab.container("git"), MOMENTS[moment])
        one.begin()
        killing.container(lab.container("git"))
        _, said = pushing.communicate(timeout=120)
        assert pushing.returncode != 0, "the push was over before the server was killed"
        one.seen.append(said.decode().strip().splitlines()[0])
        wait_for(lambda: answers(lab), what="the Git server answering", timeout=60, interval=0.1)
        assert mine.git("ls-remote", "origin", branch) == "", "half a push is on the server"
        assert mine.git("rev-parse", "HEAD").strip() == commit
        mine.push(f"HEAD:refs/heads/{branch}")
    assert mine.git("ls-remote", "origin", branch).split()[0] == commit
    # None of them is to be there, and then `ls` itself fails.
    left = "ls -d /srv/git/.upload/* /srv/git/*.git/objects/tmp_objdir-* 2>/dev/null || true"
    assert docker.exec_in(lab.container("git"), "sh", "-c", left) == ""


def seen_in_container(name: str, script: str) -> None:
    """Return as soon as a condition holds in a container; asked in there, as it may be short."""
    loop = f"for i in $(seq 6000); do if {script}; then exit 0; fi; done; exit 1"
    docker.exec_in(name, "sh", "-c", loop, timeout=120)


def answers(lab: Instance) -> None:
    answer = fetch(f"{git_server.base_url(lab)}/healthy", timeout=5)
    if answer.status != 200:
        raise NotYet(f"it answers {answer.status}")


@pytest.mark.fault
@pytest.mark.parametrize("part", ["registry", "registry-gate"])
def test_registry_killed_in_a_push_of_ci(
    lab: Instance, trial: MakeTrial, tmp_path: Path, part: str
) -> None:
    with trial(f"{part} killed in CI's push", looks=judge.TO_THE_BYTE) as one:
        version, commit = new_version(lab, tmp_path)
        number = number_of(lab, commit)
        until_pushing(lab, number)
        one.begin()
        killing.container(lab.container(part))
        ended = ci.wait(lab, number)
        one.seen.append(f"CI's run: {ended.state} {ended.why}".strip())
        if ended.state != "success":
            again = ci.start(lab, commit)  # what `lab ci run` does
            one.seen.append("`lab ci run` built it")
            ended = ci.wait(lab, again.number)
        assert ended.state == "success", ci.log(lab, ended.number)
        assert registry.digest(lab, "hello", version) == ended.digest


def new_version(lab: Instance, folder: Path) -> tuple[str, str]:
    """Push a commit of the app with a version that nobody has built; return both."""
    taken = [one for one in registry.tags(lab, "hello") if one.startswith("7.")]
    version = f"7.0.{len(taken)}"
    mine = Clone(lab, "app", folder / "app")
    path = mine.folder / VERSION_FILE
    path.write_text(re.sub('VERSION = ".*"', f'VERSION = "{version}"', path.read_text()))
    mine.git("commit", "--quiet", "--all", f"--message=Version {version}")
    mine.push()
    return version, mine.git("rev-parse", "HEAD").strip()


def number_of(lab: Instance, commit: str) -> int:
    def queued() -> CiRun:
        found = ci.of_commit(lab, commit)
        if found is None:
            raise NotYet("CI has not heard of it")
        return found

    return wait_for(queued, what="CI's run", timeout=60).number


def until_pushing(lab: Instance, number: int) -> None:
    def there() -> None:
        seen = ci.run(lab, number)
        assert not seen.has_ended, ci.log(lab, number)
        if seen.stage != "Push image":
            raise NotYet(f"{seen.state} {seen.stage}")

    wait_for(there, what="CI pushing", timeout=240, interval=0.05)


@pytest.mark.fault
def test_network_between_node_and_git_cut(lab: Instance, trial: MakeTrial) -> None:
    """Flux says that it does not reach Git, what runs goes on, and what was pushed comes live."""
    git, reader = lab.container("git"), Reader(lab)
    where = engine.inspect("container", git)
    assert where is not None
    address = where["NetworkSettings"]["Networks"][lab.network]["IPAddress"]
    with trial("network between node and Git cut") as one:
        reader.commit("Said before the cut")
        engine.docker("network", "disconnect", lab.network, git)
        try:
            cluster = kubernetes.api(lab)

            def noticed() -> str:
                flux.reconcile(cluster, flux.SOURCE_API, "GitRepository", flux.SOURCE)
                if said := flux.unwell(flux.source(cluster) or {"status": {}}):
                    return said
                raise NotYet("Flux has not noticed")

            said = wait_for(noticed, what="Flux's word on it", timeout=120)
            one.seen.append(f"Flux: {said[:90]}")
            page.answer(lab)
        finally:
            one.begin()
            words = (f"--ip={address}", "--alias=git", lab.network, git)
            engine.docker("network", "connect", *words)
        wait_for(lambda: answers(lab), what="Git's port on this machine", timeout=60, interval=0.1)
        reader.push()
    assert docker.state(kind.node(lab)) == "running"
    assert run("git", "ls-remote", git_server.url(lab, "config"), timeout=60)
