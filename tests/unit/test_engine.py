"""Release, rollback, lock, automation on real Git repositories: what is committed, or refused."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.gitops.automation import automate, deautomate, policy
from labs.gitops.commits import Message
from labs.gitops.desk import Action, carry_out
from labs.gitops.draft import Draft
from labs.gitops.git_words import CloneNotClean, PushRefused
from labs.gitops.lock import lock, unlock
from labs.gitops.release import release, rollback
from labs.gitops.workloads import each, environments
from tests.unit.engine_desk import BOT, HELLO, Office, automated, away, office, staging, template
from tests.unit.gitrepos import git

MARKER = '# {"$imagepolicy": "flux-system:hello-production"}'


@pytest.fixture
def plain(tmp_path: Path) -> Office:
    """A config repo as lab 05 finds it: no automation."""
    return office(tmp_path, template())


@pytest.fixture
def auto(tmp_path: Path) -> Office:
    """A config repo as lab 06 leaves it."""
    return office(tmp_path, automated())


def changed(before: str, after: str) -> list[str]:
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [f"{line[0]} {line[2:].strip()}" for line in lines if line[:1] in "+-"]


def test_a_release_changes_one_line_and_is_one_commit_with_trailers(auto: Office) -> None:
    before = auto.text()
    shown = auto.do(release(auto.desk, "hello", "1.0.0", reason="the\nfirst of ours"))
    expected = [
        f"- image: registry:5000/hello:0.9.0 {MARKER}",
        f"+ image: registry:5000/hello:1.0.0 {MARKER}",
    ]
    assert changed(before, auto.text()) == expected
    assert f"+          image: registry:5000/hello:1.0.0 {MARKER}" in shown.splitlines()
    commit = auto.desk.repo.commit()
    assert commit.subject == "Release hello 1.0.0 to production"
    assert commit.trailers == {
        "Lab-Event": "release",
        "Lab-App": "hello",
        "Lab-Environment": "production",
        "Lab-Version": "1.0.0",
        "Lab-By": "attendee",
        "Lab-Reason": "the first of ours",
    }
    assert git("status", "--porcelain", cwd=auto.desk.repo.path) == ""


def test_a_dry_run_shows_and_does_nothing(plain: Office) -> None:
    before = git("rev-parse", "main", cwd=plain.server)
    seen: list[str] = []
    action = release(plain.desk, "hello", "1.0.0")
    assert carry_out(plain.desk, action, dry_run=True, show=seen.append) is None
    assert "hello:1.0.0" in seen[0]
    assert git("rev-parse", "main", cwd=plain.server) == before


@pytest.mark.parametrize(
    ("app", "version", "env", "words"),
    [
        ("helo", "1.0.0", "", "one of: hello; the nearest is 'hello'"),
        ("hello", "1.0.1", "", "1.3.0, 1.2.0, 1.1.0, 1.0.0, 0.9.0, nightly; the nearest"),
        ("hello", "1.0.0", "prodution", "one of: production; the nearest is 'production'"),
        ("hello-address", "1.0.0", "", "one of: hello"),
        ("hello", "0.9.0", "", "another version"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_with_the_known_and_the_nearest(
    plain: Office, app: str, version: str, env: str, words: str
) -> None:
    with pytest.raises(LabError) as wrong:
        plain.do(release(plain.desk, app, version, env))
    assert words in wrong.value.expected


def test_an_environment_is_named_where_there_are_several(tmp_path: Path) -> None:
    files = staging(template())
    both = office(tmp_path / "both", files)
    tree = both.desk.newest()
    assert environments(tree) == ["production", "staging"]
    assert [one.place.app for one in each(tree, "staging")] == ["hello", "shop"]
    both.do(release(both.desk, "hello", "1.0.0"))
    assert "hello:1.0.0" in both.text()
    both.do(release(both.desk, "hello", "1.1.0", "staging"))
    assert "hello:1.1.0" in both.text("apps/staging/hello.yaml")
    assert "hello:1.0.0" in both.text()
    for path in [path for path in files if path.startswith("apps/production/")]:
        files["apps/testing/" + path.split("/")[-1]] = files.pop(path)
    neither = office(tmp_path / "neither", files)
    with pytest.raises(LabError, match="no environment is named") as wrong:
        release(neither.desk, "hello", "1.0.0")
    assert "staging, testing" in wrong.value.expected


def test_a_registry_that_is_away_is_named_and_nothing_is_done(plain: Office) -> None:
    desk = replace(plain.desk, versions=away)
    with pytest.raises(LabError, match="the registry does not answer"):
        release(desk, "hello", "1.0.0")
    assert "hello:0.9.0" in plain.text()


def test_a_dirty_clone_is_left_alone(plain: Office) -> None:
    path = plain.desk.repo.path / HELLO
    path.write_text("mine\n")
    with pytest.raises(CloneNotClean):
        plain.do(release(plain.desk, "hello", "1.0.0"))
    assert path.read_text() == "mine\n"
    assert "hello:0.9.0" in plain.text()


def test_a_broken_file_is_named(plain: Office) -> None:
    plain.by_hand("ada", "Break it", HELLO, lambda text: text + "  - : [\n")
    with pytest.raises(LabError, match=rf"{HELLO} is no YAML: line \d+") as broken:
        release(plain.desk, "hello", "1.0.0")
    assert "git revert" in broken.value.todo


def test_a_rollback_goes_to_the_version_before_and_pins_it(auto: Office) -> None:
    for version in ("1.0.0", "1.2.0", "1.3.0"):
        auto.do(release(auto.desk, "hello", version))
    before = auto.text(), auto.text(BOT)
    action = rollback(auto.desk, "hello", reason="it greets nobody")
    auto.do(action)
    assert changed(before[0], auto.text()) == [
        f"- image: registry:5000/hello:1.3.0 {MARKER}",
        f"+ image: registry:5000/hello:1.2.0 {MARKER}",
    ]
    assert changed(before[1], auto.text(BOT)) == ["- suspend: false", "+ suspend: true"]
    assert auto.desk.repo.commit().trailers["Lab-Event"] == "rollback"
    assert any("lab automate hello --env production" in remark for remark in action.remarks)
    # Once more: not forth to the bad one, but to what was there before that.
    auto.do(rollback(auto.desk, "hello"))
    assert "hello:1.0.0" in auto.text()
    auto.do(rollback(auto.desk, "hello", "1.1.0"))
    assert "hello:1.1.0" in auto.text()


def test_a_version_that_the_registry_never_had_is_no_way_back(plain: Office) -> None:
    with pytest.raises(LabError, match=r"no version ran before 0\.9\.0"):
        rollback(plain.desk, "hello")
    plain.by_hand("ada", "A typo", HELLO, lambda text: text.replace("0.9.0", "9.9.9"))
    plain.do(release(plain.desk, "hello", "1.0.0"))
    plain.do(rollback(plain.desk, "hello"))
    assert "hello:0.9.0" in plain.text()


def test_a_rollback_to_what_ran_does_not_need_the_registry(plain: Office) -> None:
    plain.do(release(plain.desk, "hello", "1.0.0"))
    desk = replace(plain.desk, versions=away)
    with pytest.raises(LabError, match="the registry does not answer"):
        rollback(desk, "hello")
    with pytest.raises(LabError, match="the registry does not answer"):
        rollback(desk, "hello", "1.1.0")
    action = rollback(desk, "hello", "0.9.0")
    assert "0.9.0 ran here before" in action.remarks[0]
    plain.do(action)
    assert "hello:0.9.0" in plain.text()


def test_a_rollback_from_another_version_than_was_seen_is_not_done(plain: Office) -> None:
    plain.do(release(plain.desk, "hello", "1.0.0"))
    action = rollback(plain.desk, "hello")
    other = plain.by("ada")
    other.do(release(other.desk, "hello", "1.1.0"))
    with pytest.raises(LabError, match="somebody moved hello in production"):
        plain.do(action)
    assert "hello:1.1.0" in plain.text()


def test_a_lock_holds_and_says_who_and_why(auto: Office) -> None:
    before = auto.text()
    auto.do(lock(auto.desk, "hello", "until the talk is over"))
    assert changed(before, auto.text()) == [
        "+ annotations:",
        "+ gitops-hackfest/locked-by: attendee",
        "+ gitops-hackfest/lock-reason: until the talk is over",
    ]
    assert "suspend: true" in auto.text(BOT)
    assert auto.desk.repo.commit().trailers["Lab-Reason"] == "until the talk is over"
    attempts: list[Callable[[], Action]] = [
        lambda: release(auto.desk, "hello", "1.0.0"),
        lambda: rollback(auto.desk, "hello", "1.0.0"),
        lambda: automate(auto.desk, "hello"),
        lambda: lock(auto.desk, "hello", "again"),
    ]
    for attempt in attempts:
        with pytest.raises(LabError, match="locked by attendee: until the talk is over") as held:
            auto.do(attempt())
        assert "lab unlock hello --env production" in held.value.todo
    action = unlock(auto.desk, "hello")
    assert "lab automate hello" in action.remarks[0]
    auto.do(action)
    assert auto.text() == before
    assert "suspend: true" in auto.text(BOT)
    with pytest.raises(LabError, match="is not locked"):
        auto.do(unlock(auto.desk, "hello"))


def test_a_lock_without_automation_or_without_a_reason(plain: Office) -> None:
    with pytest.raises(LabError, match="without a reason"):
        lock(plain.desk, "hello", " \n")
    before = plain.text()
    plain.do(lock(plain.desk, "hello", 'a "talk": # yes'))
    assert 'lock-reason: "a \\"talk\\": # yes"' in plain.text()
    plain.do(unlock(plain.desk, "hello"))
    assert plain.text() == before


def test_a_lock_that_comes_in_between_holds(plain: Office) -> None:
    action = release(plain.desk, "hello", "1.0.0")
    other = plain.by("ada")
    other.do(lock(other.desk, "hello", "I was first"))
    with pytest.raises(LabError, match="locked by ada: I was first"):
        plain.do(action)
    assert "hello:0.9.0" in plain.text()


def test_an_override_is_the_instructors_and_goes_with_the_push(plain: Office) -> None:
    hook = plain.server / "hooks" / "pre-receive"
    hook.write_text('#!/bin/sh\n[ "$GIT_PUSH_OPTION_0" = "override=it burns" ] || exit 1\n')
    hook.chmod(0o755)
    with pytest.raises(LabError, match="an override asked for by attendee"):
        plain.do(release(plain.desk, "hello", "1.0.0", override="it burns"))
    instructor = plain.by("instructor")
    with pytest.raises(PushRefused):
        instructor.do(release(instructor.desk, "hello", "1.0.0"))
    instructor.do(release(instructor.desk, "hello", "1.0.0", override="it\nburns"))
    commit = instructor.desk.repo.commit()
    assert commit.author.name == "instructor"
    assert commit.trailers["Lab-Reason"] == "it burns"


def test_automation_comes_with_lab_06(plain: Office) -> None:
    for attempt in (automate(plain.desk, "hello"), policy(plain.desk, "hello", ">=1.0.0")):
        with pytest.raises(LabError, match="no image automation") as missing:
            plain.do(attempt)
        assert "lab 06" in missing.value.expected
    with pytest.raises(LabError, match="no automation is at work"):
        plain.do(deautomate(plain.desk, "hello"))


def test_automation_rests_and_goes_on(auto: Office) -> None:
    with pytest.raises(LabError, match="automated already"):
        auto.do(automate(auto.desk, "hello"))
    files = auto.text(), auto.text(BOT)
    auto.do(deautomate(auto.desk, "hello"))
    assert changed(files[1], auto.text(BOT)) == ["- suspend: false", "+ suspend: true"]
    assert auto.text() == files[0]
    with pytest.raises(LabError, match="no automation is at work"):
        auto.do(deautomate(auto.desk, "hello"))
    action = automate(auto.desk, "hello")
    assert action.remarks == (">=1.0.0 chooses 1.3.0, in the place of 0.9.0.",)
    auto.do(action)
    assert (auto.text(), auto.text(BOT)) == files


def test_a_workload_without_automation_gets_it_all_with_the_marker(tmp_path: Path) -> None:
    files = staging(automated())
    for path in ("apps/staging/hello.yaml", "apps/staging/shop.yaml"):
        files[path] = files[path].partition(" # {")[0] + files[path].partition("}")[2]
    both = office(tmp_path, files)
    before = both.text("automation/kustomization.yaml")
    both.do(automate(both.desk, "hello", "staging"))
    made = both.text("automation/staging/hello.yaml")
    assert made == both.text(BOT).replace("production", "staging")
    marker = '# {"$imagepolicy": "flux-system:hello-staging"}'
    assert f"hello:0.9.0 {marker}" in both.text("apps/staging/hello.yaml")
    assert changed(before, both.text("automation/kustomization.yaml")) == ["+ - staging/hello.yaml"]
    desk = replace(both.desk, versions=lambda image: ["1.0.0"])
    carry_out(desk, automate(desk, "shop", "staging"), show=lambda _: None)
    assert "image: registry:5000/shop" in both.text("automation/shop.yaml")
    assert "name: shop-staging" in both.text("automation/staging/shop.yaml")
    assert "hello" not in both.text("automation/staging/shop.yaml")
    listed = both.text("automation/kustomization.yaml")
    assert listed.index("- shop.yaml") < listed.index("- staging/shop.yaml")


def test_a_policy_is_a_range_by_the_rules_of_flux(auto: Office) -> None:
    before = auto.text(BOT)
    action = policy(auto.desk, "hello", "~1.1")
    assert action.remarks == ("~1.1 chooses 1.1.0, in the place of 0.9.0.",)
    auto.do(action)
    assert changed(before, auto.text(BOT)) == ['- range: ">=1.0.0"', '+ range: "~1.1"']
    with pytest.raises(LabError, match=r"is '~1\.1' already"):
        auto.do(policy(auto.desk, "hello", "~1.1"))
    with pytest.raises(LabError, match="'one or two' is no range"):
        policy(auto.desk, "hello", "one or two")
    assert "None of the registry's versions" in policy(auto.desk, "hello", ">=9").remarks[0]
    auto.do(deautomate(auto.desk, "hello"))
    assert "rests" in policy(auto.desk, "hello", "~1.2").remarks[0]
    auto.by_hand("ada", "By number", BOT, lambda text: text.replace(
        'semver:\n      range: "~1.1"', "numerical:\n      order: asc"))  # fmt: skip
    with pytest.raises(LabError, match="chooses by numerical"):
        auto.do(policy(auto.desk, "hello", "~1.2"))


def test_who_releases_what_the_bot_will_undo_is_told(auto: Office) -> None:
    told = release(auto.desk, "hello", "1.1.0").remarks
    assert "it will put its own choice, 1.3.0, in the place of 1.1.0" in told[0]
    assert "`lab rollback hello --env production --to 1.1.0`" in told[0]
    assert release(auto.desk, "hello", "1.3.0").remarks == ()
    auto.do(deautomate(auto.desk, "hello"))
    assert release(auto.desk, "hello", "1.1.0").remarks == ()


def test_ten_writers_at_once_lose_nothing(auto: Office) -> None:
    """Engine and plain git, in clones of their own, and clones that two commands share."""
    offices = [auto.by(f"writer-{number}") for number in range(7)]

    def log(number: int) -> object:
        def change(draft: Draft) -> None:
            before = draft.read("log.txt") if "log.txt" in draft.files() else ""
            draft.write("log.txt", f"{before}{number}\n")

        return offices[number].desk.repo.write(Message(f"Log {number}"), change)

    def push_by_hand(number: int) -> object:
        clone = offices[number].desk.repo.path
        (clone / f"{number}.txt").write_text("by hand\n")
        git("add", ".", cwd=clone)
        git("commit", "--quiet", "-m", f"By hand {number}", cwd=clone)
        words = ["git", "push", "--quiet", "origin", "HEAD:main"]
        for _ in range(50):
            if subprocess.run(words, cwd=clone, capture_output=True, check=False).returncode == 0:
                return None
            git("pull", "--quiet", "--rebase", "origin", "main", cwd=clone)
        raise AssertionError(f"{number} never got through")

    shared = auto.desk.repo
    jobs: list[Callable[[], object]] = [
        *(partial(log, number) for number in (0, 0, 1, 2, 3)),
        *(partial(push_by_hand, number) for number in (4, 5)),
        lambda: offices[6].do(release(offices[6].desk, "hello", "1.1.0")),
        lambda: auto.do(policy(auto.desk, "hello", "~1.2")),
        lambda: shared.write(Message("Beside it"), lambda draft: draft.write("x", "x\n")),
    ]
    assert len(jobs) == 10
    with ThreadPoolExecutor(10) as pool:
        for landed in [pool.submit(job) for job in jobs]:
            landed.result()
    subjects = git("log", "--format=%s", "main", cwd=auto.server).splitlines()
    assert len(subjects) == 11
    assert sorted(git("show", "main:log.txt", cwd=auto.server).split()) == list("00123")
    assert "hello:1.1.0" in auto.text()
    assert 'range: "~1.2"' in auto.text(BOT)
    assert git("show", "main:5.txt", cwd=auto.server) == "by hand"
