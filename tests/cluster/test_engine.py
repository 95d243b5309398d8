"""The engine on a live lab, by the `lab` command as a reader types it: from a release to its audit.

Versions are the app's first image under further names, lower than any that CI builds in the labs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from labs import lab
from labs.gitops import image_automation, lint, sync
from labs.gitops.colleague import clone_of
from labs.gitops.commits import Message
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.desk import Desk, carry_out
from labs.gitops.draft import Draft
from labs.gitops.manifests import with_image
from labs.gitops.release import release
from labs.instance import Instance, write_json
from labs.platform import docker, flux, git_server, kubernetes, registry
from labs.platform.credentials import credentials
from labs.platform.environment import environment
from labs.platform.objects import pod_state
from labs.run import CommandFailed, run
from labs.understudy import clone as bot
from scripts.supply import api as supply
from tests.cluster.connected import connect

FILE = "apps/production/hello.yaml"
VERSIONS = tuple(f"0.8.{number}" for number in range(1, 7))
FIGURES: dict[str, object] = {}
SECONDS = 240


@pytest.fixture(scope="module", autouse=True)
def connected(instance: Instance, output: Path) -> Iterator[None]:
    """A connected lab with some versions, whose config repo is afterwards as it was."""
    connect(instance)
    archive = supply.image_archive("registry:5000/hello:0.9.0")
    for version in VERSIONS:
        registry.push_archive(instance, archive, f"hello:{version}")
    repo = attendees(instance)
    before = repo.fetch().sha
    yield
    write_json(output / "engine.json", FIGURES)

    def restore(draft: Draft) -> None:
        for path in set(draft.files()) - set(repo.files(before)):
            draft.delete(path)
        draft.write(FILE, repo.read(FILE, before))

    if repo.propose(restore):
        sync.follow(instance, repo.write(Message("Put it back"), restore).commit.sha, timeout=240)


@pytest.fixture
def as_reader(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(instance).items():
        monkeypatch.setenv(name, value)


Command = Callable[..., str]


@pytest.fixture
def command(instance: Instance) -> Command:
    """Run the `lab` command as in the reader's terminal; return what it printed."""

    def run_lab(*words: str) -> str:
        env = {**environment(instance), "COLUMNS": "200", "NO_COLOR": "1"}
        return run(instance.bin / "lab", *words, env=env, timeout=SECONDS)

    return run_lab


def refused(command: Command, *words: str) -> str:
    """Run a command that must fail; return what it said."""
    with pytest.raises(CommandFailed) as failed:
        command(*words)
    assert failed.value.code == 1, str(failed.value)
    assert "Traceback" not in failed.value.stderr
    return failed.value.stderr + failed.value.stdout


def server(instance: Instance, path: str = FILE) -> str:
    repo = attendees(instance)
    return repo.read(path, repo.fetch().sha)


def running(instance: Instance) -> str:
    found = kubernetes.api(instance).get("apps/v1", "Deployment", "hello", "production")
    assert found is not None
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]


def test_a_release_and_its_rollback_go_live_and_are_told(
    instance: Instance, command: Command
) -> None:
    old = re.search(r"hello:(\S+)", server(instance))
    assert old is not None
    tip = attendees(instance).commit().sha
    said = command("release", "hello", VERSIONS[0], "--dry-run")
    assert f"+          image: registry:5000/hello:{VERSIONS[0]}" in said
    assert attendees(instance).commit().sha == tip

    start = time.monotonic()
    said = command("release", "hello", VERSIONS[0], "--reason", "to see it")
    FIGURES["release: seconds of the whole command"] = round(time.monotonic() - start, 1)
    stages = re.findall(r"✓ (\w+)", said)
    assert stages == ["pushed", "fetched", "applied", "live"]
    [live] = re.findall(r"from push to live: ([\d.]+) s", said)
    FIGURES["release: seconds from push to live"] = float(live)
    assert running(instance) == VERSIONS[0]
    assert f"is {VERSIONS[0]} already" in refused(command, "release", "hello", VERSIONS[0])

    command("rollback", "hello")
    assert running(instance) == old[1]
    lines = command("history", "hello", "-n", "2").splitlines()
    assert "rollback" in lines[1]
    assert f"{VERSIONS[0]} → {old[1]}" in lines[1]
    assert "release" in lines[2]
    assert "to see it" in lines[2]
    row = next(line for line in command("workloads").splitlines() if " hello " in line)
    assert row.split()[:4] == ["production", "hello", old[1], old[1]]


