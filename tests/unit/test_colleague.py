"""A colleague writes in a clone of their own, whatever the reader has in theirs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from labs.gitops import colleague
from labs.gitops.commits import Message
from labs.gitops.config_repo import attendees
from labs.gitops.desk import Desk
from labs.gitops.draft import Draft
from labs.instance import Instance
from labs.platform import git_server
from labs.platform.credentials import USERS, mail
from tests.unit.gitrepos import git, new_clone, new_server


def _environment(instance: Instance, user: str) -> dict[str, str]:
    identity = {"NAME": USERS[user], "EMAIL": mail(user)}
    return {f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in identity.items()}


def _say(text: str, draft: Draft) -> None:
    draft.write("b.yaml", text)


def test_a_colleague_is_not_held_up_by_what_the_reader_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = new_server(tmp_path / "server", {"a.yaml": "one\n", "b.yaml": "one\n"})
    lab = Instance("desks", tmp_path / "lab")
    reader = new_clone(bare, lab.work / "config-repo")
    (reader / "a.yaml").write_text("mine\n")
    git("commit", "-qam", "Not pushed", cwd=reader)
    (reader / "b.yaml").write_text("not even committed\n")
    monkeypatch.setattr(git_server, "url", lambda instance, repo: str(bare))
    monkeypatch.setattr(git_server, "push_environment", _environment)
    for text in ("two\n", "three\n"):
        desk = colleague.clone_of(lab, "instructor")
        done = desk.write(Message(f"Say {text}"), partial(_say, text))
        assert done.commit.author.mail == mail("instructor")
    assert (reader / "b.yaml").read_text() == "not even committed\n"
    assert git("log", "-1", "--format=%s", cwd=reader) == "Not pushed"
    assert attendees(lab).fetch().subject == "Say three"


def test_the_clone_follows_the_server_to_another_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = new_server(tmp_path / "server", {"a.yaml": "one\n"})
    lab = Instance("desks", tmp_path / "lab")
    monkeypatch.setattr(git_server, "url", lambda instance, repo: str(bare))
    monkeypatch.setattr(git_server, "push_environment", _environment)
    desk = Desk.of(lab, "instructor").repo
    assert desk.path == colleague.clone_of(lab, "instructor").path
    moved = bare.rename(bare.with_name("moved.git"))
    monkeypatch.setattr(git_server, "url", lambda instance, repo: str(moved))
    assert colleague.clone_of(lab, "instructor").fetch().subject == "Begin"
