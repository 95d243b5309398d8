"""What the checks of the labs 05 and 07 read in history, on real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.errors import LabError
from labs.exercises import deploy_checks, deploy_faults, rollback_checks, rollback_lock
from labs.exercises.evidence import HELLO
from labs.exercises.releases import (
    AUTOMATION,
    State,
    moves,
    next_move,
    refuse_kept_back,
    short,
    state,
    version,
)
from labs.gitops import image_automation
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.instance import PROJECT, Instance
from labs.platform import registry
from labs.platform.credentials import mail
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet
from tests.unit.gitrepos import git, new_clone, new_server

TEMPLATE = PROJECT / "config-repo-template"
LOCK = """\
  annotations:
    gitops-hackfest/locked-by: attendee
    gitops-hackfest/lock-reason: until the talk is over
"""


class Desk:
    """A person, or the bot, with a clone of their own."""

    def __init__(self, path: Path, user: str) -> None:
        self.path = path
        git("config", "user.name", user.capitalize(), cwd=path)
        git("config", "user.email", mail(user), cwd=path)

    def edit(self, *changes: tuple[str, str, str]) -> None:
        for file, old, new in changes:
            text = (self.path / file).read_text()
            assert text.count(old) == 1, f"{old!r} in {file}"
            (self.path / file).write_text(text.replace(old, new))

    def commit(self, message: str) -> str:
        git("commit", "-qam", message, cwd=self.path)
        return git("rev-parse", "HEAD", cwd=self.path)

    def push(self, message: str, *changes: tuple[str, str, str]) -> str:
        """Make the changes one commit on top of what is there, and push it."""
        git("pull", "-q", "--rebase", cwd=self.path)
        self.edit(*changes)
        sha = self.commit(message)
        git("push", "-q", cwd=self.path)
        return sha

    def move(self, before: str, after: str, *more: tuple[str, str, str], event: str = "") -> str:
        trailer = f"\n\nLab-Event: {event}\n" if event else ""
        change = (HELLO, f"hello:{before}", f"hello:{after}")
        return self.push(f"To {after}{trailer}", change, *more)


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    files = {str(path.relative_to(TEMPLATE)): path.read_text() for path in TEMPLATE.rglob("*.yaml")}
    files |= image_automation.objects()
    files[HELLO] = image_automation.marked(files[HELLO])
    lab = Instance("releases", tmp_path)
    new_clone(new_server(tmp_path / "server", files), lab.work / "config-repo")
    return lab


@pytest.fixture
def reader(instance: Instance) -> Desk:
    return Desk(instance.work / "config-repo", "attendee")


@pytest.fixture
def colleague(tmp_path: Path) -> Desk:
    bare = tmp_path / "server" / "config.git"
    return Desk(new_clone(bare, tmp_path / "instructor"), "instructor")


@pytest.fixture
def bot(tmp_path: Path) -> Desk:
    return Desk(new_clone(tmp_path / "server" / "config.git", tmp_path / "flux"), "flux")


@pytest.fixture
def repo(instance: Instance, reader: Desk) -> ConfigRepo:
    return attendees(instance)


PIN = (AUTOMATION, "suspend: false", "suspend: true")
RESUME = (AUTOMATION, "suspend: true", "suspend: false")
LEAVE_OUT = (AUTOMATION, '">=1.0.0"', '">=1.0.0, !=1.3.0"')
LOCKED = (HELLO, "  name: hello\nspec:", f"  name: hello\n{LOCK}spec:")
UNLOCKED = (HELLO, LOCK, "")


def undone(check: object, instance: Instance, answer: object = ...) -> str:
    """Return what a check finds where nobody did the step."""
    assert callable(check)
    with pytest.raises(NotDone) as found:
        check(Attempt(instance, answer))
    return found.value.found


def test_moves_are_told_with_who_made_them_and_how(
    repo: ConfigRepo, reader: Desk, colleague: Desk, bot: Desk
) -> None:
    reader.move("0.9.0", "1.0.0")
    reader.push("Greet", (HELLO, "Hello from Git", "Hello"))
    colleague.move("1.0.0", "1.1.0", event="release")
    bot.move("1.1.0", "1.3.0", event="autorelease")
    repo.fetch()
    found = moves(repo)
    assert [(m.before, m.after) for m in found] == [
        ("1.1.0", "1.3.0"), ("1.0.0", "1.1.0"), ("0.9.0", "1.0.0"),
    ]  # fmt: skip
    assert [m.by_hand for m in found] == [False, False, True]
    assert [m.by_bot for m in found] == [True, False, False]
    assert [m.event for m in found] == ["autorelease", "release", ""]
    assert next_move(found, found[-1]) == found[1]
    assert next_move(found, found[0]) is None
    assert version(repo, "HEAD") == "1.0.0", "the clone itself was not touched"


def test_a_state_says_lock_pin_and_range(repo: ConfigRepo, reader: Desk) -> None:
    assert state(repo, "HEAD") == State("0.9.0", "", "", True, ">=1.0.0")
    reader.push("Lock", LOCKED, PIN)
    repo.fetch()
    found = state(repo)
    assert found == State("0.9.0", "attendee", "until the talk is over", False, ">=1.0.0")
    assert found.takes("1.3.0")
    assert not found.takes("0.9.0")
    assert not State("1", "", "", True, "no range").takes("1.3.0")
    assert not State("1", "", "", True, "").takes("1.3.0")


def test_what_is_kept_back_is_told_apart(repo: ConfigRepo, reader: Desk) -> None:
    repo.fetch()
    refuse_kept_back(repo, "1.0.0")
    reader.edit((HELLO, "hello:0.9.0", "hello:1.0.0"))
    with pytest.raises(CheckFailed, match="no commit does") as changed:
        refuse_kept_back(repo, "1.0.0")
    assert not isinstance(changed.value, NotDone)
    reader.commit("Release")
    with pytest.raises(CheckFailed, match="Git server does not have it"):
        refuse_kept_back(repo, "1.0.0")
    git("push", "-q", cwd=reader.path)
    repo.fetch()
    refuse_kept_back(repo, "1.0.0")


def test_the_releases_are_compared_by_their_diffs(
    instance: Instance, repo: ConfigRepo, reader: Desk
) -> None:
    with pytest.raises(NotYet):
        deploy_checks.same_change(Attempt(instance))
    hand = reader.move("0.9.0", "1.0.0")
    reader.move("1.0.0", "1.1.0", event="release")
    told = deploy_checks.same_change(Attempt(instance))
    assert told.startswith(f"the same: 1 line in {HELLO}")
    assert told.endswith("Lab-Event")
    assert undone(deploy_checks.hand_made, instance).startswith("no answer")
    assert hand[:7] in deploy_checks.hand_made(Attempt(instance, hand[:10]))
    for wrong in (hand[:6], git("rev-parse", "HEAD", cwd=reader.path)):
        with pytest.raises(CheckFailed):
            deploy_checks.hand_made(Attempt(instance, wrong))


def test_a_release_by_command_is_none_by_hand(instance: Instance, reader: Desk) -> None:
    assert "no commit of yours says 1.0.0" in undone(deploy_checks.by_hand, instance)
    assert "no command has released" in undone(deploy_checks.by_command, instance)
    reader.move("0.9.0", "1.0.0", event="release")
    with pytest.raises(CheckFailed, match="made by a command"):
        deploy_checks.by_hand(Attempt(instance))
    reader.move("1.0.0", "1.1.0")
    with pytest.raises(CheckFailed, match="without a command"):
        deploy_checks.by_command(Attempt(instance))


@pytest.mark.parametrize("way", ["--rebase", "--no-rebase"])
def test_a_lost_race_is_found_after_rebase_and_merge(
    instance: Instance,
    repo: ConfigRepo,
    reader: Desk,
    colleague: Desk,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deploy_checks, "live", lambda attempt, commit: None)
    assert "met a release" in undone(deploy_checks.lost_race, instance)
    reader.edit((HELLO, "Hello from Git", "Two desks"))
    reader.commit("Greet")
    colleague.move("0.9.0", "1.0.0", event="release")
    with pytest.raises(CheckFailed, match="in your clone alone"):
        deploy_checks.lost_race(Attempt(instance))
    git("pull", "-q", way, "--no-edit", cwd=reader.path)
    git("push", "-q", cwd=reader.path)
    assert "version 1.0.0 and the greeting 'Two desks'" in deploy_checks.lost_race(
        Attempt(instance)
    )


@pytest.mark.parametrize(("mine", "theirs"), [("10:00", "10:01"), ("10:01", "10:00")])
def test_side_by_side_it_matters_not_which_was_written_first(
    instance: Instance,
    reader: Desk,
    colleague: Desk,
    mine: str,
    theirs: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def at(clock: str) -> None:
        for who in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{who}_DATE", f"2026-01-01T{clock}:00Z")

    monkeypatch.setattr(deploy_checks, "live", lambda attempt, commit: None)
    at(mine)
    reader.edit((HELLO, "Hello from Git", "Two desks"))
    reader.commit("Greet")
    at(theirs)
    release = colleague.move("0.9.0", "1.0.0", event="release")
    at("10:02")
    git("pull", "-q", "--no-rebase", "--no-edit", cwd=reader.path)
    git("push", "-q", cwd=reader.path)
    told = deploy_checks.lost_race(Attempt(instance))
    assert told.startswith(f"{release[:7]} was faster")
    assert "version 1.0.0 and the greeting 'Two desks'" in told


def test_one_after_the_other_is_no_race(
    instance: Instance, reader: Desk, colleague: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2026-01-01T10:00:00Z")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-01T10:00:00Z")
    colleague.move("0.9.0", "1.0.0", event="release")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2026-01-01T10:01:00Z")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-01T10:01:00Z")
    reader.push("Greet", (HELLO, "Hello from Git", "Later"))
    assert "met a release" in undone(deploy_checks.lost_race, instance)


KUSTOMIZATION = deploy_faults.KUSTOMIZATION
BANNER = (KUSTOMIZATION, "resources:\n", "resources:\n  - banner.yaml\n")
NO_BANNER = (KUSTOMIZATION, "  - banner.yaml\n", "")


def test_a_file_that_is_not_there_is_found_and_its_cure(
    instance: Instance, repo: ConfigRepo, reader: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deploy_faults.missing(repo) == []
    assert "is there, in every commit" in undone(deploy_faults.broken_path, instance)
    with pytest.raises(NotYet):
        deploy_faults.broken_path_fact(Attempt(instance))
    assert "nothing was broken" in undone(deploy_faults.mended_path, instance)
    reader.edit(BANNER)
    assert deploy_faults.missing(repo) == ["banner.yaml"]
    with pytest.raises(CheckFailed, match="no commit does"):
        deploy_faults.broken_path(Attempt(instance))
    reader.commit("Put up a banner")
    with pytest.raises(CheckFailed, match="not pushed"):
        deploy_faults.broken_path(Attempt(instance))
    git("push", "-q", cwd=reader.path)
    assert "still names banner.yaml" in undone(deploy_faults.mended_path, instance)
    assert "0.9.0 went on answering" in deploy_faults.broken_path_fact(Attempt(instance))
    (reader.path / "apps/production/banner.yaml").write_text("kind: ConfigMap\n")
    git("add", ".", cwd=reader.path)
    reader.commit("Write the banner")
    git("push", "-q", cwd=reader.path)
    asked: list[str] = []
    monkeypatch.setattr(deploy_faults, "live", lambda attempt, commit: asked.append(commit.subject))
    monkeypatch.setattr(deploy_faults, "way", lambda seen: "there")
    assert deploy_faults.mended_path(Attempt(instance)).endswith("there")
    assert asked == ["Write the banner"], "the file itself may be the cure, too"
    assert "by now it is mended" in deploy_faults.broken_path(Attempt(instance))


def test_folders_patches_and_what_is_no_yaml_count(repo: ConfigRepo, reader: Desk) -> None:
    reader.edit((KUSTOMIZATION, "../base/hello", "../base/hallo"))
    assert deploy_faults.missing(repo) == ["../base/hallo"]
    reader.edit((KUSTOMIZATION, "path: hello.yaml", "path: hallo.yaml"))
    assert deploy_faults.missing(repo) == ["../base/hallo", "hallo.yaml"]
    (reader.path / KUSTOMIZATION).write_text("resources: [\n")
    assert len(deploy_faults.missing(repo)) == 1
    (reader.path / KUSTOMIZATION).write_text("- a list\n")
    assert len(deploy_faults.missing(repo)) == 1


def test_a_version_that_nobody_built_is_found_and_its_cure(
    instance: Instance, reader: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "tags", lambda instance, name: ["0.9.0", "1.1.0"])
    assert "the registry has it" in undone(deploy_faults.wrong_tag, instance)
    assert "so none can be taken back" in undone(deploy_faults.mended_tag, instance)
    with pytest.raises(NotYet):
        deploy_faults.wrong_tag_fact(Attempt(instance))
    reader.move("0.9.0", "1.10.0")
    assert "still asks for hello:1.10.0" in undone(deploy_faults.mended_tag, instance)
    assert "the pods of 0.9.0 stayed" in deploy_faults.wrong_tag_fact(Attempt(instance))
    reader.move("1.10.0", "1.1.0")
    asked: list[str] = []
    monkeypatch.setattr(deploy_faults, "live", lambda attempt, commit: asked.append(commit.subject))
    monkeypatch.setattr(deploy_faults, "way", lambda seen: "there")
    assert "(1.10.0 → 1.1.0)" in deploy_faults.mended_tag(Attempt(instance))
    assert asked == ["To 1.1.0"]
    assert "by now it is mended" in deploy_faults.wrong_tag(Attempt(instance))


def test_a_plain_revert_and_the_bots_answer(instance: Instance, reader: Desk, bot: Desk) -> None:
    assert "no commit of the bot" in undone(rollback_checks.who, instance)
    reader.move("0.9.0", "1.2.0", event="release")
    brought = bot.move("1.2.0", "1.3.0", event="autorelease")
    assert "which commit brought 1.3.0" in undone(rollback_checks.who, instance)
    assert "by Flux" in rollback_checks.who(Attempt(instance, brought[:8]))
    with pytest.raises(CheckFailed):
        rollback_checks.who(Attempt(instance, "0000000"))
    assert "by a plain commit" in undone(rollback_checks.plain_revert, instance)
    reader.move("1.3.0", "1.2.0")
    with pytest.raises(NotYet):
        rollback_checks.revert_fact(Attempt(instance))
    with pytest.raises(LabError, match="the bot looks every 30 s"):
        rollback_checks.plain_revert(Attempt(instance, timeout=0))
    bot.move("1.2.0", "1.3.0", event="autorelease")
    assert "(1.2.0 → 1.3.0) by Flux" in rollback_checks.plain_revert(Attempt(instance))
    assert rollback_checks.revert_fact(Attempt(instance)).startswith("1.3.0 is back")


def test_a_rollback_that_pins_is_told_from_one_that_does_not(
    instance: Instance, repo: ConfigRepo, reader: Desk, bot: Desk
) -> None:
    reader.move("0.9.0", "1.2.0", event="release")
    bot.move("1.2.0", "1.3.0", event="autorelease")
    reader.move("1.3.0", "1.2.0")
    bot.move("1.2.0", "1.3.0", event="autorelease")
    assert "free to see to that" in undone(rollback_checks.safe_by_hand, instance)
    reader.push("Pin first", PIN)
    with pytest.raises(CheckFailed, match="all the same"):
        rollback_checks.safe_by_hand(Attempt(instance))
    reader.move("1.3.0", "1.2.0")
    repo.fetch()
    assert not rollback_checks._pinned(repo), "two commits leave a gap between them"
    reader.push("Resume", RESUME)
    bot.move("1.2.0", "1.3.0", event="autorelease")
    reader.move("1.3.0", "1.2.0", PIN)
    repo.fetch()
    assert len(rollback_checks._pinned(repo)) == 1
    assert len(rollback_checks._plain(repo)) == 1
    assert "no `lab rollback`" in undone(rollback_checks.safe_by_command, instance)


def test_a_suspended_bot_does_not_answer_a_revert(
    instance: Instance, reader: Desk, bot: Desk
) -> None:
    bot.move("0.9.0", "1.3.0", event="autorelease")
    reader.move("1.3.0", "1.2.0", PIN)
    with pytest.raises(CheckFailed, match="nobody works against it"):
        rollback_checks.plain_revert(Attempt(instance))


def test_a_lock_is_followed_from_its_commit_to_its_end(
    instance: Instance, repo: ConfigRepo, reader: Desk, colleague: Desk
) -> None:
    reader.move("0.9.0", "1.2.0")
    assert "has no lock" in undone(rollback_lock.locked, instance)
    reader.edit(LOCKED)
    with pytest.raises(CheckFailed, match="in no commit"):
        rollback_lock.locked(Attempt(instance))
    lock = reader.commit("Lock")
    with pytest.raises(CheckFailed, match="in your clone alone"):
        rollback_lock.locked(Attempt(instance))
    git("push", "-q", cwd=reader.path)
    repo.fetch()
    found = rollback_lock.newest_lock(repo)
    assert found is not None
    assert found.sha == lock
    assert "no other change of hello" in undone(rollback_lock.holds, instance)
    with pytest.raises(NotYet):
        rollback_lock.holds_fact(Attempt(instance))
    reader.push("Greet", (HELLO, "Hello from Git", "Locked"))
    told = "nothing moved 1.2.0 for as long as the lock was there"
    assert rollback_lock.holds_fact(Attempt(instance)).startswith(told)
    reader.push("Unlock", UNLOCKED)
    reader.move("1.2.0", "1.1.0")
    reader.push("Lock once more", LOCKED)
    colleague.move("1.1.0", "1.0.0", event="release")
    assert rollback_lock.holds_fact(Attempt(instance)).startswith(told), "another lock's matter"
    reader.push("Greet again", (HELLO, "value: Locked", "value: Again"))
    assert "moved in spite of the lock" in rollback_lock.holds_fact(Attempt(instance))


def test_a_lock_without_a_reason_is_none(instance: Instance, reader: Desk) -> None:
    half = LOCK.splitlines(keepends=True)[:2]
    reader.push("Lock", (HELLO, "  name: hello\nspec:", f"  name: hello\n{''.join(half)}spec:"))
    with pytest.raises(CheckFailed, match="does not say why"):
        rollback_lock.locked(Attempt(instance))


def test_the_check_does_not_push_where_nothing_is_locked(repo: ConfigRepo, reader: Desk) -> None:
    before = repo.fetch().sha
    with pytest.raises(rollback_lock.NoLongerLocked):
        rollback_lock._try(repo)
    assert repo.fetch().sha == before


def test_a_refused_commit_that_is_left_over_is_named(
    instance: Instance, repo: ConfigRepo, reader: Desk
) -> None:
    reader.push("Lock", LOCKED)
    repo.fetch()
    reader.edit((HELLO, "hello:0.9.0", "hello:1.1.0"))
    reader.commit("Sneak past the lock")
    with pytest.raises(CheckFailed, match="'Sneak past the lock' was refused"):
        rollback_lock.holds(Attempt(instance))


def test_the_way_out_needs_all_of_it(
    instance: Instance, repo: ConfigRepo, reader: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollback_checks, "live", lambda attempt, commit: None)
    reader.move("0.9.0", "1.2.0")
    reader.push("Lock", LOCKED, PIN)
    assert undone(rollback_checks.way_out, instance) == (
        "hello is locked by attendee, its automation is suspended, the range '>=1.0.0' takes 1.3.0"
    )
    reader.push("Leave it out", LEAVE_OUT)
    reader.push("Unlock", UNLOCKED)
    assert undone(rollback_checks.way_out, instance) == "its automation is suspended"
    free = reader.push("Resume", RESUME)
    told = rollback_checks.way_out(Attempt(instance))
    assert told.startswith(free[:7])
    reader.push("Lock once more", LOCKED)
    assert rollback_checks.way_out(Attempt(instance)) == told, "it holds whatever comes later"


def test_an_override_is_known_by_its_note(
    instance: Instance, repo: ConfigRepo, reader: Desk, colleague: Desk, tmp_path: Path
) -> None:
    reader.push("Lock", LOCKED)
    moved = colleague.move("0.9.0", "1.1.0", event="release")
    assert "no commit bears a note" in undone(rollback_lock.overridden, instance)
    note = "Overridden-By: instructor\nOverride-Reason: the customer waits"
    bare = tmp_path / "server" / "config.git"
    identity = ["-c", "user.name=Git", "-c", "user.email=git@hackfest.local"]
    git(*identity, "notes", "--ref=overrides", "add", "-m", note, moved, cwd=bare)
    told = rollback_lock.overridden(Attempt(instance))
    assert told.endswith("Overridden-By: instructor | Override-Reason: the customer waits")


def test_a_long_message_is_cut_in_its_middle() -> None:
    assert short("a\n b") == "a b"
    cut = short("x" * 100 + "y" * 100, 50)
    assert len(cut) <= 51
    assert cut.startswith("xxx")
    assert cut.endswith("yyy")
