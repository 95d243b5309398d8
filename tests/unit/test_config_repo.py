"""The engine's writes, against real Git repositories on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.gitops.commits import Identity, Message
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.draft import Draft
from labs.gitops.git_words import CloneNotClean, GitServerAway, PushRefused
from tests.unit.gitrepos import git, new_clone, new_server

FILE = "apps/production/hello.yaml"
TEXT = "# a comment that stays\nreplicas: 2 # {marker}\nimage: hello:0.9.0\n"


@pytest.fixture
def server(tmp_path: Path) -> Path:
    return new_server(tmp_path / "server", {FILE: TEXT})


@pytest.fixture
def clone(server: Path, tmp_path: Path) -> ConfigRepo:
    return ConfigRepo(new_clone(server, tmp_path / "attendee"))


def replicas(number: int) -> Callable[[Draft], None]:
    return lambda draft: draft.replace(FILE, "replicas: 2", f"replicas: {number}")


def append(word: str) -> Callable[[Draft], None]:
    return lambda draft: draft.write(FILE, draft.read(FILE) + f"# {word}\n")


def test_a_write_is_one_commit_with_trailers_and_the_folder_follows(
    clone: ConfigRepo, server: Path
) -> None:
    written = clone.write(
        Message("Run three", "because", {"Lab-Event": "commit", "Lab-By": "attendee"}), replicas(3)
    )
    assert git("rev-parse", "main", cwd=server) == written.commit.sha
    assert clone.commit().sha == written.commit.sha
    assert clone.commit().trailers == {"Lab-Event": "commit", "Lab-By": "attendee"}
    assert clone.commit().author == Identity("attendee", "attendee@hackfest.local")
    assert (clone.path / FILE).read_text() == TEXT.replace("replicas: 2", "replicas: 3")
    assert git("status", "--porcelain", cwd=clone.path) == ""
    pushed = clone.pushed_at(written.commit.sha)
    assert pushed is not None
    assert abs(pushed - written.commit.when.timestamp()) < 30
    assert [c.subject for c in clone.log(path=FILE)] == ["Run three", "Begin"]


def test_an_author_of_ones_own_and_an_executable_keep_what_they_are(
    clone: ConfigRepo, server: Path
) -> None:
    (clone.path / "run.sh").write_text("#!/bin/sh\n")
    (clone.path / "run.sh").chmod(0o755)
    git("add", ".", cwd=clone.path)
    git("commit", "-qm", "Add a script", cwd=clone.path)
    git("push", "-q", cwd=clone.path)
    bot = Identity("Flux", "flux@hackfest.local")
    written = clone.write(
        Message("Say more"), lambda d: d.write("run.sh", "#!/bin/sh\ndate\n"), author=bot
    )
    assert written.commit.author == bot
    assert git("ls-tree", "main", "run.sh", cwd=server).startswith("100755")


def test_propose_shows_the_difference_and_changes_nothing(clone: ConfigRepo, server: Path) -> None:
    before = git("rev-parse", "main", cwd=server)
    diff = clone.propose(replicas(5))
    assert "-replicas: 2 # {marker}\n+replicas: 5 # {marker}\n" in diff
    assert git("rev-parse", "main", cwd=server) == before
    assert git("status", "--porcelain", cwd=clone.path) == ""


def test_a_file_can_come_and_go(clone: ConfigRepo) -> None:
    clone.write(Message("Add"), lambda d: d.write("clusters/one/a.yaml", "a: 1\n"))
    assert clone.read("clusters/one/a.yaml") == "a: 1\n"
    clone.write(Message("Remove"), lambda d: d.delete("clusters/one/a.yaml"))
    assert not (clone.path / "clusters/one/a.yaml").exists()


@pytest.mark.parametrize("staged", [True, False])
def test_a_dirty_clone_is_never_overwritten(clone: ConfigRepo, server: Path, staged: bool) -> None:
    before = git("rev-parse", "main", cwd=server)
    (clone.path / FILE).write_text("mine\n")
    if staged:
        git("add", FILE, cwd=clone.path)
    with pytest.raises(CloneNotClean, match=FILE):
        clone.write(Message("Run three"), replicas(3))
    assert (clone.path / FILE).read_text() == "mine\n"
    assert git("rev-parse", "main", cwd=server) == before


def test_a_file_unknown_to_git_is_left_alone_and_never_overwritten(clone: ConfigRepo) -> None:
    (clone.path / "notes.txt").write_text("mine\n")
    clone.write(Message("Run three"), replicas(3))
    assert (clone.path / "notes.txt").read_text() == "mine\n"
    with pytest.raises(CloneNotClean, match=r"notes\.txt"):
        clone.write(Message("Add notes"), lambda d: d.write("notes.txt", "theirs\n"))
    assert (clone.path / "notes.txt").read_text() == "mine\n"


def test_a_commit_that_is_not_pushed_is_not_pushed_along(clone: ConfigRepo) -> None:
    (clone.path / FILE).write_text(TEXT + "# mine\n")
    git("commit", "-qam", "Not yet", cwd=clone.path)
    with pytest.raises(CloneNotClean, match="Not yet"):
        clone.write(Message("Run three"), replicas(3))
    assert clone.commit().subject == "Not yet"


def test_a_lost_race_is_made_anew_on_what_the_winner_pushed(
    clone: ConfigRepo, server: Path, tmp_path: Path
) -> None:
    winner = ConfigRepo(new_clone(server, tmp_path / "winner"))
    calls: list[str] = []

    def change(draft: Draft) -> None:
        calls.append(draft.base)
        if len(calls) == 1:
            winner.write(Message("First"), append("winner"))
        append("loser")(draft)

    written = clone.write(Message("Second"), change)
    assert written.races_lost == 1
    assert (clone.path / FILE).read_text() == TEXT + "# winner\n# loser\n"
    assert [c.subject for c in clone.log()] == ["Second", "First", "Begin"]


def test_ten_writers_at_once_lose_nothing(server: Path, tmp_path: Path) -> None:
    clones = [ConfigRepo(new_clone(server, tmp_path / f"writer-{n}")) for n in range(10)]

    def work(number: int) -> None:
        clones[number].write(Message(f"Write {number}"), append(str(number)))

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(work, range(10)))
    subjects = git("log", "--format=%s", "main", cwd=server).splitlines()
    assert len(subjects) == 11
    text = git("show", f"main:{FILE}", cwd=server)
    assert sorted(text.splitlines()[3:]) == [f"# {number}" for number in range(10)]


def test_two_commands_in_one_clone_take_turns(clone: ConfigRepo) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: ConfigRepo(clone.path).write(Message(f"{n}"), append(n)), "abcd"))
    assert len(clone.log()) == 5
    assert git("status", "--porcelain", cwd=clone.path) == ""


def test_a_refused_push_says_why_and_leaves_the_clone_as_it_was(
    clone: ConfigRepo, server: Path
) -> None:
    hook = server / "hooks" / "pre-receive"
    hook.write_text(
        '#!/bin/sh\n[ "$GIT_PUSH_OPTION_0" = "override=why" ] && exit 0\n'
        "echo 'hello is locked by Ada'\nexit 1\n"
    )
    hook.chmod(0o755)
    before = clone.commit()
    with pytest.raises(PushRefused, match="hello is locked by Ada"):
        clone.write(Message("Run three"), replicas(3))
    assert clone.commit() == before
    assert (clone.path / FILE).read_text() == TEXT
    clone.write(Message("Run three"), replicas(3), push_options=["override=why"])
    assert clone.commit().subject == "Run three"


def test_what_the_labs_own_hook_says_reaches_the_user_as_it_is(
    clone: ConfigRepo, server: Path
) -> None:
    hook = server / "hooks" / "pre-receive"
    hook.write_text(
        "#!/bin/sh\nprintf '\\nThe Git server did not take this push.\\n"
        "found:    2 new commits of somebody else:\\n            one\\n            two: it is\\n"
        "expected: your own\\nnext:     `git rebase`: then push\\n' >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    with pytest.raises(PushRefused) as refused:
        clone.write(Message("Run three"), replicas(3))
    assert str(refused.value) == (
        "found:    2 new commits of somebody else:\n            one\n            two: it is\n"
        "expected: your own\n"
        "next:     `git rebase`: then push"
    )


def test_files_are_laid_into_the_folder_and_never_over_the_readers_own(
    clone: ConfigRepo, server: Path, tmp_path: Path
) -> None:
    def change(draft: Draft) -> None:
        draft.write(FILE, draft.read(FILE).replace("replicas: 2", "replicas: 3"))
        draft.write("apps/new/a.yaml", "a: b\n")

    (clone.path / "notes.txt").write_text("mine\n")
    before = git("rev-parse", "main", cwd=server)
    assert clone.lay(change) == ["apps/new/a.yaml", FILE]
    assert git("status", "--porcelain", cwd=clone.path).split() == [
        "M", FILE, "??", "apps/new/", "??", "notes.txt",
    ]  # fmt: skip
    assert clone.lay(change) == [], "again changes nothing"
    (clone.path / FILE).write_text("mine\n")
    (clone.path / "apps/new/a.yaml").unlink()
    with pytest.raises(CloneNotClean, match=FILE):
        clone.lay(change)
    assert (clone.path / FILE).read_text() == "mine\n"
    assert not (clone.path / "apps/new/a.yaml").exists(), "all or nothing"
    git("restore", FILE, cwd=clone.path)
    (clone.path / "apps/new/a.yaml").write_text("mine\n")
    with pytest.raises(CloneNotClean, match=r"a\.yaml"):
        clone.lay(change)
    (clone.path / "apps/new/a.yaml").unlink()
    ConfigRepo(new_clone(server, tmp_path / "other")).write(Message("Theirs"), append("x"))
    with pytest.raises(CloneNotClean, match="Theirs"):
        clone.lay(change)
    git("pull", "-q", "--rebase", cwd=clone.path)
    clone.lay(change)
    git("add", "--all", cwd=clone.path)
    git("commit", "-qm", "All of it", cwd=clone.path)
    assert clone.lay(change) == []
    assert git("rev-parse", "main~", cwd=server) == before


def test_a_git_server_that_is_down_is_named(clone: ConfigRepo) -> None:
    address = "http://127.0.0.1:1/config.git"
    git("remote", "set-url", "origin", address, cwd=clone.path)
    with pytest.raises(GitServerAway, match=address):
        clone.write(Message("Run three"), replicas(3))
    assert (clone.path / FILE).read_text() == TEXT


def test_a_fetch_of_the_lab_moves_nothing_that_the_reader_sees(
    clone: ConfigRepo, server: Path, tmp_path: Path
) -> None:
    other = ConfigRepo(new_clone(server, tmp_path / "other"))
    theirs = other.write(Message("Theirs"), append("theirs")).commit
    git("fetch", cwd=clone.path)
    before = (clone.path / ".git" / "FETCH_HEAD").read_text()
    newer = other.write(Message("Newer"), append("newer")).commit
    assert clone.fetch().sha == newer.sha
    assert clone.is_pushed(newer.sha)
    assert git("rev-parse", "origin/main", cwd=clone.path) == theirs.sha
    assert (clone.path / ".git" / "FETCH_HEAD").read_text() == before
    assert clone.pushed_at(theirs.sha) is None, "somebody else pushed it"


def test_commands_that_look_at_once_do_not_trip_over_each_other(
    clone: ConfigRepo, server: Path, tmp_path: Path
) -> None:
    other = ConfigRepo(new_clone(server, tmp_path / "other"))
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            ConfigRepo(clone.path).fetch()

    with ThreadPoolExecutor(6) as pool:
        looks = [pool.submit(look) for _ in range(6)]
        try:
            for number in range(6):
                newest = other.write(Message(f"{number}"), append(f"{number}")).commit
        finally:
            done.set()
    for each in looks:
        each.result()
    assert clone.fetch() == newest


def test_a_push_is_known_though_a_fetch_noted_it_first(clone: ConfigRepo, server: Path) -> None:
    (clone.path / FILE).write_text(TEXT + "# mine\n")
    git("commit", "-qam", "Mine", cwd=clone.path)
    sha = clone.commit().sha
    assert not clone.is_pushed(sha)
    git("push", "-q", str(server), "HEAD:main", cwd=clone.path)  # leaves origin/main as it was
    git("fetch", "-q", cwd=clone.path)
    assert clone.is_pushed(sha)
    assert clone.pushed_at(sha) is not None


def test_a_rebase_in_the_middle_is_left_alone(clone: ConfigRepo) -> None:
    git("switch", "--quiet", "--detach", cwd=clone.path)
    with pytest.raises(CloneNotClean, match="detached"):
        clone.write(Message("Run three"), replicas(3))


def test_a_change_of_nothing_and_unknown_names_are_errors(clone: ConfigRepo) -> None:
    with pytest.raises(LabError, match="changes nothing"):
        clone.write(Message("Run two"), replicas(2))
    with pytest.raises(LabError, match="no commit is called 'nonsense'"):
        clone.commit("nonsense")
    with pytest.raises(LabError) as wrong:
        clone.read("apps/production/helo.yaml")
    assert FILE in wrong.value.expected
    with pytest.raises(LabError, match="0 times"):
        clone.write(Message("x"), lambda d: d.replace(FILE, "nowhere", "x"))
    with pytest.raises(LabError, match="no clone at"):
        ConfigRepo(clone.path / "apps")


def test_contains_follows_history(clone: ConfigRepo) -> None:
    first = clone.commit().sha
    second = clone.write(Message("Run three"), replicas(3)).commit.sha
    assert clone.contains(second, first)
    assert clone.contains(second, second)
    assert not clone.contains(first, second)
    assert not clone.contains("0" * 40, first)


def test_credentials_in_an_address_are_not_shown(clone: ConfigRepo) -> None:
    git("remote", "set-url", "origin", "http://a:secret@localhost:1/config.git", cwd=clone.path)
    assert clone.url == "http://localhost:1/config.git"
