"""What the attendee's folder is without a Git server: notebooks, README, tools or stand-ins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import PROJECT, Instance
from labs.platform import workspace
from labs.run import run
from scripts.supply import api as supply


@pytest.fixture
def seat(tmp_path: Path) -> Instance:
    return Instance("seat", tmp_path / "seat")


def test_the_folder_holds_the_notebooks_and_says_what_it_is(seat: Instance) -> None:
    said: list[str] = []
    workspace.ensure_notebooks(seat, said.append)
    workspace.ensure_notebooks(seat, said.append)
    ours = sorted(path.name for path in (PROJECT / "notebooks").glob("*.ipynb"))
    assert "00-welcome.ipynb" in ours
    assert sorted(path.name for path in (seat.work / "notebooks").iterdir()) == ours
    readme = (seat.work / "README.md").read_text()
    assert "`seat`" in readme
    assert "{lab}" not in readme
    assert said == []


def test_a_project_without_notebooks_is_not_whole(
    seat: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "PROJECT", tmp_path)
    with pytest.raises(LabError, match="no notebook"):
        workspace.ensure_notebooks(seat)


def test_the_identity_is_the_attendees(seat: Instance) -> None:
    workspace.ensure_notebooks(seat)
    config = run("git", "config", "--file", seat.root / "gitconfig", "--list")
    assert "user.email=attendee@hackfest.local" in config
    assert "commit.gpgsign=false" in config


def test_a_tool_that_is_not_there_says_what_it_waits_for(
    seat: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an empty cache no tool is there: each has a stand-in, and a link once it is."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    workspace.ensure_tools(seat)
    kubectl = seat.bin / "kubectl"
    env = {"LAB_NAME": seat.name, "LAB_HOME": str(seat.root.parent), "PATH": "/usr/bin:/bin"}
    asked = subprocess.run(
        [kubectl, "get", "nodes"],
        env={**env, "LAB_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert asked.returncode == 1
    assert [line.split(":")[0] for line in asked.stderr.splitlines()] == [
        "found",
        "expected",
        "next",
    ]
    assert "kubectl" in asked.stderr
    monkeypatch.setattr(supply, "tool", lambda name: Path(sys.executable))
    workspace.ensure_tools(seat)
    assert kubectl.readlink() == Path(sys.executable)
