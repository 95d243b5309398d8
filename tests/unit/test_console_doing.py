"""What the console's buttons commit: what was shown, on the workload as it was shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from labs.console.doing import ERROR_SECONDS, VERBS, Ask, Moved, Proposals, do, propose
from labs.console.equivalents import sync
from labs.errors import LabError
from labs.gitops.git_words import PushRefused
from labs.gitops.manifests import automation, workload
from labs.gitops.workloads import Place
from tests.unit.engine_desk import BOT, HELLO, Office, automated, office, staging, template
from tests.unit.gitrepos import git, new_clone

PLACE = Place("hello", "production")


@pytest.fixture
def lab(tmp_path: Path) -> Office:
    return office(tmp_path, automated())


def ask(verb: str, **given: str) -> Ask:
    return Ask.of(verb, PLACE, given)


ASKS = {
    "release": ask("release", version="1.2.0", reason="it's better"),
    "rollback": ask("rollback", version="0.9.0"),
    "lock": ask("lock", reason='until "the talk" is over'),
    "unlock": ask("unlock"),
    "automate": ask("automate"),
    "deautomate": ask("deautomate", reason="a rest"),
    "policy": ask("policy", range=">=1.0.0 <1.3.0"),
}


def prepared(lab: Office, verb: str) -> None:
    """Bring the workload to where a verb makes sense."""
    if verb == "rollback":
        lab.by_hand("bob", "Move it", HELLO, lambda text: text.replace("0.9.0", "1.1.0"))
    if verb == "unlock":
        do(lab.desk, ASKS["lock"], propose(lab.desk, ASKS["lock"]).base)
    if verb == "automate":
        do(lab.desk, ASKS["deautomate"], propose(lab.desk, ASKS["deautomate"]).base)


@pytest.mark.parametrize("verb", VERBS)
def test_every_button_commits_what_was_shown(lab: Office, verb: str) -> None:
    prepared(lab, verb)
    shown = propose(lab.desk, ASKS[verb])
    assert shown.diff.startswith("--- a/"), shown.diff
    written = do(lab.desk, ASKS[verb], shown.base)
    assert written.commit.parents == (shown.base,)
    assert written.commit.subject == shown.subject
    assert written.commit.trailers["Lab-Event"] == verb
    changed = git("diff", "--unified=3", shown.base, written.commit.sha, cwd=lab.server)
    assert lines(changed) == lines(shown.diff)


def lines(diff: str) -> list[str]:
    """Return the lines that come and go, in order."""
    return [one for one in diff.splitlines() if one[:1] in "+-" and one[:3] not in ("+++", "---")]


@pytest.mark.parametrize("verb", VERBS)
def test_plain_git_makes_the_same_commit(lab: Office, tmp_path: Path, verb: str) -> None:
    prepared(lab, verb)
    shown = propose(lab.desk, ASKS[verb])
    clone = new_clone(lab.server, tmp_path / "by-hand")
    subprocess.run(["bash", "-c", shown.git], cwd=clone, check=True, capture_output=True)
    by_hand = git("rev-parse", "main^{tree}", cwd=lab.server)
    told = git("log", "-1", "--format=%s%n%(trailers:only,unfold)", "main", cwd=lab.server)
    git("push", "--force", "--quiet", "origin", f"{shown.base}:main", cwd=clone)
    written = do(lab.desk, ASKS[verb], shown.base)
    assert git("rev-parse", "main^{tree}", cwd=lab.server) == by_hand
    assert told.splitlines()[0] == written.commit.subject
    assert f"Lab-Event: {verb}" in told
    for reason in filter(None, [ASKS[verb].reason]):
        assert f"Lab-Reason: {reason}" in told


def test_the_lab_command_is_quoted_for_a_shell() -> None:
    said = {verb: one.command for verb, one in ASKS.items()}
    where = "hello --env production"
    assert said == {
        "release": "lab release hello 1.2.0 --env production --reason 'it'\"'\"'s better'",
        "rollback": f"lab rollback {where} --to 0.9.0",
        "lock": f"lab lock {where} --reason 'until \"the talk\" is over'",
        "unlock": f"lab unlock {where}",
        "automate": f"lab automate {where}",
        "deautomate": f"lab deautomate {where} --reason 'a rest'",
        "policy": "lab policy hello '>=1.0.0 <1.3.0' --env production",
    }


def test_nothing_is_done_to_a_workload_that_moved_meanwhile(lab: Office) -> None:
    shown = propose(lab.desk, ASKS["release"])
    theirs = lab.by_hand("bob", "Faster", HELLO, lambda text: text.replace("0.9.0", "1.1.0"))
    with pytest.raises(Moved) as moved:
        do(lab.desk, ASKS["release"], shown.base)
    assert "bob: Faster" in moved.value.found
    assert git("rev-parse", "main", cwd=lab.server) == theirs
    again = propose(lab.desk, ASKS["release"])
    assert again.base == theirs
    assert do(lab.desk, ASKS["release"], again.base).commit.parents == (theirs,)


def test_a_change_of_the_automation_is_a_move_as_well(lab: Office) -> None:
    shown = propose(lab.desk, ASKS["release"])
    lab.by_hand("bob", "Rest", BOT, lambda text: text.replace("suspend: false", "suspend: true"))
    with pytest.raises(Moved, match="bob: Rest"):
        do(lab.desk, ASKS["release"], shown.base)


def test_another_workload_may_move(tmp_path: Path) -> None:
    lab = office(tmp_path, staging(automated()))
    shown = propose(lab.desk, ASKS["release"])
    other = "apps/staging/hello.yaml"
    theirs = lab.by_hand("bob", "Elsewhere", other, lambda text: text.replace("0.9.0", "1.1.0"))
    assert do(lab.desk, ASKS["release"], shown.base).commit.parents == (theirs,)


def test_a_lock_refuses_a_release_and_says_whose_it_is(lab: Office) -> None:
    do(lab.desk, ASKS["lock"], propose(lab.desk, ASKS["lock"]).base)
    with pytest.raises(LabError, match=r"locked by attendee: until .the talk. is over"):
        propose(lab.desk, ASKS["release"])


def test_a_refused_push_is_told_in_the_hooks_words_and_leaves_nothing(lab: Office) -> None:
    shown = propose(lab.desk, ASKS["release"])
    hook = lab.server / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'found: locked'\necho 'expected: e'\necho 'next: n'\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(PushRefused) as refused:
        do(lab.desk, ASKS["release"], shown.base)
    assert (refused.value.found, refused.value.todo) == ("locked", "n")
    assert git("rev-parse", "main", cwd=lab.server) == shown.base
    hook.unlink()
    assert do(lab.desk, ASKS["release"], shown.base).commit.parents == (shown.base,)


@pytest.mark.parametrize("base", ["", "--output=/tmp/x", "main", "1234567"])
def test_what_is_no_commit_is_no_base(lab: Office, base: str) -> None:
    with pytest.raises(LabError, match="which is no commit"):
        do(lab.desk, ASKS["release"], base)


def test_a_proposal_is_made_once_for_all_who_look(
    lab: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labs.console.doing.time.monotonic", lambda: 100.0)
    asked = []

    def desk() -> object:
        asked.append(1)
        return lab.desk

    proposals = Proposals(desk)  # type: ignore[arg-type]
    first = proposals.get(ASKS["release"], ("sha", ()))
    assert proposals.get(ASKS["release"], ("sha", ())) is first
    proposals.get(ASKS["release"], ("another", ()))
    for _ in range(2):
        with pytest.raises(LabError, match="is not locked"):
            proposals.get(ASKS["unlock"], ("sha", ()))
    assert len(asked) == 3


def test_what_was_away_is_asked_again(lab: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("labs.console.doing.time.monotonic", lambda: now[0])
    proposals = Proposals(lambda: lab.desk)
    away = lab.server.with_name("away.git")
    lab.server.rename(away)
    for _ in range(2):
        with pytest.raises(LabError, match="the Git server does not answer"):
            proposals.get(ASKS["release"], ("sha", ()))
    away.rename(lab.server)
    now[0] += ERROR_SECONDS
    assert proposals.get(ASKS["release"], ("sha", ())).version == "1.2.0"


def test_a_repo_without_automation_says_so(tmp_path: Path) -> None:
    lab = office(tmp_path, template())
    with pytest.raises(LabError, match="no image automation in the config repo yet"):
        propose(lab.desk, ASKS["automate"])


def test_what_an_action_needs_is_asked_for_first() -> None:
    assert not ask("lock").complete
    assert not ask("release").complete
    assert not ask("policy").complete
    assert not ask("deautomate").complete
    assert ask("rollback").complete
    with pytest.raises(LabError, match="no action is called 'delete'"):
        ask("delete")


@pytest.mark.parametrize(("verb", "lacks"), [("deautomate", "reason"), ("lock", "reason")])
def test_nobody_rests_or_locks_without_a_reason(lab: Office, verb: str, lacks: str) -> None:
    shown = propose(lab.desk, ASKS[verb])
    for reason in ("", "  "):
        with pytest.raises(LabError, match=f"without a {lacks}"):
            do(lab.desk, ask(verb, reason=reason), shown.base)
    assert git("rev-parse", "main", cwd=lab.server) == shown.base


def test_sync_now_is_told_with_all_that_it_asks() -> None:
    assert sync(["cluster", "apps"]) == (
        "flux reconcile kustomization cluster --with-source &&\nflux reconcile kustomization apps"
    )
    assert sync([]) == "flux reconcile source git config"


def test_lock_and_policy_say_what_was_typed(lab: Office) -> None:
    do(lab.desk, ASKS["lock"], propose(lab.desk, ASKS["lock"]).base)
    do(lab.desk, ASKS["policy"], propose(lab.desk, ASKS["policy"]).base)
    said = workload(lab.text(), "hello")
    assert said is not None
    assert said.lock_reason == 'until "the talk" is over'
    assert automation(lab.text(BOT)).range == ">=1.0.0 <1.3.0"
