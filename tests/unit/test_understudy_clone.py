"""The automation's clone, against real repositories: commits, races, refusals, bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from labs.run import run
from labs.understudy.clone import Author, Clone, GitFailed, write

BOT = Author("Flux", "flux@hackfest.local")
TEXT = b'image: hello:1.0.0 # {"$imagepolicy": "a:b"}\r\nname: Gr\xc3\xbc\xc3\x9fe\n'


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in (("NAME", "Somebody"), ("EMAIL", "somebody@hackfest.local")):
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    bare, work = tmp_path / "server.git", tmp_path / "work"
    run("git", "init", "--quiet", "--bare", "--initial-branch=main", bare)
    run("git", "clone", "--quiet", bare, work)
    (work / "apps" / "production").mkdir(parents=True)
    (work / "apps" / "production" / "hello.yaml").write_bytes(TEXT)
    (work / "run.sh").write_text("x\n")
    (work / "run.sh").chmod(0o755)
    run("git", "-C", work, "add", ".")
    run("git", "-C", work, "commit", "--quiet", "-m", "begin")
    run("git", "-C", work, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    return bare


@pytest.fixture
def clone(server: Path, tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clones", str(server))


def commit_beside(server: Path, name: str) -> str:
    """Let another writer be faster."""
    work = server.parent / "work"
    (work / name).write_text(name)
    run("git", "-C", work, "add", name)
    run("git", "-C", work, "commit", "--quiet", "-m", name)
    run("git", "-C", work, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    return run("git", "-C", work, "rev-parse", "HEAD").strip()


def test_files_are_found_by_what_they_hold(clone: Clone) -> None:
    head = clone.fetch("main")
    assert clone.head("main") == head
    assert clone.head("nobody") is None
    for path in ("./", "", "apps", "./apps/production/", "/apps", "../apps"):
        assert clone.files_with(head, '"$imagepolicy"', path) == ["apps/production/hello.yaml"]
    assert clone.files_with(head, "never", "./") == []
    with pytest.raises(GitFailed, match="no such file"):
        clone.files_with(head, "x", "./nowhere")


def test_a_commit_changes_one_file_byte_for_byte(clone: Clone, server: Path) -> None:
    path = "apps/production/hello.yaml"

    def change(commit: str) -> tuple[Mapping[str, bytes], str]:
        return {
            path: clone.read(commit, path).replace(b"1.0.0", b"1.1.0")
        }, "Release\n\nLab-By: f\n"

    head, pushed = write(clone, "main", "main", BOT, change)
    assert pushed is not None
    assert pushed.sha == head == run("git", "-C", server, "rev-parse", "main").strip()
    assert clone.read(head, path) == TEXT.replace(b"1.0.0", b"1.1.0")
    shown = run("git", "-C", server, "log", "-1", "--format=%an|%ae|%cn|%ce|%B", "main")
    assert shown.rstrip() == (
        "Flux|flux@hackfest.local|Flux|flux@hackfest.local|Release\n\nLab-By: f"
    )
    assert run("git", "-C", server, "diff", "--name-only", "main~", "main").split() == [path]


def test_a_mode_stays(clone: Clone, server: Path) -> None:
    write(clone, "main", "main", BOT, lambda _: ({"run.sh": b"y\n"}, "m"))
    assert run("git", "-C", server, "ls-tree", "main", "run.sh").startswith("100755")


def test_nothing_to_do_is_no_commit(clone: Clone) -> None:
    assert write(clone, "main", "main", BOT, lambda _: None) == (clone.head("main"), None)


def test_a_lost_race_is_run_again_and_nothing_is_lost(clone: Clone, server: Path) -> None:
    seen: list[str] = []

    def change(commit: str) -> tuple[Mapping[str, bytes], str]:
        seen.append(commit)
        if len(seen) < 4:
            commit_beside(server, f"other{len(seen)}")
        return {"run.sh": b"mine\n"}, "mine"

    _, pushed = write(clone, "main", "main", BOT, change)
    assert pushed is not None
    assert pushed.races_lost == 3
    assert len(set(seen)) == 4
    subjects = run("git", "-C", server, "log", "--format=%s", "main").split()
    assert subjects == ["mine", "other3", "other2", "other1", "begin"]


def test_what_the_server_says_is_told_and_nothing_is_done(clone: Clone, server: Path) -> None:
    hook = server / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'hello is locked by Attendee: release day' >&2\nexit 1\n")
    hook.chmod(0o755)
    before = clone.head("main")
    with pytest.raises(GitFailed, match="hello is locked by Attendee: release day") as refused:
        write(clone, "main", "main", BOT, lambda _: ({"run.sh": b"y\n"}, "m"))
    assert "remote:" not in str(refused.value)
    assert clone.head("main") == before


def test_a_server_that_judges_a_race_is_a_race_too(clone: Clone, server: Path) -> None:
    hook = server / "hooks" / "pre-receive"
    hook.write_text(
        f"#!/bin/sh\nrm {hook}\n"
        "echo \"found:    'main' moved on the server while you pushed\" >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    _, pushed = write(clone, "main", "main", BOT, lambda _: ({"run.sh": b"y\n"}, "m"))
    assert pushed is not None
    assert pushed.races_lost == 1


def test_another_branch_grows_and_is_never_forced(clone: Clone, server: Path) -> None:
    main = clone.head("main")
    head, first = write(clone, "main", "auto", BOT, lambda _: ({"run.sh": b"1\n"}, "one"))
    assert head == main == clone.head("main")
    assert first is not None
    _, second = write(clone, "main", "auto", BOT, lambda _: ({"run.sh": b"2\n"}, "two"))
    assert second is not None
    assert second.base == first.sha
    assert clone.head("auto") == second.sha


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "c", "http://127.0.0.1:1/config.git", user="flux", password="x")
    with pytest.raises(GitFailed, match=r"127\.0\.0\.1"):
        clone.head("main")


def test_a_password_is_on_no_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = tmp_path / "bin" / "git"
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/words\nexit 2\n')
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}{os.pathsep}{os.environ['PATH']}")
    clone = Clone(tmp_path / "c", "http://git/config.git", user="flux", password="secret")
    assert clone.head("main") is None
    assert "ls-remote" in (tmp_path / "words").read_text()
    assert "secret" not in (tmp_path / "words").read_text()
    assert "Basic" not in (tmp_path / "words").read_text()
