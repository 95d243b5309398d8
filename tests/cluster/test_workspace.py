"""The attendee's folder on a real Git server: clones that push at once and are never touched."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import PROJECT, Instance, write_json
from labs.platform import git_server, workspace
from labs.platform.environment import environment
from labs.run import run


@pytest.fixture
def seat(servers: Instance, tmp_path: Path) -> Instance:
    """The state folder of one more attendee, of the lab whose servers are up."""
    for repo, folder in (("config", "config-repo-template"), ("app", "sample-app")):
        git_server.create_repo(servers, repo)
        git_server.seed(servers, repo, PROJECT / folder)
    root = tmp_path / "it's a seat" / servers.name  # a blank and a quote, as in a real home
    root.mkdir(parents=True)
    for name in ("ports.json", "credentials.json"):
        shutil.copy(servers.root / name, root / name)
    return Instance(servers.name, root)


def git(seat: Instance, folder: str, *words: str) -> str:
    """Run git as the attendee does in the lab's terminal."""
    return run("git", *words, cwd=seat.work / folder, env=environment(seat), timeout=60)


def commit(seat: Instance, folder: str, text: str) -> str:
    git(seat, folder, "commit", "--quiet", "--allow-empty", "-m", text)
    return git(seat, folder, "rev-parse", "HEAD").strip()


def test_a_plain_push_works_at_once(seat: Instance) -> None:
    workspace.ensure_notebooks(seat)
    workspace.ensure_clones(seat)
    for folder, repo in workspace.CLONES.items():
        pushed = commit(seat, folder, f"Greet {folder}")
        git(seat, folder, "push", "--quiet")
        there = git(seat, folder, "ls-remote", git_server.url(seat, repo), "main")
        assert there.split()[0] == pushed
        author = git(seat, folder, "log", "-1", "--format=%an <%ae>").strip()
        assert author == "Attendee <attendee@hackfest.local>"
        assert git(seat, folder, "status", "--porcelain") == ""


def test_it_works_outside_the_labs_terminal_too(
    seat: Instance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever ~/.gitconfig says: a shell of the attendee's own commits and pushes the same."""
    workspace.ensure_clones(seat)
    (tmp_path / ".gitconfig").write_text("[commit]\n\tgpgSign = true\n[user]\n\temail = me@home\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    clone = seat.work / "config-repo"
    run("git", "commit", "--quiet", "--allow-empty", "-m", "From outside", cwd=clone)
    run("git", "push", "--quiet", cwd=clone, env={"GIT_TERMINAL_PROMPT": "0"}, timeout=60)


def test_a_refused_password_is_not_forgotten(seat: Instance) -> None:
    """Git tells a helper to erase what was refused; this one does not, so a cure is a cure."""
    workspace.ensure_clones(seat)
    credential = seat.root / "git-credential"
    assert stat.S_IMODE(credential.stat().st_mode) == 0o600
    right = credential.read_text()
    credential.write_text("username=attendee\npassword=wrong\n")
    commit(seat, "app-repo", "Not yet")
    with pytest.raises(LabError):
        git(seat, "app-repo", "push")
    assert credential.read_text() == "username=attendee\npassword=wrong\n"
    workspace.ensure_clones(seat)
    assert credential.read_text() == right
    git(seat, "app-repo", "push", "--quiet")


def test_what_is_in_a_clone_is_never_touched(seat: Instance) -> None:
    workspace.ensure_clones(seat)
    clone = seat.work / "config-repo"
    mine = commit(seat, "config-repo", "Mine, not pushed")
    (clone / "README.md").write_text("changed\n")
    (clone / "new.yaml").write_text("kind: New\n")
    git(seat, "config-repo", "checkout", "--quiet", "-b", "idea")
    before = git(seat, "config-repo", "status", "--porcelain", "--branch")
    workspace.ensure_clones(seat)
    assert git(seat, "config-repo", "status", "--porcelain", "--branch") == before
    assert git(seat, "config-repo", "rev-parse", "HEAD").strip() == mine
    assert (clone / "README.md").read_text() == "changed\n"


def test_a_port_that_moved_is_followed(seat: Instance) -> None:
    workspace.ensure_clones(seat)
    moved = {"git": 1, "registry": 2, "jupyter": 3}
    write_json(seat.root / "ports.json", moved)
    workspace.ensure_clones(seat)
    for folder, repo in workspace.CLONES.items():
        url = git(seat, folder, "remote", "get-url", "origin").strip()
        assert url == f"http://127.0.0.1:1/{repo}.git"


def test_an_interrupted_clone_is_made_anew(seat: Instance) -> None:
    part = seat.work / ".config-repo.part"
    part.mkdir(parents=True)
    (part / "half").write_text("")
    (seat.work / "config-repo").mkdir()
    workspace.ensure_clones(seat)
    assert not part.exists()
    assert git(seat, "config-repo", "log", "--oneline")


def test_a_folder_in_the_way_is_named_and_kept(seat: Instance) -> None:
    folder = seat.work / "config-repo"
    folder.mkdir(parents=True)
    (folder / "note").write_text("mine")
    with pytest.raises(LabError, match="not a Git clone"):
        workspace.ensure_clones(seat)
    assert (folder / "note").read_text() == "mine"


def test_checkpoints_of_the_editor_are_nobodys_change(seat: Instance) -> None:
    workspace.ensure_clones(seat)
    workspace.ensure_clones(seat)
    folder = seat.work / "config-repo" / "apps" / ".ipynb_checkpoints"
    folder.mkdir()
    (folder / "x-checkpoint.yaml").write_text("")
    assert git(seat, "config-repo", "status", "--porcelain") == ""
    exclude = seat.work / "config-repo" / ".git" / "info" / "exclude"
    assert exclude.read_text().count(".ipynb_checkpoints/") == 1


def test_git_in_the_work_folder_does_not_find_the_project(seat: Instance) -> None:
    workspace.ensure_notebooks(seat)
    run("git", "init", "--quiet", seat.root.parent)
    with pytest.raises(LabError, match="not a git repository"):
        git(seat, "notebooks", "status")


def test_the_tools_are_there(seat: Instance) -> None:
    workspace.ensure_tools(seat)
    env = environment(seat)
    for words in (
        ["kubectl", "version", "--client"],
        ["flux", "--version"],
        ["crane", "version"],
        ["lab", "--help"],
    ):
        assert (seat.bin / words[0]).exists()
        done = subprocess.run(
            ["bash", "-c", " ".join(words)], env=env, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0, done
