"""The Git server's hook, run by git itself on real repositories; only the network is left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labs.platform.credentials import DOMAIN, mail
from tests.unit.githook import HOOK, Desk, new_desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return new_desk(tmp_path)


def test_what_adds_to_a_branch_is_taken_and_old_commits_of_others_do_not_matter(desk: Desk) -> None:
    desk.commit("second")
    desk.git("push", "origin", "main", "HEAD:refs/heads/other")


def test_a_force_push_is_refused_and_says_what_it_would_take_away(desk: Desk) -> None:
    desk.commit("second")
    desk.commit("third")
    desk.git("push", "origin", "main")
    desk.git("reset", "-q", "--hard", "HEAD~2")
    desk.commit("instead")
    said = desk.refused("--force", "origin", "main")
    assert "would take 2 commit(s) off 'main'" in said
    assert "git revert" in said


def test_nothing_is_deleted(desk: Desk) -> None:
    desk.git("tag", "v1")
    desk.git("push", "origin", "v1")
    assert "deletion of the branch 'main'" in desk.refused("origin", ":main")
    assert "deletion of the tag 'v1'" in desk.refused("origin", ":v1")


def test_a_tag_does_not_move_and_bears_its_makers_name(desk: Desk) -> None:
    desk.git("tag", "v1")
    desk.git("push", "origin", "v1")
    desk.commit("second")
    desk.git("tag", "-f", "v1")
    assert "the tag 'v1' moved" in desk.refused("--force", "origin", "v1")
    desk.git("-c", f"user.email={mail('instructor')}", "tag", "-a", "-m", "x", "v2")
    assert f"made by {mail('instructor')}" in desk.refused("origin", "v2")
    desk.git("tag", "-f", "-a", "-m", "x", "v2")
    desk.git("push", "origin", "v2")


def test_other_refs_are_refused(desk: Desk) -> None:
    assert "branches (refs/heads/…)" in desk.refused("origin", "main:refs/odd/x")


def test_a_foreign_author_is_refused_and_the_remedy_works(desk: Desk) -> None:
    desk.commit("mine")
    forged = desk.commit("forged", as_user="instructor")
    said = desk.refused("origin", "main")
    assert "1 of 2 new commit(s) on 'main' of somebody else" in said
    assert f"{forged[:8]} author {mail('instructor')} (forged)" in said
    assert f"git config user.email {mail('attendee')}" in said
    assert "`git commit --amend --reset-author --no-edit`" in said
    desk.git("commit", "--amend", "--reset-author", "--no-edit")
    desk.git("push", "origin", "main")


def test_a_foreign_committer_is_refused_as_well(desk: Desk) -> None:
    desk.commit("mine")
    name = ["-c", f"user.email={mail('flux')}"]
    desk.git(*name, "commit", "--amend", "--no-edit")
    assert f"committer {mail('flux')}" in desk.refused("origin", "main")


def test_several_foreign_commits_are_mended_by_the_rebase_that_is_named(desk: Desk) -> None:
    for number in range(7):
        desk.commit(f"forged {number}", as_user="instructor")
    desk.commit("mine")
    said = desk.refused("origin", "HEAD:refs/heads/topic")
    assert "7 of 8 new commit(s)" in said
    assert "and 2 more" in said
    start = said.partition("git rebase ")[2].split(" ")[0]
    desk.git("rebase", start, "--exec", "git commit --amend --reset-author --no-edit")
    desk.git("push", "origin", "HEAD:refs/heads/topic")


def test_ci_may_not_write(desk: Desk) -> None:
    desk.commit("by CI", as_user="ci")
    assert "CI builds images" in desk.refused("origin", "main", user="ci")


def test_a_push_from_an_old_state_is_told_to_fetch(desk: Desk) -> None:
    """Two pushes from one state: the second has passed the client's own check before the first."""
    old = desk.git("rev-parse", "HEAD").strip()
    new = desk.commit("second")
    desk.git("push", "origin", "main")
    done = subprocess.run(
        [sys.executable, HOOK],
        cwd=desk.server,
        env={**os.environ, "REMOTE_USER": "attendee", "GIT_DIR": "."},
        input=f"{old} {new} refs/heads/main\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "moved on the server while you pushed" in done.stderr
    assert "`git pull --rebase`, then `git push` again" in done.stderr


def test_without_a_user_nothing_is_taken(desk: Desk) -> None:
    done = subprocess.run(
        [sys.executable, HOOK],
        cwd=desk.server,
        env={key: value for key, value in os.environ.items() if key != "REMOTE_USER"},
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "a push without a user" in done.stderr


ODD = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\xa0\r."
"""What Python takes for the end of a line, or for white space, and Git does not."""


def test_a_subject_may_hold_what_python_takes_for_the_end_of_a_line(desk: Desk) -> None:
    desk.commit(f"mine {ODD}")
    desk.commit("")  # no subject at all
    desk.git("push", "origin", "main")
    forged = desk.commit(f"forged\x1b[2J{ODD.join('abc')}", as_user="instructor")
    said = desk.refused("origin", "main")
    assert "1 of 1 new commit(s)" in said
    assert f"{forged[:8]} author {mail('instructor')} (forged [2Ja .b .c)" in said


def test_a_message_that_is_no_utf_8_is_judged_as_any_other(desk: Desk) -> None:
    desk.git("config", "i18n.commitEncoding", "none-that-git-knows")
    desk.commit("caf\udce9 \udcff")
    desk.git("push", "origin", "main")
    desk.commit("caf\udce9", as_user="instructor")
    assert f"author {mail('instructor')} (caf)" in desk.refused("origin", "main")


def test_a_tag_s_name_cannot_pass_for_its_maker(desk: Desk) -> None:
    head = f"object {desk.git('rev-parse', 'HEAD').strip()}\ntype commit\n"
    name = f"tag v3\u2028tagger x <{mail('attendee')}> 1 +0000\n"
    tag = f"{head}{name}tagger y <{mail('instructor')}> 1700000000 +0000\n\nx\n"
    (desk.clone / "tag").write_text(tag)
    made = desk.git("hash-object", "-t", "tag", "-w", "--literally", "tag").strip()
    desk.git("update-ref", "refs/tags/v3", made)
    assert f"made by {mail('instructor')}" in desk.refused("origin", "v3")


def test_a_branch_s_name_may_hold_what_python_takes_for_white_space(desk: Desk) -> None:
    desk.git("push", "origin", "HEAD:refs/heads/a\u2028b\xa0c")
    assert "deletion of the branch" in desk.refused("origin", ":refs/heads/a\u2028b\xa0c")


def test_the_hook_and_the_lab_agree_on_addresses() -> None:
    assert f'DOMAIN = "{DOMAIN}"' in HOOK.read_text()
