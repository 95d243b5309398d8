"""History is told from Git alone: from what a commit did, whatever it says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.errors import LabError
from labs.gitops.automation import automate, deautomate, policy
from labs.gitops.commits import Identity, Message
from labs.gitops.history import Event, history, ran_before
from labs.gitops.lock import lock, unlock
from labs.gitops.release import release, rollback
from labs.gitops.workloads import Place
from tests.unit.engine_desk import BOT, HELLO, Office, automated, office, staging
from tests.unit.gitrepos import git


@pytest.fixture
def auto(tmp_path: Path) -> Office:
    return office(tmp_path, automated())


def told(found: list[Event]) -> list[tuple[str, str, str, str]]:
    """Return kind, workload, what and by of the events, the oldest first, without the beginning."""
    return [
        (one.kind, f"{one.app} {one.environment}".strip(), one.what, one.by)
        for one in reversed(found)
        if one.commit.subject != "Begin"
    ]


HERE = "hello production"


def test_what_the_commands_do_is_told(auto: Office) -> None:
    desk = auto.desk
    auto.do(release(desk, "hello", "1.0.0", reason="ours"))
    auto.do(release(desk, "hello", "1.3.0"))
    auto.do(rollback(desk, "hello", reason="it greets nobody"))
    auto.do(lock(desk, "hello", "the talk"))
    auto.do(unlock(desk, "hello"))
    auto.do(policy(desk, "hello", "~1.1"))
    auto.do(automate(desk, "hello"))
    auto.do(deautomate(desk, "hello"))
    found = history(desk.repo)
    assert told(found) == [
        ("release", HERE, "0.9.0 → 1.0.0", "attendee"),
        ("release", HERE, "1.0.0 → 1.3.0", "attendee"),
        ("rollback", HERE, "1.3.0 → 1.0.0, pinned", "attendee"),
        ("lock", HERE, "locked by attendee: the talk", "attendee"),
        ("unlock", HERE, "unlocked", "attendee"),
        ("policy", HERE, "takes ~1.1, not >=1.0.0", "attendee"),
        ("automate", HERE, "automated (~1.1)", "attendee"),
        ("deautomate", HERE, "pinned", "attendee"),
    ]
    assert [one.why for one in found][-4:-1] == [
        "it greets nobody",
        "Release hello 1.3.0 to production",
        "ours",
    ]


def test_a_lock_with_an_automation_at_work_is_a_lock(auto: Office) -> None:
    auto.do(lock(auto.desk, "hello", "the talk"))
    assert told(history(auto.desk.repo)) == [
        ("lock", HERE, "locked by attendee: the talk, pinned", "attendee")
    ]


def test_the_first_commit_brings_the_first_version(auto: Office) -> None:
    [first] = history(auto.desk.repo)
    assert (first.kind, first.app) == ("release", "hello")
    assert "0.9.0" in first.what


def test_what_is_done_by_hand_is_what_it_is(auto: Office) -> None:
    def hand(subject: str, old: str, new: str, path: str = HELLO) -> None:
        auto.by_hand("ada", subject, path, lambda text: text.replace(old, new))

    hand("Newer", "hello:0.9.0", "hello:1.0.0")
    hand("Newer still", "hello:1.0.0", "hello:1.2.0")
    clone = auto.by("ada").desk.repo.path
    git("revert", "--no-edit", "HEAD", cwd=clone)
    git("push", "--quiet", "origin", "HEAD:main", cwd=clone)
    note = "  annotations:\n    gitops-hackfest/locked-by: ada\n"
    hand("Hold", "  name: hello\nspec", f"  name: hello\n{note}spec")
    hand("Let go", note, "")
    hand("Rest", "suspend: false", "suspend: true", BOT)
    hand("Work", "suspend: true", "suspend: false", BOT)
    hand("Range", ">=1.0.0", ">=1.1.0", BOT)
    hand("Greet", "Hello from Git", "Good day")
    hand("Elsewhere", "30080", "30081", "apps/production/hello-address.yaml")
    found = told(history(auto.desk.repo))
    assert found == [
        ("release", HERE, "0.9.0 → 1.0.0", "ada"),
        ("release", HERE, "1.0.0 → 1.2.0", "ada"),
        ("rollback", HERE, "1.2.0 → 1.0.0", "ada"),
        ("lock", HERE, "locked by ada: ", "ada"),
        ("unlock", HERE, "unlocked", "ada"),
        ("deautomate", HERE, "pinned", "ada"),
        ("automate", HERE, "automated (>=1.0.0)", "ada"),
        ("policy", HERE, "takes >=1.1.0, not >=1.0.0", "ada"),
        ("commit", HERE, HELLO, "ada"),
        ("commit", "", "apps/production/hello-address.yaml", "ada"),
    ]


def test_a_message_cannot_claim_what_its_commit_did_not_do(auto: Office) -> None:
    lie = {"Lab-Event": "release", "Lab-App": "shop", "Lab-Version": "9.9.9"}
    repo = auto.desk.repo
    repo.write(Message("Release 9.9.9", "", lie), lambda d: d.write("x", "x\n"))
    repo.write(
        Message("Unlock", "", {"Lab-Event": "unlock"}),
        lambda d: d.replace(HELLO, "hello:0.9.0", "hello:1.0.0"),
    )
    repo.write(
        Message("By a bot?", "", {"Lab-Event": "autorelease"}),
        lambda d: d.replace(HELLO, "hello:1.0.0", "hello:1.1.0"),
    )
    assert told(history(repo)) == [
        ("commit", "", "it says release, and did none", "attendee"),
        ("release", HERE, "0.9.0 → 1.0.0", "attendee"),
        ("release", HERE, "1.0.0 → 1.1.0", "attendee"),
    ]
    empty = repo.path
    git("commit", "--quiet", "--allow-empty", "-m", "Nothing\n\nLab-Event: reset", cwd=empty)
    git("push", "--quiet", "origin", "HEAD:main", cwd=empty)
    assert told(history(repo))[-1] == ("commit", "", "nothing changed", "attendee")


def test_trailers_tell_a_promotion_and_a_reset(auto: Office) -> None:
    for event, old, new in (("promote", "0.9.0", "1.0.0"), ("reset", "1.0.0", "0.9.0")):
        auto.desk.repo.write(
            Message(event, "", {"Lab-Event": event}),
            lambda d, old=old, new=new: d.replace(HELLO, f"hello:{old}", f"hello:{new}"),  # type: ignore[misc]
        )
    assert [one[0] for one in told(history(auto.desk.repo))] == ["promote", "reset"]


def test_the_bot_s_commits_are_autoreleases(auto: Office) -> None:
    bot = auto.by("flux").desk.repo
    trailers = {"Lab-Event": "autorelease", "Lab-App": "hello", "Lab-By": "flux"}
    for words, old, new in (({}, "0.9.0", "1.2.0"), (trailers, "1.2.0", "1.1.0")):
        bot.write(
            Message("Release hello to production", "", words),
            lambda d, old=old, new=new: d.replace(HELLO, f"hello:{old}", f"hello:{new}"),  # type: ignore[misc]
            author=Identity("Flux", "flux@hackfest.local"),
        )
    assert told(history(auto.desk.repo)) == [
        ("autorelease", HERE, "0.9.0 → 1.2.0", "flux"),
        ("autorelease", HERE, "1.2.0 → 1.1.0", "flux"),
    ]


def test_broken_files_are_told_and_stop_nothing(auto: Office) -> None:
    auto.by_hand("ada", "Break it", HELLO, lambda text: text + "  - : [\n")
    auto.by_hand("ada", "Mend it", HELLO, lambda text: text.removesuffix("  - : [\n"))
    auto.by_hand("ada", "No object", HELLO, lambda text: "- metadata: text\n")
    auto.by_hand("ada", "Odd", HELLO, lambda text: "kind: Deployment\nmetadata: text\nspec: []\n")
    kinds = [(kind, what.split(" (")[0]) for kind, _, what, _ in told(history(auto.desk.repo))]
    assert kinds == [
        ("commit", "its file is broken"),
        ("commit", HELLO),
        ("commit", "0.9.0 is taken away"),
        ("commit", HELLO),
    ]


def test_merges_are_told_with_what_they_bring(auto: Office, tmp_path: Path) -> None:
    auto.by("ada")
    auto.do(release(auto.desk, "hello", "1.0.0"))
    clone = auto.by("ada").desk.repo.path
    git("switch", "--quiet", "--create", "proposal", cwd=clone)
    (clone / "note.txt").write_text("a proposal\n")
    git("add", ".", cwd=clone)
    git("commit", "--quiet", "-m", "Propose", cwd=clone)
    git("pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main", cwd=clone)
    git("push", "--quiet", "origin", "HEAD:main", cwd=clone)
    found = told(history(auto.desk.repo))
    assert ("release", HERE, "0.9.0 → 1.0.0", "attendee") in found
    assert ("merge", HERE, "0.9.0 → 1.0.0", "ada") in found
    assert len(found) == 3
    # What ran before is told all the same, though the merge's first parent never had 1.0.0.
    assert ran_before(auto.desk.repo, Place("hello", "production")) == ["0.9.0"]


def test_an_override_is_told_with_its_note(auto: Office) -> None:
    auto.do(release(auto.desk, "hello", "1.0.0"))
    sha = auto.desk.repo.commit().sha
    words = "Overridden-By: instructor\nOverride-Reason: it burns"
    git("config", "user.email", "git@server", cwd=auto.server)
    git("config", "user.name", "server", cwd=auto.server)
    git("notes", "--ref=overrides", "add", "-m", words, sha, cwd=auto.server)
    found = {one.commit.sha: one.override for one in history(auto.desk.repo)}
    assert found[sha] == words
    assert [note for name, note in found.items() if name != sha] == [""]


def test_filters(tmp_path: Path) -> None:
    both = office(tmp_path, staging(automated()))
    both.do(release(both.desk, "hello", "1.0.0"))
    both.do(release(both.desk, "hello", "1.1.0", "staging"))
    both.by_hand("ada", "Shop", "apps/staging/shop.yaml", lambda t: t.replace("0.9.0", "1.0.0"))
    repo = both.desk.repo
    ours = {"event": "release", "most": 3}
    assert len(history(repo, **ours)) == 3  # type: ignore[arg-type]
    assert [one.app for one in history(repo, app="shop")][:1] == ["shop"]
    assert {one.environment for one in history(repo, environment="staging")} == {"staging"}
    assert [one.by for one in history(repo, by="ada")] == ["ada"]
    assert history(repo, event="lock") == []
    for unknown in ({"app": "shopp"}, {"event": "relese"}, {"by": "adda"}, {"environment": "stag"}):
        with pytest.raises(LabError) as wrong:
            history(repo, **unknown)  # type: ignore[arg-type]
        assert "the nearest is" in wrong.value.expected


def test_a_message_with_strange_signs_breaks_nothing(auto: Office) -> None:
    path = auto.desk.repo.path
    words = "Odd \x1d\x1e\n one\n\n\x1d" + "a" * 40 + "\x1e\nLab-Event: lock"
    git("commit", "--quiet", "--allow-empty", "-m", words, cwd=path)
    git("push", "--quiet", "origin", "HEAD:main", cwd=path)
    auto.do(release(auto.desk, "hello", "1.0.0"))
    assert [one[0] for one in told(history(auto.desk.repo))] == ["commit", "release"]


def test_what_python_takes_for_the_end_of_a_line_is_a_sign_as_any_other(auto: Office) -> None:
    path, repo = auto.desk.repo.path, auto.desk.repo
    words = "Odd \u2028 \x85 \x0b \x0c \x1c\n\nLab-Reason: x\u2028Lab-By: instructor"
    git("commit", "--quiet", "--allow-empty", "-m", words, cwd=path)
    git("push", "--quiet", "origin", "HEAD:main", cwd=path)
    assert repo.commit().trailers == {"Lab-Reason": "x\u2028Lab-By: instructor"}
    assert repo.commit().sha in repo.pushes()


def test_a_reason_cannot_forge_another_trailer(auto: Office) -> None:
    auto.do(release(auto.desk, "hello", "1.0.0", reason="x\nLab-By: instructor"))
    assert auto.desk.repo.commit().trailers["Lab-By"] == "attendee"
    assert auto.desk.repo.commit().trailers["Lab-Reason"] == "x Lab-By: instructor"
    assert str(Message("s", "", {"A": "x\nB: y"})).splitlines()[-1] == "A: x B: y"
