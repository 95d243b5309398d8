"""The app is lent and given back: what Git said before, by commits on top, whatever happened."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from labs.errors import LabError
from labs.gitops import loan, manifests, sync
from labs.gitops.commits import Message
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.draft import Draft
from labs.gitops.image_automation import connection
from labs.gitops.loan import AUTOMATION, forget, give_back, lent
from labs.instance import PROJECT, Instance
from tests.unit.gitrepos import git, new_clone, new_server

HELLO = "apps/production/hello.yaml"
WIRING = "clusters/hackfest/automation.yaml"
APP = (PROJECT / "config-repo-template" / HELLO).read_text()
BOT = (
    PROJECT / "labs" / "gitops" / "image_automation" / "objects" / "production" / "hello.yaml"
).read_text()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the cluster, in order: it is not there, and what asks it has its tests."""
    asked: list[str] = []

    def policy(instance: Instance, repo: ConfigRepo, one: loan.Loan) -> None:
        suspended = "suspend: true" in repo.text(AUTOMATION, repo.fetch().sha)
        asked.append(f"policy, bot {'resting' if suspended else 'at work'}")

    monkeypatch.setattr(loan, "_wait_for_policy", policy)

    def unwired(instance: Instance, repo: ConfigRepo, one: loan.Loan) -> None:
        wired = WIRING in repo.files(repo.fetch().sha)
        asked.append("wired" if wired else "unwired")

    monkeypatch.setattr(loan, "_wait_until_unwired", unwired)
    monkeypatch.setattr(loan, "_resume_apps", lambda instance: asked.append("resume"))
    monkeypatch.setattr(loan, "disconnect", lambda instance: asked.append("disconnect"))
    monkeypatch.setattr(connection, "is_connected", lambda instance: False)
    monkeypatch.setattr(sync, "follow", lambda *words, **more: None)
    return asked


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: list[str]) -> Instance:
    """A lab of which only the config repo is there."""
    server = new_server(tmp_path, {HELLO: APP, AUTOMATION: BOT, "README.md": "read me\n"})
    new_clone(server, tmp_path / "lab" / "reader")
    monkeypatch.setattr(loan, "own_clone", another)
    monkeypatch.setattr(loan, "attendees", readers)
    return Instance("test", tmp_path / "lab")


def readers(lab: Instance) -> ConfigRepo:
    return ConfigRepo(lab.root / "reader")


@contextmanager
def another(lab: Instance) -> Iterator[ConfigRepo]:
    folder = Path(mkdtemp(dir=lab.root))
    yield ConfigRepo(new_clone(lab.root.parent / "config.git", folder / "attendee"))


def write(lab: Instance, path: str, change: Callable[[str], str], subject: str = "Test") -> None:
    def do(draft: Draft) -> None:
        draft.write(path, change(draft.read(path) if path in draft.files() else ""))

    with another(lab) as repo:
        repo.write(Message(subject), do)


def on_server(lab: Instance, path: str) -> str:
    repo = readers(lab)
    return repo.text(path, repo.fetch().sha)


def subjects(lab: Instance) -> list[str]:
    repo = readers(lab)
    return [commit.subject for commit in repo.log(repo.fetch().sha)]


def to_version(version: str) -> Callable[[str], str]:
    return lambda text: text.replace("hello:0.9.0", f"hello:{version}")


def test_what_was_changed_meanwhile_comes_back_by_commits_on_top(
    lab: Instance, cluster: list[str]
) -> None:
    said: list[str] = []
    with lent(lab, "a test", said.append):
        assert "suspend: true" in on_server(lab, AUTOMATION), "nobody else moves the app"
        write(lab, HELLO, to_version("1.0.0"))
        write(lab, AUTOMATION, lambda text: text.replace('">=1.0.0"', '"^9"'))
        write(lab, WIRING, lambda text: "kind: Kustomization\n")
        write(lab, "automation/staging/hello.yaml", lambda text: "kind: ImagePolicy\n")
        write(lab, "README.md", lambda text: text + "by the reader\n", "The reader's own")
    assert on_server(lab, HELLO) == APP
    assert on_server(lab, AUTOMATION) == BOT
    assert on_server(lab, WIRING) == "", "what was not there is not there"
    assert on_server(lab, "automation/staging/hello.yaml") == ""
    assert "unwired" in cluster, "its wiring goes before its folders"
    assert on_server(lab, "README.md") == "read me\nby the reader\n", "nobody else's work is undone"
    assert subjects(lab)[:2] == [
        "Bring back the rest of hello: a test",
        "Bring back hello: a test",
    ]
    assert "policy, bot resting" in cluster, "the bot is set free last"
    assert any("given back" in text for text in said)


