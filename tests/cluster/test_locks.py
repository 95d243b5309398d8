"""Locks on the real Git server: the ways in, the override and its trace, the bot, the time."""

from __future__ import annotations

import itertools
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from labs.gitops import desk as engine
from labs.gitops.commits import Message
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.git_words import PushRefused
from labs.gitops.release import rollback
from labs.instance import Instance, write_json
from labs.platform import git_server
from labs.platform.credentials import credentials
from labs.run import CommandFailed, run
from labs.understudy import clone as bots
from labs.understudy.clone import Author, Clone, GitFailed
from labs.understudy.setters import ImageRef, edit
from labs.wait import NotYet, wait_for
from scripts.supply import api as supply
from tests.unit.lock_ways import (
    HARMLESS,
    HELLO,
    MARKER,
    MOVES,
    Files,
    Way,
    both,
    lock,
    locked,
    release,
    state,
    swap,
    unlock,
)

CONFIG = "config"
AUTOMATION = "automation/production/hello.yaml"
POLICY = "flux-system:hello-production"
BOT = Author("Flux", "flux@hackfest.local")
FEW, MANY = 8, 100
"""Rollbacks against the bot: in each `make test`, and in `make test-all`."""
SLOWER = 0.3
"""Seconds that the hook may add to a push."""


class Desk:
    """A clone of a repository with one user's credentials."""

    def __init__(self, lab: Instance, folder: Path, user: str, repo: str = CONFIG) -> None:
        self.folder, self.env = folder, git_server.push_environment(lab, user)
        run("git", "clone", "--quiet", git_server.url(lab, repo), folder, env=self.env)

    def git(self, *words: str) -> str:
        return run("git", *words, cwd=self.folder, env=self.env)

    def write(self, files: Mapping[str, str], subject: str = "Change") -> str:
        """Commit exactly these files; return the commit's id."""
        self.git("rm", "-q", "-r", "--ignore-unmatch", ".")
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self.git("rev-parse", "HEAD").strip()

    def change(self, way: Way, subject: str = "Change") -> str:
        """Commit a change of what is there."""
        listed = self.git("ls-files").splitlines()
        files = {path: (self.folder / path).read_text() for path in listed}
        way(files)
        return self.write(files, subject)

    def push(self, *words: str) -> str:
        """Push; return the seconds that it took and what the server said are not of interest."""
        return self.git("push", "--quiet", *words, "origin", "main")

    def refused(self, *words: str) -> str:
        """Return what the server said, and forget the commits."""
        with pytest.raises(CommandFailed) as refusal:
            self.push(*words)
        self.git("reset", "--quiet", "--hard", "origin/main")
        return refusal.value.stderr

    def follow(self) -> None:
        self.git("fetch", "--quiet", "origin")
        self.git("reset", "--quiet", "--hard", "origin/main")


