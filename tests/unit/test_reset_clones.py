"""What a reset does with a reader's clone that holds other repositories, or has another origin."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.instance import Instance, write_json
from labs.platform import workspace
from labs.reset.clones import Kept, _follow, own_origin, repos_within
from tests.unit.gitrepos import git, new_clone, new_server

FOLDER = "config-repo"
FILES = {"apps/hello.yaml": "kind: Hello\n", ".gitignore": "/cache/\n"}


@pytest.fixture
def seat(tmp_path: Path) -> Instance:
    instance = Instance("tiny", tmp_path / "tiny")
    write_json(instance.root / "ports.json", {"git": 1})
    (instance.root / "gitconfig").write_text("[user]\n\tname = A\n\temail = a@b\n")
    new_clone(new_server(tmp_path, FILES), instance.work / FOLDER)
    return instance


@pytest.fixture
def clone(seat: Instance) -> Path:
    return seat.work / FOLDER


def repository(path: Path, *, commit: bool) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    git("init", "--quiet", ".", cwd=path)
    (path / "mine.txt").write_text("mine\n")
    if commit:
        git("add", ".", cwd=path)
        words = ("-c", "user.name=A", "-c", "user.email=a@b")
        git(*words, "commit", "--quiet", "-m", "Mine", cwd=path)
    return path


def test_repositories_in_a_clone_are_moved_whole_and_the_clone_follows(
    seat: Instance, clone: Path, tmp_path: Path
) -> None:
    repository(clone / "empty", commit=False)
    repository(repository(clone / "sub" / "outer", commit=True) / "inner", commit=True)
    repository(clone / "apps", commit=False)  # `git init` in a folder that the clone has files of
    passed_by = repository(clone / "cache" / "tool", commit=True)
    git("worktree", "add", "--quiet", "-b", "beside", "tree", cwd=clone)
    aside = tmp_path / "aside"
    kept = repos_within(seat, FOLDER, aside)
    where = aside / f"{FOLDER}-within"
    assert {one.folder: one.where for one in kept} == {
        f"{FOLDER}/{name}": str(where / name) for name in ("empty", "sub/outer", "apps", "tree")
    }
    assert (where / "empty" / "mine.txt").read_text() == "mine\n"
    assert (where / "sub" / "outer" / "inner" / ".git").is_dir()
    assert (where / "apps" / "hello.yaml").read_text() == FILES["apps/hello.yaml"]
    assert git("log", "--format=%s", cwd=where / "sub" / "outer") == "Mine"
    assert (passed_by / ".git").is_dir(), "nobody's business, and in nobody's way"
    assert "tree" not in git("worktree", "list", cwd=clone)
    _follow(seat, FOLDER, "now")
    assert git("status", "--porcelain", cwd=clone) == ""
    assert (clone / "apps" / "hello.yaml").exists()
    assert repos_within(seat, FOLDER, aside) == []


def test_an_origin_that_is_elsewhere_is_the_labs_again(seat: Instance, clone: Path) -> None:
    theirs, push = "https://example.org/theirs.git", "ssh://example.org/push.git"
    git("remote", "set-url", "origin", theirs, cwd=clone)
    git("remote", "set-url", "--add", "origin", "https://example.org/another.git", cwd=clone)
    git("remote", "set-url", "--push", "origin", push, cwd=clone)
    told = own_origin(seat, FOLDER)
    assert [one.where for one in told] == [theirs, "https://example.org/another.git", push]
    assert {type(one) for one in told} == {Kept}
    url = f"http://127.0.0.1:1/{workspace.CLONES[FOLDER]}.git"
    assert git("remote", "get-url", "--all", "origin", cwd=clone) == url
    assert git("remote", "get-url", "--push", "--all", "origin", cwd=clone) == url
    assert own_origin(seat, FOLDER) == []
