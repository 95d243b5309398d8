"""The playbook's roles: each change is documented, and what Ansible prints is understood."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from labs.errors import LabError
from labs.instance import PREFERRED_PORTS, PROJECT
from labs.platform import machine

ROLES = sorted((PROJECT / "scripts" / "roles").glob("*/tasks/*.yml"))
PAGE = PROJECT / "docs" / "machine.md"
READING = {"assert", "debug", "find", "include_tasks", "set_fact", "slurp", "stat"}
"""Modules of ansible.builtin that only look."""


def tasks(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for task in YAML(typ="safe").load(path.read_text()):
        found += task.get("block", [task])
    return found


def changing() -> list[str]:
    names = []
    for path in ROLES:
        for task in tasks(path):
            modules = [key.removeprefix("ansible.builtin.") for key in task if "builtin." in key]
            assert len(modules) == 1, task
            if modules[0] not in READING and task.get("changed_when") is not False:
                names.append(str(task["name"]))
    return names


def test_there_are_roles_to_document() -> None:
    assert {path.parts[-3] for path in ROLES} == {
        "browser",
        "engine",
        "restricted_host",
        "supply_tools",
    }
    assert len(changing()) >= 10


@pytest.mark.parametrize("name", changing())
def test_a_change_is_documented_with_its_undo(name: str) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {name} |")]
    assert len(rows) == 1, f"docs/machine.md needs one row for the task {name!r}"
    assert all(cell.strip() for cell in rows[0].strip("|").split("|"))


def test_the_row_of_listening_ports_has_each_that_a_lab_prefers() -> None:
    [row] = [line for line in PAGE.read_text().splitlines() if line.startswith("| listening ports")]
    told = [int(number) for number in re.findall(r"\b\d{4}\b", row)]
    assert sorted(told) == sorted(PREFERRED_PORTS.values())


def test_every_documented_task_exists() -> None:
    tables = PAGE.read_text().split("## The machine, only where")[1]
    rows = [line.split("|")[1].strip() for line in tables.splitlines() if line.startswith("| ")]
    assert set(rows) - {"task"} == set(changing())


def test_only_the_names_of_tasks_that_changed_something_are_told() -> None:
    output = """
TASK [Gathering Facts] *********************************************************
ok: [localhost]

TASK [engine : Install the engine from the Debian archive] *********************
changed: [localhost]

TASK [restricted_host : Make the folders] **************************************
changed: [localhost] => (item=/etc/docker)
changed: [localhost] => (item=/usr/local/lib/gitops-hackfest)

PLAY RECAP *********************************************************************
localhost : ok=3 changed=2
"""
    assert machine.changes(output) == [
        "Install the engine from the Debian archive",
        "Make the folders",
    ]


def test_an_engine_that_refuses_this_user_is_not_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DOCKER_HOST is somebody's choice: nothing is installed beside it."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(LabError) as refusal:
        machine.ensure(pytest.fail, "engine")
    assert "docker" in refusal.value.found.lower()


def test_without_root_and_sudo_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError) as refusal:
        machine.play(["engine"])
    assert "cannot become root" in refusal.value.found
    assert "start Docker" in refusal.value.todo
