"""CI for real: pushes that become images, or do not, and what a workflow can get hold of."""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labs.errors import LabError
from labs.gitops import app_versions, ci
from labs.gitops.ci import CiRun
from labs.instance import PROJECT, Instance, write_json
from labs.platform import ci as platform
from labs.platform import docker, engine, git_server, registry
from labs.platform.loopback import DIRECT
from labs.run import run
from labs.wait import NotYet, wait_for
from scripts.supply import api as supply
from tests.cluster.test_git_server import Clone
from tests.servers_alone import lab_beside

ATTACK = PROJECT / "tests/cluster/attack.py"
WORKFLOW = ".github/workflows/image.yml"
DOCKERS_OWN = 0x00000000A80425FB
"""The capabilities that Docker gives to any container."""

PUSHES = 2
"""How many pushes are timed."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Instance]:
    """A lab with Git server, registry and CI alone."""
    supply.ensure("servers", "ci")
    with lab_beside("built") as made:
        git_server.ensure(made)
        registry.ensure(made)
        for repo, template in (("app", "sample-app"), ("config", "config-repo-template")):
            git_server.create_repo(made, repo)
            git_server.seed(made, repo, PROJECT / template)
        platform.ensure(made)
        yield made


@pytest.fixture
def app(lab: Instance, tmp_path: Path) -> Clone:
    return Clone(lab, "app", tmp_path / "app")


def change(app: Clone, name: str, old: str, new: str) -> None:
    """Change a file of the app by a regular expression that has to match."""
    path = app.folder / name
    text, count = re.subn(old, new, path.read_text(), count=1)
    assert count, f"{old} is not in {name}"
    path.write_text(text)


def push(app: Clone, subject: str) -> str:
    app.git("commit", "--quiet", "--all", "-m", subject)
    app.push()
    return app.git("rev-parse", "HEAD").strip()


def release(app: Clone, version: str) -> str:
    """Push a commit with another version; return its id."""
    change(app, "hello/version.py", 'VERSION = ".*"', f'VERSION = "{version}"')
    return push(app, f"Version {version}")


def run_of(lab: Instance, commit: str) -> CiRun:
    found = ci.of_commit(lab, commit)
    assert found is not None
    return found


def ended(lab: Instance, commit: str) -> CiRun:
    """Return the run of a commit once it has ended."""
    return ci.wait(lab, run_of(lab, commit).number)


def until_stage(lab: Instance, number: int, stage: str) -> None:
    def there() -> None:
        seen = ci.run(lab, number)
        if seen.stage != stage:
            raise NotYet(f"{seen.state} {seen.stage}")

    wait_for(there, what=f"run {number} at {stage}", timeout=120, interval=0.1)


def config_of(lab: Instance, name: str) -> dict[str, Any]:
    address = registry.address(lab).replace("127.0.0.1", "localhost")
    text = run(supply.tool("crane"), "config", f"{address}/{name}", env=DIRECT)
    found: dict[str, Any] = json.loads(text)["config"]
    return found


def test_pushes_become_images(lab: Instance, app: Clone, output: Path) -> None:
    times: list[float] = []
    stages: list[dict[str, float | None]] = []
    for patch in range(PUSHES):
        version = f"1.0.{patch}"
        start = time.monotonic()
        commit = release(app, version)

        def in_registry(version: str = version, commit: str = commit) -> None:
            if version not in registry.tags(lab, "hello"):
                seen = run_of(lab, commit)
                assert seen.state not in ("failure", "interrupted"), ci.log(lab, seen.number)
                raise NotYet(f"{seen.state} {seen.stage}")

        wait_for(in_registry, what=f"hello:{version}", timeout=240, interval=0.1)
        times.append(time.monotonic() - start)
        done = ended(lab, commit)
        assert done.state == "success"
        stages.append({stage.name: stage.seconds for stage in done.stages})
    result = {
        "push_to_image_seconds": [round(x, 2) for x in times],
        "median": round(statistics.median(times), 2),
        "stages_median": {
            name: statistics.median([row[name] or 0.0 for row in stages]) for name in stages[0]
        },
    }
    write_json(output / "ci-push-to-image.json", result)
    assert done.image == f"registry:5000/hello:{version}"
    assert done.digest == registry.digest(lab, "hello", version)
    assert done.digest == registry.digest(lab, "hello", f"sha-{commit[:12]}")
    assert (done.pusher, done.subject, done.reason) == ("attendee", f"Version {version}", "push")
    found = config_of(lab, f"hello:{version}")
    labels = {
        key.rpartition(".")[2]: value
        for key, value in found["Labels"].items()
        if key.startswith("org.opencontainers.image.")
    }
    made = app.git("log", "-1", "--format=%cI").strip()
    assert labels["version"] == version
    assert labels["revision"] == commit
    assert labels["created"] == made
    assert labels["source"] == "http://git/app.git"
    assert found["User"] == "65532:65532"
    log = ci.log(lab, done.number)
    assert [stage.name for stage in done.stages] == [
        *("Fetch", "Check out", "Prepare", "Lint", "Unit tests", "Build image", "Push image"),
    ]
    assert "passed" in log
    assert "\x1b" not in log


@pytest.mark.long
def test_the_same_commit_gives_the_same_image(lab: Instance, app: Clone) -> None:
    commit = release(app, "1.1.0")
    first = ended(lab, commit)
    again = ci.wait(lab, ci.start(lab, commit[:10]).number)
    assert again.number != first.number
    assert (again.state, again.digest) == ("success", first.digest)


def test_a_failing_test_stops_the_image(lab: Instance, app: Clone) -> None:
    change(app, "hello/version.py", 'SHAPE = ".*"', 'SHAPE = "blob"')
    broken = ended(lab, release(app, "1.2.0"))
    assert (broken.state, broken.why) == ("failure", "Unit tests failed")
    assert broken.stages[-1].name == "Unit tests"
    assert broken.image == ""
    tags = registry.tags(lab, "hello")
    assert "1.2.0" not in tags
    assert f"sha-{broken.commit[:12]}" not in tags
    app.git("revert", "--no-edit", "HEAD")
    app.push()
    ended(lab, app.git("rev-parse", "HEAD").strip())


def test_a_version_is_never_overwritten(lab: Instance, app: Clone) -> None:
    before = ended(lab, release(app, "1.2.5"))
    change(app, "hello/version.py", 'WORDS = ".*"', 'WORDS = "Not the same."')
    commit = push(app, "Change the words and forget the version")
    refused = ended(lab, commit)
    assert (refused.state, refused.why) == ("failure", "Push image failed")
    log = ci.log(lab, refused.number)
    assert "hello:1.2.5 is there already with other content" in log
    assert "build it under a higher version" in log
    assert "next:     write a higher VERSION into hello/version.py, commit, push" in log
    assert registry.digest(lab, "hello", "1.2.5") == before.digest
    app.git("revert", "--no-edit", "HEAD")
    app.push()
    back = ended(lab, app.git("rev-parse", "HEAD").strip())
    assert (back.state, back.why) == ("failure", "Push image failed")  # as any other commit's
    assert "expected: a tag that means one image for ever, also after a revert" in ci.log(
        lab, back.number
    )


@pytest.mark.long
def test_two_pushes_queue_and_both_are_built(lab: Instance, app: Clone) -> None:
    commits = [release(app, "1.4.0"), release(app, "1.4.1")]
    assert run_of(lab, commits[1]).state == "queued"
    first, second = (ended(lab, commit) for commit in commits)
    assert (first.state, second.state) == ("success", "success")
    assert first.ended is not None
    assert second.started is not None
    assert second.started >= first.ended
    assert {"1.4.0", "1.4.1"} <= set(registry.tags(lab, "hello"))


@pytest.mark.long
@pytest.mark.parametrize(("part", "version"), [("ci-runner", "1.5.0"), ("ci", "1.5.1")])
@pytest.mark.parametrize("way", ["restart", "kill"])
def test_a_restart_in_the_middle_of_a_run(
    lab: Instance, app: Clone, part: str, version: str, way: str
) -> None:
    version = version if way == "restart" else version.replace("1.5", "1.6")
    commit = release(app, version)
    cut = run_of(lab, commit)
    until_stage(lab, cut.number, "Build image")
    name = lab.container(part)
    if way == "restart":
        engine.docker("restart", name)
    else:
        engine.docker("kill", name)
        engine.docker("start", name)

    def answers() -> CiRun:
        try:
            seen = ci.run(lab, cut.number)
        except LabError as away:
            raise NotYet(away.found) from away
        if not seen.has_ended:
            raise NotYet(seen.state)
        return seen

    seen = wait_for(answers, what=f"run {cut.number} given up", timeout=60, interval=0.2)
    assert seen.state == "interrupted"
    assert seen.again is not None
    assert "interrupted: the " in ci.log(lab, seen.number)
    assert f"queued again as run {seen.again}" in ci.log(lab, seen.number)
    repeat = ci.wait(lab, cut.number)
    assert (repeat.number, repeat.state, repeat.attempt) == (seen.again, "success", 2)
    assert repeat.digest == registry.digest(lab, "hello", version)


@pytest.mark.long
def test_a_lost_container_is_made_again_and_no_run_is_lost(lab: Instance, app: Clone) -> None:
    before = ci.runs(lab, 1000)
    docker.remove_container(lab.container("ci"))
    commit = release(app, "1.7.0")
    docker.remove_container(lab.container("ci-runner"))
    platform.ensure(lab)

    def found() -> CiRun:
        run = ci.of_commit(lab, commit)
        if run is None:
            raise NotYet("the push was not found yet")
        return run

    missed = wait_for(found, what="the push that CI was not told of", timeout=30)
    assert missed.reason == "pushed, and CI was not told"
    assert ci.wait(lab, missed.number).state == "success"
    assert [run.number for run in ci.runs(lab, 1000)][1:] == [run.number for run in before]


@pytest.mark.long  # the labs have them built, in the same run
@pytest.mark.parametrize("version", ["1.2.0", "1.3.0", "2.0.0", "2.1.0"])
def test_ci_builds_a_colleagues_version(lab: Instance, app: Clone, version: str) -> None:
    """Of 1.2.0 there is a commit of the reader's already, which did not pass."""
    digest = app_versions.ensure_image(lab, version)
    done = next(run for run in ci.runs(lab) if run.digest == digest)
    assert (done.state, done.version, done.pusher) == ("success", version, "instructor")
    assert app_versions.commit(lab, version) == done.commit
    assert app_versions.ensure_image(lab, version) == digest
    assert ci.newest(lab).number == done.number
    app.git("pull", "--quiet")
    assert f'VERSION = "{version}"' in (app.folder / "hello/version.py").read_text()