def test_a_loan_that_moves_nothing_leaves_no_commit_of_its_own(lab: Instance) -> None:
    write(lab, AUTOMATION, lambda text: text.replace("suspend: false", "suspend: true"))
    before = subjects(lab)
    with lent(lab, "a test", print):
        pass
    assert subjects(lab) == before


@pytest.mark.parametrize("ended_by", [KeyboardInterrupt, LabError])
def test_it_is_given_back_however_it_ends(lab: Instance, ended_by: type[BaseException]) -> None:
    words = {"expected": "", "todo": ""} if ended_by is LabError else {}

    def end() -> None:
        write(lab, HELLO, to_version("1.0.0"))
        raise ended_by("it ends", **words)

    with pytest.raises(ended_by), lent(lab, "a test", print):
        end()
    assert on_server(lab, HELLO) == APP
    assert not (lab.root / "loan.json").exists()


def test_a_plain_kill_gives_it_back(lab: Instance) -> None:
    def end() -> None:
        write(lab, HELLO, to_version("1.0.0"))
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt), lent(lab, "a test", print):
        end()
    assert on_server(lab, HELLO) == APP
    assert not (lab.root / "loan.json").exists()


def test_after_a_hard_end_the_next_one_gives_it_back_first(lab: Instance) -> None:
    with lent(lab, "a test", print):
        journal = (lab.root / "loan.json").read_text()
        write(lab, HELLO, to_version("1.0.0"))
        left = on_server(lab, HELLO)
    write(lab, HELLO, lambda text: left, "As if nobody had given it back")
    (lab.root / "loan.json").write_text(journal)
    with lent(lab, "another", print):
        assert on_server(lab, HELLO) == APP
    assert give_back(lab, print) is False, "there is nothing to give back any more"


def test_what_a_reset_has_put_back_is_not_undone(lab: Instance) -> None:
    with lent(lab, "a test", print):
        journal = (lab.root / "loan.json").read_text()
    (lab.root / "loan.json").write_text(journal)  # as after a hard end
    write(lab, HELLO, to_version("1.0.0"), "Reset")
    forget(lab)
    at_reset = on_server(lab, HELLO)
    with lent(lab, "another", print):
        assert on_server(lab, HELLO) == at_reset


def test_its_own_lock_is_taken_away_in_a_commit_of_its_own(lab: Instance) -> None:
    with lent(lab, "a test", print):
        write(lab, HELLO, to_version("1.0.0"))
        write(lab, HELLO, lambda text: manifests.with_lock(text, "hello", "attendee", "why"))
    names = subjects(lab)
    assert names.index("Bring back hello: a test") < names.index("Unlock hello: a test")
    assert on_server(lab, HELLO) == APP


def test_what_somebody_has_locked_is_not_lent(lab: Instance) -> None:
    write(lab, HELLO, lambda text: manifests.with_lock(text, "hello", "attendee", "a talk"))
    before = subjects(lab)
    with pytest.raises(LabError, match="locked by attendee: a talk"), lent(lab, "a test", print):
        pytest.fail("it was lent")
    assert subjects(lab) == before
    assert not (lab.root / "loan.json").exists()


def test_it_is_lent_to_one_at_a_time(lab: Instance) -> None:
    with (
        lent(lab, "a test", print),
        pytest.raises(LabError, match="borrowed by another"),
        lent(lab, "another", print),
    ):
        pytest.fail("it was lent twice")


def test_a_reader_who_has_unfinished_work_is_not_in_the_way(lab: Instance) -> None:
    clone = readers(lab).path
    (clone / HELLO).write_text("unfinished\n")
    with lent(lab, "a test", print):
        write(lab, HELLO, to_version("1.0.0"))
    assert (clone / HELLO).read_text() == "unfinished\n"
    assert git("status", "--porcelain", cwd=clone) == f"M {HELLO}"


@pytest.mark.parametrize("connected", [True, False])
def test_a_connection_that_was_not_there_goes_again(
    lab: Instance, cluster: list[str], connected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "is_connected", lambda instance: connected)
    with lent(lab, "a test", print):
        told = json.loads((lab.root / "loan.json").read_text())
        assert told["connected"] is connected
    assert ("disconnect" in cluster) is not connected