def test_images_are_listed_newest_first_with_where_they_run(
    instance: Instance, command: Command
) -> None:
    rows = [line.split() for line in command("images", "hello").splitlines()[1:]]
    tags = [row[1] for row in rows]
    assert set(VERSIONS) < set(tags)
    assert [tag for tag in tags if tag in VERSIONS] == sorted(VERSIONS, reverse=True)
    deployed = re.search(r"hello:(\S+)", server(instance))
    assert deployed is not None
    assert [row[1] for row in rows if row[-1] == "production"] == [deployed[1]]
    assert "the nearest is 'hello'" in refused(command, "images", "helo")


def test_unknown_names_are_told_with_the_nearest(command: Command) -> None:
    assert "the nearest is '0.8.5'" in refused(command, "release", "hello", "0.8.55")
    assert "the nearest is 'production'" in refused(command, "diff", "--env", "productoin")


def test_a_lock_holds_starts_no_rollout_and_is_told(instance: Instance, command: Command) -> None:
    cluster = kubernetes.api(instance)

    def pods() -> set[str]:
        found = cluster.list("v1", "Pod", "production")
        return {one["metadata"]["name"] for one in found if pod_state(one) != "Terminating"}

    before, text = pods(), server(instance)
    command("lock", "hello", "--reason", "until the talk is over")
    said = refused(command, "release", "hello", VERSIONS[1])
    assert "locked by attendee: until the talk is over" in said
    assert "lab unlock hello --env production" in said
    assert "attendee: until the talk is over" in command("workloads")
    assert pods() == before
    command("unlock", "hello")
    assert server(instance) == text
    assert pods() == before


@pytest.mark.long
def test_a_difference_is_shown_and_peace_is_told(instance: Instance, command: Command) -> None:
    assert "in sync: what runs is what Git says" in command("diff")
    with flux.left_alone(instance, "apps"):
        run("kubectl", "-n", "production", "scale", "deployment/hello", "--replicas=1")
        said = refused(command, "diff")
        assert "Deployment production/hello" in said
        assert "-  replicas: 1" in said
        assert "+  replicas: 2" in said
        assert "generation" not in said
        command("release", "hello", VERSIONS[1], "--no-wait")
        said = refused(command, "diff", "--env", "production")
        assert f"hello:{VERSIONS[1]}" in said
        assert "Flux has applied" in said
    sync.follow(instance, timeout=SECONDS)
    assert "in sync" in command("diff")


@pytest.mark.long
def test_lint_judges_the_clone_as_it_is(instance: Instance, command: Command) -> None:
    clone = attendees(instance).path
    said = command("lint")
    assert "✓ apps/production: 3 objects" in said
    assert "✓ clusters/hackfest:" in said
    path, listed = clone / FILE, clone / "apps/production/kustomization.yaml"
    text, names = path.read_text(), listed.read_text()
    more = clone / "apps" / "production" / "more.yaml"

    def judged() -> str:
        return "\n".join(str(one) for one in lint.lint(instance))

    try:
        path.write_text(text.replace("replicas:", "replicaz:"))
        assert "replicaz" in refused(command, "lint")
        path.write_text(re.sub(r"(hello:\S+)", r'\1 # {"$imagepolicy": "flux-system:no"}', text))
        assert re.search(rf"{FILE}:\d+: the marker names the policy 'flux-system:no'", judged())
        path.write_text(text)
        listed.write_text(names.replace("namespace.yaml", "namespaze.yaml"))
        assert "✗ apps/production: 0 objects\n    does not build" in judged()
        listed.write_text(names.replace("  - namespace.yaml", "  - namespace.yaml\n  - more.yaml"))
        odd = "apiVersion: lab.example/v1\nkind: Odd\nmetadata: {name: one}\n"
        more.write_text(odd)
        assert 'no matches for kind "Odd"' in judged()
        more.write_text(f"{odd}---\n{crd_of('Odd')}")
        said = judged()
        assert "(not judged: Odd: its CRD is in this repo" in said
        assert "✗" not in said
    finally:
        path.write_text(text)
        listed.write_text(names)
        more.unlink(missing_ok=True)


def crd_of(kind: str) -> str:
    plural = f"{kind.lower()}s"
    return f"""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: {plural}.lab.example
spec:
  group: lab.example
  names: {{kind: {kind}, plural: {plural}}}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {{openAPIV3Schema: {{type: object}}}}
"""


def test_a_registry_that_is_down_is_named_and_nothing_is_half_done(
    instance: Instance, command: Command
) -> None:
    before = attendees(instance).fetch()
    docker.stop_container(instance.container("registry-gate"))
    try:
        said = refused(command, "release", "hello", VERSIONS[2])
        assert registry.address(instance) in said
        assert "the lab's registry" in said
    finally:
        registry.ensure(instance)
    assert attendees(instance).fetch() == before


