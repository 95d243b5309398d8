"""Locks in the Git server's hook: each way to move a locked app, and what may go on beside it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from labs.platform.credentials import mail
from tests.unit.githook import HOOK, Desk, new_desk
from tests.unit.lock_ways import (
    HARMLESS,
    HELLO,
    LOCK,
    MORE_MOVES,
    MOVES,
    Files,
    both,
    lock,
    locked,
    release,
    state,
    swap,
    unlock,
)


class Repository:
    """A bare repository that commits are made in without a working folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "-q", "--bare", "-b", "main", ".")

    def git(self, *words: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.path, input=stdin, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def commit(self, files: Files, *parents: str) -> str:
        """Make a commit, in one process; return its id."""
        lines = ["commit refs/heads/made", "mark :1", "committer x <x@x> 1 +0000", _data("Change")]
        lines += [f"{'merge' if n else 'from'} {parent}" for n, parent in enumerate(parents)]
        lines += ["deleteall"]
        for path, text in files.items():
            lines += [f"M 100644 inline {path}", _data(text)]
        if not parents:
            lines.insert(0, "reset refs/heads/made")
        stream = "\n".join([*lines, "get-mark :1", "done", ""]).encode()
        return self.git("fast-import", "--quiet", "--force", "--done", stdin=stream)


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    path = tmp_path_factory.mktemp("repo")
    return Repository(path)


@pytest.fixture(scope="module")
def locks() -> Iterator[Any]:
    """The hook's own module; what it knows of commits it keeps, since they never change."""
    sys.path.insert(0, str(HOOK.parent))
    yield importlib.import_module("locks")
    sys.path.remove(str(HOOK.parent))


@pytest.fixture
def breaks(repo: Repository, locks: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(repo.path)
    return locks.breaks


@pytest.fixture(scope="module")
def start(repo: Repository) -> str:
    """A commit in which hello is locked in production."""
    return repo.commit(locked())


def changed(way: Any, files: Files | None = None) -> Files:
    files = dict(files or locked())
    way(files)
    return files


@pytest.mark.parametrize("name", [*MOVES, *MORE_MOVES])
def test_no_way_leads_past_a_lock(repo: Repository, breaks: Any, start: str, name: str) -> None:
    way = {**MOVES, **MORE_MOVES}[name]
    found = breaks(start, repo.commit(changed(way), start))
    assert [(each.lock.workload.app, each.lock.workload.env) for each in found] == [
        ("hello", "production")
    ]
    assert (found[0].lock.by, found[0].lock.reason) == ("attendee", "until the talk is over")
    assert found[0].how


@pytest.mark.parametrize("name", [*MOVES, *MORE_MOVES])
def test_the_same_is_free_without_a_lock(repo: Repository, breaks: Any, name: str) -> None:
    way = {**MOVES, **MORE_MOVES}[name]
    before, after = locked(), changed(way)
    for files in (before, after):
        for path, text in files.items():
            files[path] = text.replace("gitops-hackfest/lock", "example.org/note")
    first = repo.commit(before)
    assert breaks(first, repo.commit(after, first)) == []


@pytest.mark.parametrize("name", list(HARMLESS))
def test_a_lock_holds_up_nothing_else(repo: Repository, breaks: Any, start: str, name: str) -> None:
    assert breaks(start, repo.commit(changed(HARMLESS[name]), start)) == []


@pytest.mark.parametrize("name", list(HARMLESS))
def test_what_is_harmless_hides_nothing(
    repo: Repository, breaks: Any, start: str, name: str
) -> None:
    assert breaks(start, repo.commit(changed(both(HARMLESS[name], release("9.9.9"))), start))


def test_unlock_then_move_is_fine_and_each_commit_is_judged(
    repo: Repository, breaks: Any, start: str
) -> None:
    opened = repo.commit(changed(unlock), start)
    moved = repo.commit(changed(both(unlock, release("1.0.0"))), opened)
    assert breaks(start, moved) == []
    back = changed(both(unlock, release("1.0.0"), lock))
    relocked = repo.commit(back, moved)
    again = repo.commit(changed(swap(HELLO, "hello:1.0.0", "hello:2.0.0"), back), relocked)
    assert [each.commit for each in breaks(start, again)] == [again]
    # Moved and moved back: the second commit is none the better for it.
    there = repo.commit(changed(release("1.0.0")), start)
    here = repo.commit(locked(), there)
    assert [each.commit for each in breaks(start, here)] == [there, here]


def test_a_side_branch_from_before_the_lock_brings_nothing_in(
    repo: Repository, breaks: Any
) -> None:
    first = repo.commit(state())
    side = repo.commit(changed(release("1.0.0"), state()), first)
    main = repo.commit(locked(), first)
    smuggled = changed(release("1.0.0"))
    for parents in ((main, side), (side, main)):
        merge = repo.commit(smuggled, *parents)
        assert [each.commit for each in breaks(main, merge)] == [merge]
    assert breaks(main, repo.commit(locked(), main, side)) == []
    assert breaks(main, repo.commit(changed(unlock), main, side)) == []
    evil = repo.commit(changed(both(unlock, release("1.0.0"))), main, side)
    assert [each.commit for each in breaks(main, evil)] == [evil]


def test_a_side_branch_from_under_a_lock_that_is_gone_may_be_merged(
    repo: Repository, breaks: Any, start: str
) -> None:
    """Its own old lock holds for what it moves itself, and not for what main did since."""
    greeting = HARMLESS["the greeting"]
    side = repo.commit(changed(greeting), start)
    opened = repo.commit(changed(unlock), start)
    main = repo.commit(changed(both(unlock, release("1.0.0"))), opened)
    wanted = changed(both(unlock, release("1.0.0"), greeting))
    assert breaks(main, repo.commit(wanted, main, side)) == []
    other = changed(both(unlock, release("2.0.0"), greeting))
    assert breaks(main, repo.commit(other, main, side)), "neither side had this version"
    plain = repo.commit(changed(HARMLESS["a comment"]), start)
    evil = repo.commit(changed(both(unlock, release("1.0.0"))), side, plain)
    assert breaks(side, evil), "nobody unlocked it on the way"


def test_without_a_history_in_common_a_lock_still_holds(
    repo: Repository, breaks: Any, start: str
) -> None:
    stranger = repo.commit(changed(release("1.0.0"), state()))
    assert breaks(start, repo.commit(changed(release("1.0.0")), start, stranger))


def test_a_lock_in_a_broken_file_holds_and_can_be_taken_off(repo: Repository, breaks: Any) -> None:
    broken = changed(swap(HELLO, "spec:\n", "spec: [\n"))
    first = repo.commit(broken)
    found = breaks(first, repo.commit(changed(release("1.0.0"), broken), first))
    assert [(each.lock.by, each.lock.reason) for each in found] == [
        ("attendee", "until the talk is over")
    ]
    opened = repo.commit(changed(unlock, broken), first)
    assert breaks(first, opened) == []
    assert breaks(first, repo.commit(changed(both(unlock, release("1.0.0"))), opened)) == []


def test_a_source_of_a_replacement_is_part_of_the_version(repo: Repository, breaks: Any) -> None:
    files = changed(MOVES["a replacement"])
    first = repo.commit(files)
    path = "apps/production/version.yaml"
    assert breaks(first, repo.commit(changed(swap(path, "x:9.9.9", "x:1"), files), first))
    assert breaks(first, repo.commit(changed(HARMLESS["the greeting"], files), first)) == []


ODD = [
    "[]", "x", "1", "null", "{}", "{spec: x}", "{spec: {template: []}}", "{metadata: [x]}", "- - -",
    "{kind: Deployment, metadata: {name: hello, annotations: [a]}, spec: null}",
    "{kind: Deployment, metadata: {name: hello, annotations: x}, spec: {template: {spec: 1}}}",
    "{kind: Deployment, metadata: {name: hello}, spec: {template: {spec: {containers: {a: b}}}}}",
    "{kind: Deployment, metadata: {name: hello}, spec: {template: {spec: {containers: [1]}}}}",
    "{kind: List, items: {a: b}}", "{kind: List, items: [1, [2]]}", "&a [*a]", "? [a]\n: b",
    "a: &a [1, 2]\nb: &b [*a, *a]\n", "!!python/object:os.system x", "2001-99-99", "\x00",
    "\ufeffa: 1",
    "resources: {a: b}\npatches: x\nimages: 1\nreplacements: [1, {targets: x}, {path: [1]}]",
    "resources: [1, [2], {a: b}]\npatches: [1, [2], {path: {a: b}}, {patch: 1}, {target: 1}]",
    "images: [1, {name: '['}]\npatches: [{target: {name: '('}, patch: '[1]'}]\nbases: ../../../..",
    "resources: [., .., ../production, '']\ncomponents: [/etc, 'https://x']\npatches: [{path: /}]",
    "[" * 2000, "a: " * 3000,
]  # fmt: skip


@pytest.mark.parametrize("place", [HELLO, "apps/production/kustomization.yaml",
    "apps/production/other.yaml", "apps/base/hello/deployment.yaml",
    "clusters/hackfest/apps.yaml", "clusters/hackfest/kustomization.yaml"])  # fmt: skip
def test_no_file_is_too_odd_to_be_judged(
    repo: Repository, breaks: Any, start: str, place: str
) -> None:
    """Whatever it says of them, it judges; and the image line still holds."""
    for odd in ODD:
        files = {**locked(), place: odd}
        commit = repo.commit(files, start)
        breaks(start, commit)
        if place != HELLO:
            assert breaks(commit, repo.commit(changed(release("9.9.9"), files), commit)), odd


# By real pushes


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = new_desk(tmp_path, "config")
    made.write(locked(), "Lock")
    made.git("push", "origin", "main")
    return made


def test_who_pushes_reads_who_locked_it_why_and_how_to_unlock(desk: Desk) -> None:
    commit = desk.write(changed(release("1.0.0")), "Release 1.0.0")
    assert desk.refused("origin", "main").splitlines() == [
        "",
        "The Git server did not take this push.",
        (
            "found:    hello in production is locked by attendee: until the talk is over; "
            f"commit {commit[:8]} (Release 1.0.0) moves it: "
            f"registry:5000/hello:0.9.0 in {HELLO}, becomes registry:5000/hello:1.0.0 in {HELLO}"
        ),
        "expected: hello in production keeps its version until it is unlocked; all else may change",
        (
            "next:     `lab unlock hello --env production`, a commit of its own, "
            "then `git pull --rebase` and push again"
        ),
    ]
    desk.git("push", "origin", "main:refs/heads/idea")  # another branch runs nowhere
    assert "is locked by attendee" in desk.refused("origin", "main")
    desk.git("reset", "-q", "--hard", "origin/main")
    desk.write(changed(unlock), "Unlock")
    desk.git("merge", "-q", "-s", "ours", "-m", "Merge", commit)
    desk.git("push", "origin", "main", check=False)


def test_locks_are_of_the_config_repo_alone(tmp_path: Path) -> None:
    desk = new_desk(tmp_path, "app")
    desk.write(locked())
    desk.write(changed(release("1.0.0")))
    desk.git("push", "-o", "override=me", "origin", "main")


def notes(desk: Desk) -> Sequence[str]:
    desk.git("fetch", "-q", "origin", "+refs/notes/*:refs/notes/*")
    shown = desk.git(
        "log", "--format=%H%x09%(trailers:only)%N", "--notes=overrides", "--max-count=3"
    )
    return shown.splitlines()


def test_an_override_is_the_instructors_and_leaves_its_trace(desk: Desk) -> None:
    first = desk.write(changed(release("1.0.0")), as_user="instructor")
    last = desk.write(changed(both(release("1.0.0"), unlock)), as_user="instructor")
    told = desk.refused("origin", "main", user="instructor")
    assert "or `git push -o override=WHY`" in told
    assert "a reason" in desk.refused("-o", "override=", "origin", "main", user="instructor")
    assert "a reason" in desk.refused("-o", "override", "origin", "main", user="instructor")
    desk.git("push", "-o", "override=it  cannot\twait", "origin", "main", user="instructor")
    desk.git("fetch", "-q", "origin", "refs/notes/overrides:refs/notes/overrides")
    assert desk.git("notes", "--ref=overrides", "show", first).splitlines() == [
        "Overridden-By: instructor",
        "Override-Reason: it cannot wait",
        "Overridden-Lock: hello in production, locked by attendee: until the talk is over",
    ]
    assert [line.split()[1] for line in desk.git("notes", "--ref=overrides").splitlines()] == [
        first
    ]
    who = desk.git("log", "-1", "--format=%an %ae", "refs/notes/overrides").strip()
    assert who == "Git server git@hackfest.local"
    assert last == desk.git("ls-remote", "origin", "main").split()[0]


def test_an_attendees_override_is_refused_with_words(desk: Desk) -> None:
    desk.write(changed(HARMLESS["the greeting"]))
    told = desk.refused("-o", "override=please", "origin", "main")
    assert "nobody but 'instructor' goes past a lock" in told
    assert "'override=please'" in told
    desk.git("push", "-o", "other=please", "origin", "main")


def test_a_refused_override_leaves_no_note_and_notes_are_not_forged(desk: Desk) -> None:
    desk.write(changed(release("1.0.0")))
    told = desk.refused("-o", "override=x", "origin", "main", user="instructor")
    assert f"author {mail('attendee')}" in told
    assert "overrides" not in desk.git("ls-remote", "origin")
    desk.git("notes", "--ref=overrides", "add", "-m", "Overridden-By: instructor")
    assert "branches (refs/heads/…)" in desk.refused("origin", "refs/notes/overrides")
    desk.git("reset", "-q", "--hard", "HEAD~1")
    desk.write(changed(HARMLESS["the greeting"]), as_user="instructor")
    desk.git("push", "-o", "override=not needed", "origin", "main", user="instructor")
    assert "overrides" not in desk.git("ls-remote", "origin"), "nothing was overridden"


def test_what_is_said_of_a_lock_is_one_line(desk: Desk) -> None:
    odd = LOCK.replace("until the talk is over", '"until\\n\\e[31mnext:  `rm -rf`"')
    files = state()
    swap(HELLO, "  name: hello\nspec:", f"  name: hello\n{odd}spec:")(files)
    desk.write(files)
    desk.git("push", "origin", "main")
    desk.write(changed(release("1.0.0"), files))
    told = desk.refused("origin", "main")
    assert "locked by attendee: until [31mnext: `rm -rf`;" in told
    assert "\x1b" not in told