def attack_of(log: str) -> dict[str, object]:
    line = next(line for line in log.splitlines() if line.startswith("ATTACK "))
    found: dict[str, object] = json.loads(line.removeprefix("ATTACK "))
    return found


def test_a_workflow_that_attacks_gets_nothing(lab: Instance, app: Clone) -> None:
    """Each of the five is tried by a step of a real run, by somebody who may push to the app."""
    (app.folder / "attack.py").write_text(ATTACK.read_text())
    app.git("add", "attack.py")
    elsewhere = [f"{address}:80" for address in addresses(lab, "git", lab.network)]
    elsewhere += [f"{gateway(lab)}:{lab.port(part)}" for part in ("git", "registry", "ci")]
    step = (
        "      - name: Attack\n"
        "        env:\n"
        "          REGISTRY_USER: ${{ vars.REGISTRY_USER }}\n"
        "          REGISTRY_PASSWORD: ${{ secrets.REGISTRY_PASSWORD }}\n"
        f"        run: python3 attack.py {' '.join(elsewhere)}\n\n"
    )
    change(app, WORKFLOW, "      - name: Lint\n", f"{step}      - name: Lint\n")
    done = ended(lab, release(app, "1.8.0"))
    got = attack_of(ci.log(lab, done.number))
    judge(got)
    assert got["reached"] == []
    said = got["pushed_to_config"]
    assert isinstance(said, dict)
    assert re.search("could not read Username|Authentication failed", said["nobody"])
    assert "CI builds images; what runs is decided by the commits of people" in said["ci"]
    assert len(Clone(lab, "config", app.folder.parent / "c").git("log", "--format=%h").split()) == 1
    app.git("revert", "--no-edit", "HEAD")
    app.push()
    ended(lab, app.git("rev-parse", "HEAD").strip())