class Writer:
    """Somebody with a clone of their own, and plain git."""

    def __init__(self, instance: Instance, folder: Path, user: str) -> None:
        self.folder = folder
        self.env = git_server.push_environment(instance, user)
        run("git", "clone", "--quiet", git_server.url(instance, "config"), folder, env=self.env)

    def git(self, *words: str) -> str:
        return run("git", *words, cwd=self.folder, env=self.env, timeout=60)

    def write(self, name: str) -> str:
        """Commit a file and push it, as often as it takes; return the commit."""
        (self.folder / name).write_text("by hand\n")
        self.git("add", name)
        self.git("commit", "--quiet", f"--message=Add {name}")
        for _ in range(50):
            try:
                self.git("push", "--quiet", "origin", "main")
            except CommandFailed:
                self.git("pull", "--quiet", "--rebase", "origin", "main")
            else:
                return self.git("rev-parse", "HEAD").strip()
        raise AssertionError(f"{name} never got through")


def automate_in_git(instance: Instance) -> None:
    """Let the bot move the app, as far as the Git server goes by: the cluster is told nothing."""

    def change(draft: Draft) -> None:
        for path, text in image_automation.objects().items():
            draft.write(path, text)
        draft.write(FILE, image_automation.marked(draft.read(FILE)))

    attendees(instance).write(Message("Let the bot move hello"), change)


@pytest.mark.usefixtures("as_reader")
def test_ten_writers_at_once_lose_nothing(
    instance: Instance, command: Command, tmp_path: Path
) -> None:
    """The command, a notebook, the console's engine, plain git and the bot, all on one branch."""
    hands = [
        Writer(instance, tmp_path / f"hand-{number}", user)
        for number, user in enumerate(("attendee", "attendee", "instructor"))
    ]
    consoles = []
    for number in range(2):
        there = Writer(instance, tmp_path / f"console-{number}", "attendee")
        repo = ConfigRepo(there.folder, instance.bin / "kubectl", there.env)
        consoles.append(replace(Desk.of(instance), repo=repo))
    password = credentials(instance)["flux"]
    robot = bot.Clone(
        tmp_path / "bot", git_server.url(instance, "config"), user="flux", password=password
    )

    def console(number: int, name: str) -> Callable[[], object]:
        return lambda: consoles[number].repo.write(
            Message(f"Console {name}"), lambda draft: draft.write(name, "by the console\n")
        )

    def tick() -> object:
        def change(base: str) -> tuple[dict[str, bytes], str]:
            text = with_image(
                robot.read(base, FILE).decode(), "hello", f"registry:5000/hello:{VERSIONS[4]}"
            )
            return {FILE: text.encode()}, "Release hello to production\n\nLab-Event: autorelease\n"

        author = bot.Author("Flux", "flux@hackfest.local")
        done = bot.write(robot, "main", "main", author, change)[1]
        assert done is not None
        return done

    def from_console() -> object:
        action = release(consoles[1], "hello", VERSIONS[3])
        return carry_out(consoles[1], action, show=lambda diff: None)

    jobs: list[Callable[[], object]] = [
        lambda: command("release", "hello", VERSIONS[0], "--no-wait"),
        lambda: command("release", "hello", VERSIONS[2], "--no-wait", "--as", "instructor"),
        lambda: lab.release("hello", VERSIONS[5], wait=False),
        console(0, "console.txt"),
        from_console,
        *(partial(hand.write, f"{hand.folder.name}.txt") for hand in hands),
        lambda: clone_of(instance, "instructor").write(
            Message("A colleague"), lambda draft: draft.write("colleague.txt", "x\n")
        ),
        tick,
    ]
    automate_in_git(instance)
    before = attendees(instance).fetch().sha
    start = time.monotonic()
    with ThreadPoolExecutor(len(jobs)) as pool:
        for landed in [pool.submit(job) for job in jobs]:
            landed.result()
    seconds = time.monotonic() - start
    repo = attendees(instance)
    newest = repo.fetch().sha
    new = repo.log(f"{before}..{newest}")
    FIGURES["writers"] = {"asked": len(jobs), "landed": len(new), "seconds": round(seconds, 1)}
    assert len(jobs) == 10
    assert len(new) == 10, [str(one) for one in new]
    assert all(len(one.parents) == 1 for one in new), "nobody had to merge, and nothing was forced"
    assert {"hand-0.txt", "hand-1.txt", "hand-2.txt", "console.txt", "colleague.txt"} < set(
        repo.files(newest)
    )
    moved = [one.subject for one in new if "hello" in one.subject]
    assert len(moved) == 5