@pytest.fixture(scope="module")
def repo(servers: Instance, tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """The lab's servers with a config repo in which nothing is locked."""
    git_server.create_repo(servers, CONFIG)
    template = tmp_path_factory.mktemp("template")
    (template / "README.md").write_text("# Config\n")
    git_server.seed(servers, CONFIG, template)
    return servers


@pytest.fixture
def attendee(repo: Instance, tmp_path: Path) -> Desk:
    return begin(repo, tmp_path, locked())


@pytest.fixture
def instructor(repo: Instance, tmp_path: Path) -> Desk:
    return Desk(repo, tmp_path / "instructor", "instructor")


def begin(repo: Instance, folder: Path, files: Files) -> Desk:
    """Bring the repository to a state, whatever it is in; return the attendee's clone of it."""
    start = Desk(repo, folder / "start", "instructor")
    start.write(files, "Begin")
    start.push("--push-option=override=a test begins")
    return Desk(repo, folder / "attendee", "attendee")


def test_plain_git_does_not_move_what_is_locked(attendee: Desk) -> None:
    attendee.change(release("1.0.0"), "Release 1.0.0")
    told = attendee.refused()
    assert "hello in production is locked by attendee: until the talk is over" in told
    assert "`lab unlock hello --env production`" in told
    attendee.change(both(unlock, release("1.0.0")))
    assert "is locked by attendee" in attendee.refused()
    attendee.change(HARMLESS["the greeting"])
    attendee.change(unlock, "Unlock")
    attendee.change(release("1.0.0"), "Release 1.0.0")
    attendee.push()


def test_the_labs_own_writes_tell_it_in_the_servers_words(attendee: Desk, repo: Instance) -> None:
    clone = ConfigRepo(attendee.folder)
    with pytest.MonkeyPatch.context() as patch:
        for key, value in attendee.env.items():
            patch.setenv(key, value)
        with pytest.raises(PushRefused) as refused:
            clone.write(
                Message("Release 1.0.0"), lambda d: d.replace(HELLO, "hello:0.9.0", "hello:1.0.0")
            )
    lines = str(refused.value).splitlines()
    assert lines[0].startswith("found:    hello in production is locked by attendee: until the")
    assert lines[1].startswith("expected: hello in production keeps its version")
    assert lines[2].startswith("next:     `lab unlock hello --env production`, a commit of its")
    assert len(lines) == 3


def test_a_branch_from_before_the_lock_is_no_way_in(
    attendee: Desk, instructor: Desk, repo: Instance
) -> None:
    attendee.change(unlock, "Unlock")
    attendee.push()
    attendee.git("switch", "--quiet", "-c", "side")
    attendee.change(release("1.0.0"))
    attendee.git("push", "--quiet", "origin", "side")
    instructor.follow()
    instructor.change(lock, "Lock")
    instructor.push()
    attendee.git("switch", "--quiet", "main")
    attendee.follow()
    attendee.git("merge", "--quiet", "--no-ff", "-m", "Merge", "-s", "ort", "side")
    assert "is locked by attendee" in attendee.refused()
    attendee.git("merge", "--quiet", "--no-ff", "-m", "Merge", "-s", "ours", "side")
    attendee.push()


def test_an_override_leaves_a_note_that_everybody_can_fetch(
    attendee: Desk, instructor: Desk
) -> None:
    attendee.change(release("1.0.0"))
    assert "nobody but 'instructor'" in attendee.refused("--push-option=override=let me")
    instructor.follow()
    commit = instructor.change(release("1.0.0"))
    assert "git push -o override=WHY" in instructor.refused()
    commit = instructor.change(release("1.0.0"))
    instructor.push("-o", "override=the talk is off")
    attendee.git("fetch", "--quiet", "origin", "+refs/notes/overrides:refs/notes/overrides")
    assert attendee.git("notes", "--ref=overrides", "show", commit).splitlines() == [
        "Overridden-By: instructor",
        "Override-Reason: the talk is off",
        "Overridden-Lock: hello in production, locked by attendee: until the talk is over",
    ]
    attendee.git("notes", "--ref=overrides", "add", "--force", "-m", "Forged", commit)
    with pytest.raises(CommandFailed, match="branches"):
        attendee.git("push", "origin", "refs/notes/overrides:refs/notes/overrides", "--force")


def test_the_bots_credentials_open_no_more_than_they_must(
    repo: Instance, attendee: Desk, tmp_path: Path
) -> None:
    bot = Desk(repo, tmp_path / "bot", "flux")
    bot.change(release("1.0.0"))
    assert "is locked by attendee" in bot.refused()
    bot.change(HARMLESS["the greeting"])
    assert "changes more of apps/production/hello.yaml than images" in bot.refused()
    attendee.change(unlock)
    attendee.push()
    bot.follow()
    bot.change(release("1.0.0"))
    bot.push()
    git_server.create_repo(repo, "other")
    with pytest.raises(CommandFailed, match="main of config"):
        bot.git("push", git_server.url(repo, "other"), "HEAD:main")


def rendered(files: Files, folder: Path) -> set[str]:
    """Return what kustomize makes of the environment, as far as the app's image goes."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    words = [str(supply.tool("kubectl")), "kustomize", "apps/production"]
    built = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    found = YAML(typ="safe", pure=True).load_all(built.stdout)
    return {
        f"{doc['metadata']['namespace']}/{doc['metadata']['name']}: {container['image']}"
        for doc in found
        if doc["kind"] == "Deployment" and doc["metadata"]["name"].endswith("hello")
        for container in doc["spec"]["template"]["spec"]["containers"]
    }


def test_the_ways_that_the_hook_knows_are_real_ones(tmp_path: Path) -> None:
    """What it refuses does move the version, by kustomize itself; what it lets through does not."""
    before = rendered(locked(), tmp_path / "before")
    assert before == {"production/hello: registry:5000/hello:0.9.0"}
    numbers = itertools.count()

    def after(name: str, way: Way) -> tuple[str, set[str]]:
        files = locked()
        way(files)
        return name, rendered(files, tmp_path / str(next(numbers)))

    with ThreadPoolExecutor(2) as pool:
        moved = dict(pool.map(lambda pair: after(*pair), MOVES.items()))
        still = {name: way for name, way in HARMLESS.items() if "broken" not in name}
        left = dict(pool.map(lambda pair: after(*pair), still.items()))
    assert [name for name, found in moved.items() if found == before] == []
    assert {name: found for name, found in left.items() if found != before} == {}


def test_the_hook_takes_little_time(
    repo: Instance, attendee: Desk, tmp_path: Path, output: Path
) -> None:
    """A push without a lock, beside one to a repository in which nothing is judged but authors."""
    git_server.create_repo(repo, "plain")
    files = locked()
    (tmp_path / "template").mkdir()
    (tmp_path / "template" / "README.md").write_text("x\n")
    git_server.seed(repo, "plain", tmp_path / "template")
    desks = {"with a lock": attendee, "plain": Desk(repo, tmp_path / "plain", "attendee", "plain")}
    desks["plain"].write(files)
    desks["plain"].push()
    taken: dict[str, list[float]] = {"with a lock": [], "plain": [], "no lock": []}

    def measure(name: str, desk: Desk, number: int) -> None:
        desk.git("commit", "--quiet", "--allow-empty", "--message", f"Push {number}")
        (desk.folder / "README.md").write_text(f"{number}\n")
        desk.git("commit", "--quiet", "--all", "--amend", "--no-edit")
        start = time.monotonic()
        desk.push()
        taken[name].append(time.monotonic() - start)

    for number in range(5):
        for name, desk in desks.items():
            measure(name, desk, number)
    attendee.change(unlock)
    attendee.push()
    for number in range(5):  # by turns: what a busy machine adds, it adds to both
        measure("no lock", attendee, number)
        measure("plain", desks["plain"], number)
    seconds = {name: round(statistics.median(each), 3) for name, each in taken.items()}
    write_json(output / "git-hook-seconds.json", seconds)
    print(seconds)
    assert min(taken["no lock"]) - min(taken["plain"]) < SLOWER


class FastBot(threading.Thread):
    """The understudy's writing, as fast as it can: what it is told in the cluster never reaches it.

    So it never learns that it is suspended, and Git alone holds it.
    """

    def __init__(self, lab: Instance, folder: Path, images: Mapping[str, ImageRef]) -> None:
        super().__init__(daemon=True)
        self._clone = Clone(
            folder, git_server.url(lab, CONFIG), user="flux", password=credentials(lab)["flux"]
        )
        self._images = images
        self._ended = threading.Event()
        self.landed: list[str] = []
        self.refusals: list[str] = []
        self.broken: Exception | None = None

    def run(self) -> None:
        try:
            while not self._ended.is_set():
                self._tick()
        except Exception as broken:  # noqa: BLE001 - told by the test, which ends it
            self.broken = broken

    def _tick(self) -> None:
        try:
            _, pushed = bots.write(self._clone, "main", "main", BOT, self._change)
        except GitFailed as refused:
            if "whose automation is suspended in Git" not in str(refused):
                raise
            self.refusals.append(str(refused))
            return
        if pushed is not None:
            self.landed.append(pushed.sha)

    def _change(self, commit: str) -> tuple[Mapping[str, bytes], str] | None:
        edited = edit(self._clone.read(commit, HELLO).decode(), self._images)
        if not edited.changes:
            return None
        return {HELLO: edited.text.encode()}, "Release hello\n\nLab-Event: autorelease\n"

    def end(self) -> None:
        self._ended.set()
        self.join(timeout=30)
        assert self.broken is None, self.broken


@pytest.mark.parametrize("rollbacks", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_rollbacks_hold_against_a_bot_that_never_rests(
    repo: Instance, tmp_path: Path, output: Path, rollbacks: int
) -> None:
    """Each time the bot brings the bad version, is pinned by the rollback, and tries on.

    The rollback is the engine's, as `lab rollback` carries it out.
    """
    files = state()
    swap(HELLO, f"hello:0.9.0{MARKER}", f"hello:1.2.0{MARKER}")(files)
    swap(AUTOMATION, "suspend: false", "suspend: true")(files)
    attendee = begin(repo, tmp_path, files)
    clone = ConfigRepo(attendee.folder, environment=attendee.env)
    desk = engine.Desk(clone, "attendee", lambda image: ["1.3.0", "1.2.0"])
    bot = FastBot(repo, tmp_path / "bot", {POLICY: ImageRef("registry:5000/hello", "1.3.0")})
    bot.start()
    held, start = 0, time.monotonic()
    for number in range(rollbacks):
        landed = len(bot.landed)
        clone.write(
            Message(f"Automate {number}"),
            lambda draft: draft.replace(AUTOMATION, "suspend: true", "suspend: false"),
        )
        until(bot, lambda count=landed: len(bot.landed) > count, "the bot's release")
        action = rollback(desk, "hello", env="production", reason="it greets nobody")
        written = engine.carry_out(desk, action, show=lambda difference: None)
        assert written is not None
        refused = len(bot.refusals)
        until(bot, lambda count=refused: len(bot.refusals) > count, "the bot's attempt")
        back = "hello:1.2.0" in clone.text(HELLO, clone.fetch().sha)
        held += back and clone.fetch().sha == written.commit.sha
    seconds = time.monotonic() - start
    bot.end()
    figures = {
        "rollbacks": rollbacks,
        "held": held,
        "releases by the bot": len(bot.landed),
        "attempts refused": len(bot.refusals),
        "seconds": round(seconds, 1),
    }
    write_json(output / f"rollbacks-against-the-bot-{rollbacks}.json", figures)
    print(figures)
    assert (held, len(bot.landed)) == (rollbacks, rollbacks)


def until(bot: FastBot, holds: Any, what: str) -> None:
    def condition() -> None:
        assert bot.broken is None, bot.broken
        if not holds():
            raise NotYet(f"{len(bot.landed)} landed, {len(bot.refusals)} refused")

    wait_for(condition, what=what, timeout=30, interval=0.02)
