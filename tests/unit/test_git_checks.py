"""What the Git server's hook makes of checks.yaml; what promtool says is in tests/cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from labs.gitops import monitoring
from labs.gitops.monitoring.enforcing import SWITCH, TEXT
from tests.unit.githook import Desk, new_desk

RULES = f"{monitoring.FOLDER}/rules/app.yml"
FILES = {**monitoring.files(), "README.md": "# Config\n"}
BROKEN = {**FILES, RULES: "groups: [\n"}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose server has monitoring, and no promtool."""
    monkeypatch.setenv("GIT_CHECK_TOOLS", str(tmp_path / "no-tools"))
    made = new_desk(tmp_path, "config")
    made.write(FILES, "Begin")
    made.git("push", "origin", "main")
    return made


def switched_on(desk: Desk, files: Mapping[str, str] = FILES) -> None:
    """Have it enforced as by somebody who may go past a check."""
    desk.write({**files, SWITCH: TEXT}, "Enforce", as_user="instructor")
    desk.git("push", "-o", "override=a test", "origin", "main", user="instructor")


def test_without_the_switch_nothing_is_judged(desk: Desk) -> None:
    desk.write(BROKEN)
    desk.git("push", "origin", "main")


def test_a_switch_that_says_something_else_is_refused(desk: Desk) -> None:
    for text in ("monitoring: enfroced\n", "monitoring: enforced\napps: enforced\n", "a: [\n", ""):
        desk.write({**FILES, SWITCH: text})
        said = desk.refused("origin", "main")
        assert f"1 thing(s) wrong with monitoring:\n            {SWITCH}" in said
        desk.git("reset", "-q", "--hard", "HEAD~1")


def test_without_its_tools_an_enforced_push_is_refused_and_says_what_it_waits_for(
    desk: Desk,
) -> None:
    desk.write({**FILES, SWITCH: TEXT}, "Enforce")
    said = desk.refused("origin", "main")
    assert "promtool is not on the Git server yet" in said
    assert "`make status`" in said


def test_an_override_goes_past_it_and_leaves_its_trace(desk: Desk) -> None:
    switched_on(desk)
    desk.git("fetch", "-q", "origin", "refs/notes/overrides:refs/notes/overrides")
    note = desk.git("notes", "--ref=overrides", "show", "HEAD").splitlines()
    assert note[:2] == ["Overridden-By: instructor", "Override-Reason: a test"]
    assert note[2].startswith(f"Overridden-Check: {SWITCH} has monitoring judged, and promtool is")
    assert len(note) == 3


def test_a_push_that_leaves_monitoring_alone_is_not_judged(desk: Desk) -> None:
    switched_on(desk)
    desk.write({**FILES, SWITCH: TEXT, "README.md": "# Another\n"})
    desk.git("push", "origin", "main")


def test_switching_it_off_does_not_bring_in_what_is_wrong(desk: Desk) -> None:
    switched_on(desk)
    desk.write(BROKEN, "Switch it off")
    assert "promtool is not on the Git server yet" in desk.refused("origin", "main")


def test_other_branches_and_other_repositories_are_not_judged(desk: Desk, tmp_path: Path) -> None:
    switched_on(desk)
    desk.write({**BROKEN, SWITCH: TEXT})
    desk.git("push", "origin", "HEAD:refs/heads/topic")
    (tmp_path / "other").mkdir()
    other = new_desk(tmp_path / "other", "app")
    other.write({**BROKEN, SWITCH: TEXT})
    other.git("push", "origin", "main")


def test_a_link_in_the_folder_is_refused(desk: Desk) -> None:
    """What it leads to would not be judged, and Flux would follow it."""
    switched_on(desk)
    link = desk.clone / monitoring.FOLDER / "rules" / "linked.yml"
    link.symlink_to("../../README.md")
    desk.git("rm", "-q", "-r", "--cached", monitoring.FOLDER)
    for path in FILES:
        if path.startswith(monitoring.FOLDER):
            (desk.clone / path).unlink()
    desk.git("add", "--all")
    desk.commit("Link")
    assert f"{monitoring.FOLDER}/rules/linked.yml: a link" in desk.refused("origin", "main")