def judge(got: dict[str, object]) -> None:
    assert got["cluster_keys"] == []
    assert got["engine_sockets"] == []
    assert got["more_rights"] == []
    sets = got["capabilities"]
    assert isinstance(sets, dict)
    assert {"CapBnd", "CapEff", "CapPrm"} <= set(sets)
    assert [name for name, held in sets.items() if int(held, 16) & ~DOCKERS_OWN] == []


def addresses(lab: Instance, part: str, network: str) -> list[str]:
    found = engine.inspect("container", lab.container(part))
    assert found is not None
    return [found["NetworkSettings"]["Networks"][network]["IPAddress"]]


def gateway(lab: Instance) -> str:
    found = engine.inspect("network", lab.network)
    assert found is not None
    return str(found["IPAM"]["Config"][0].get("Gateway") or "127.0.0.1")


def test_the_runner_stands_alone(lab: Instance) -> None:
    """What the engine says of it: one closed network, nothing mounted but its own volume."""
    found = engine.inspect("container", lab.container("ci-runner"))
    assert found is not None
    assert set(found["NetworkSettings"]["Networks"]) == {lab.ci_network}
    assert [mount["Name"] for mount in found["Mounts"] if mount["Type"] == "volume"] == [
        lab.volume("ci-runner")
    ]
    assert [mount for mount in found["Mounts"] if mount["Type"] not in ("volume", "tmpfs")] == []
    assert found["HostConfig"]["Privileged"] is False
    assert not found["HostConfig"]["PortBindings"]
    network = engine.inspect("network", lab.ci_network)
    assert network is not None
    assert network["Internal"] is True
    for part in ("git", "registry-gate", "ci"):  # on both networks, and no way through
        text = docker.exec_in(lab.container(part), "cat", "/proc/sys/net/ipv4/ip_forward")
        assert text.strip() == "0"


def test_the_runner_does_not_reach_the_api_server(instance: Instance) -> None:
    """With a real cluster: what reaches it from the lab's network does not from the runner's."""
    node = f"{instance.name}-control-plane"
    found = engine.inspect("container", node)
    assert found is not None
    inside = found["NetworkSettings"]["Networks"][instance.network]["IPAddress"]
    targets = [f"{inside}:6443", f"{node}:6443"]
    host = [f"{gateway(instance)}:{instance.port('api')}", f"127.0.0.1:{instance.port('api')}"]
    script = ATTACK.read_text()
    attack = ("python3", "-", *targets, *host, "10.96.0.1:443")
    from_lab = docker.exec_in(instance.container("git"), *attack, stdin=script, timeout=120)
    answered = attack_of(from_lab)["reached"]
    assert isinstance(answered, list)
    assert set(targets) <= set(answered)
    got = attack_of(
        docker.exec_in(instance.container("ci-runner"), *attack, stdin=script, timeout=120)
    )
    judge(got)
    assert got["reached"] == []
