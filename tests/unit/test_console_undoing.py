"""For each event the safe way back: a button where there is one, and no revert of a version."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.console.books import Books, books, events
from labs.console.commit_names import full_name
from labs.console.doing import Ask, do, propose
from labs.console.undoing import Undo, undo
from labs.console.versions import versions
from labs.errors import LabError
from labs.gitops.ci import CiRun
from labs.gitops.commits import Message
from labs.gitops.history import Event
from labs.gitops.images import Image
from labs.gitops.workloads import Place
from tests.unit.engine_desk import HELLO, Office, automated, office, staging
from tests.unit.gitrepos import git

PLACE = Place("hello", "production")
OWN = "/workloads/production/hello"


@pytest.fixture
def lab(tmp_path: Path) -> Office:
    return office(tmp_path, automated())


def act(lab: Office, verb: str, **given: str) -> str:
    """Do something as the console does it; return the commit."""
    ask = Ask.of(verb, PLACE, given)
    return do(lab.desk, ask, propose(lab.desk, ask).base).commit.sha


def known(lab: Office) -> tuple[tuple[Event, ...], Books]:
    lab.desk.repo.fetch()
    return events(lab.desk.repo), books(lab.desk.repo)


def way_back(lab: Office, sha: str) -> Undo | None:
    told, now = known(lab)
    event = next(one for one in told if one.commit.sha == sha)
    return undo(event, told, now)


def test_a_release_is_rolled_back_to_what_was_before(lab: Office) -> None:
    act(lab, "release", version="1.0.0")
    sha = act(lab, "release", version="1.1.0")
    found = way_back(lab, sha)
    back = {"do": "rollback", "version": "1.0.0"}
    assert found == Undo("Roll hello back to 1.0.0, and pin it", OWN, back)


def test_it_says_that_the_workload_has_moved_on(lab: Office) -> None:
    first = act(lab, "release", version="1.0.0")
    act(lab, "release", version="1.1.0")
    found = way_back(lab, first)
    assert found is not None
    assert found.words == "Roll hello back to 0.9.0, and pin it (it is 1.1.0 by now)"


def test_a_release_that_was_undone_is_not_undone_again(lab: Office) -> None:
    act(lab, "release", version="1.0.0")
    sha = act(lab, "release", version="1.1.0")
    act(lab, "rollback", version="1.0.0")
    assert way_back(lab, sha) is None


@pytest.mark.parametrize(
    ("verb", "given", "back"),
    [
        ("lock", {"reason": "the talk"}, "unlock"),
        ("deautomate", {"reason": "a rest"}, "automate"),
        ("policy", {"range": "~1.2"}, "policy"),
    ],
)
def test_its_opposite_undoes_an_action(
    lab: Office, verb: str, given: dict[str, str], back: str
) -> None:
    sha = act(lab, verb, **given)
    found = way_back(lab, sha)
    assert found is not None
    assert (found.path, found.query) == (OWN, {"do": back})


def test_what_is_over_is_not_undone(lab: Office) -> None:
    locked = act(lab, "lock", reason="the talk")
    act(lab, "unlock")
    assert way_back(lab, locked) is None


def test_another_commit_is_undone_with_git(lab: Office) -> None:
    sha = lab.by_hand(
        "bob", "Greet", HELLO, lambda text: text.replace("Hello from Git", "Good day")
    )
    found = way_back(lab, sha)
    assert found is not None
    assert found.path == ""
    assert found.command == f"git pull --rebase && git revert --no-edit {sha[:7]} && git push"


def test_the_first_commit_is_not_undone(lab: Office) -> None:
    lab.desk.repo.fetch()
    told, now = known(lab)
    assert undo(told[-1], told, now) is None


def test_the_books_are_read_once_for_a_commit_and_anew_for_the_next(tmp_path: Path) -> None:
    lab = office(tmp_path, staging(automated()))
    lab.desk.repo.fetch()
    first = books(lab.desk.repo)
    assert first is books(lab.desk.repo)
    assert first.environments == ("production", "staging")
    assert first.deployed("registry:5000/hello", "0.9.0") == ["production", "staging"]
    assert [one.place.app for one in first.of("staging")] == ["hello", "shop"]
    act(lab, "release", version="1.0.0")
    lab.desk.repo.fetch()
    second = books(lab.desk.repo)
    assert second.find("hello", "production").workload.version == "1.0.0"
    assert second.deployed("registry:5000/hello", "0.9.0") == ["staging"]
    with pytest.raises(LabError, match="no environment is called 'prod'"):
        second.find("hello", "prod")
    with pytest.raises(LabError, match="no workload in production is called 'shop'"):
        second.find("shop", "production")


def test_the_history_needs_no_server(lab: Office) -> None:
    sha = act(lab, "release", version="1.0.0")
    lab.desk.repo.fetch()
    lab.server.rename(lab.server.with_name("away.git"))
    assert events(lab.desk.repo)[0].commit.sha == sha
    assert full_name(lab.desk.repo, sha[:7]).sha == sha


@pytest.mark.parametrize("name", ["main", "HEAD", "--all", "0" * 40, "ABCDEF1", ""])
def test_only_a_pushed_commit_is_found_and_only_by_its_hash(lab: Office, name: str) -> None:
    lab.desk.repo.fetch()
    with pytest.raises(LabError, match="no commit"):
        full_name(lab.desk.repo, name)


def test_a_commit_that_was_refused_is_none_of_the_branch(lab: Office) -> None:
    tree = git("rev-parse", "HEAD^{tree}", cwd=lab.desk.repo.path)
    sha = git("commit-tree", tree, "-m", str(Message("Not pushed")), cwd=lab.desk.repo.path)
    lab.desk.repo.fetch()
    with pytest.raises(LabError, match="no commit"):
        full_name(lab.desk.repo, sha)


def image(tag: str, digest: str) -> Image:
    return Image("hello", tag, digest, None, "c0ffee1", tag)


def run(number: int, version: str, digest: str) -> CiRun:
    image = f"registry:5000/hello:{version}"
    times = (0.0, 0.0, 1.0, 1.0)
    return CiRun(
        number,
        "c0ffee1",
        "s",
        "p",
        "push",
        "success",
        1,
        *times,
        "",
        None,
        (),
        image,
        digest,
        version,
    )


def test_a_version_is_told_with_the_run_that_built_it(lab: Office) -> None:
    lab.desk.repo.fetch()
    now = books(lab.desk.repo)
    found = now.find("hello", "production")
    listed = [image("1.0.0", "b"), image("0.9.0", "a"), image("sha-c0ffee1", "b")]
    runs = [run(3, "1.0.0", "b"), run(2, "1.0.0", "b"), run(1, "0.9.0", "other")]
    told = versions(found, now, {"hello": listed, "other": [image("9.0.0", "z")]}, runs)
    assert [(one.image.tag, one.run, one.deployed, one.named, one.numbered) for one in told] == [
        ("1.0.0", 2, (), False, True),
        ("0.9.0", None, ("production",), True, True),
        ("sha-c0ffee1", None, (), False, False),
    ]
