"""What the checks of the labs 02 and 03 find in a clone, and how the instance gets its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from labs.errors import LabError
from labs.exercises.evidence import HELLO, changing, pushed_change, value
from labs.gitops import instances
from labs.gitops.config_repo import attendees
from labs.instance import PROJECT, Instance
from labs.step import Attempt, CheckFailed, NotDone
from tests.unit.gitrepos import git, new_clone, new_server

TEMPLATE = PROJECT / "config-repo-template"


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    files = {str(path.relative_to(TEMPLATE)): path.read_text() for path in TEMPLATE.rglob("*.yaml")}
    assert HELLO in files
    lab = Instance("evidence", tmp_path)
    new_clone(new_server(tmp_path / "server", files), lab.work / "config-repo")
    return lab


def edit(instance: Instance, old: str, new: str) -> None:
    path = instance.work / "config-repo" / HELLO
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_settings_are_read_from_the_file_as_it_is_handed_out(instance: Instance) -> None:
    repo = attendees(instance)
    assert value(repo, "GREETING") == "Hello from Git"
    assert value(repo, "COLOUR", "HEAD") == "blue"
    assert value(repo, "replicas", "HEAD") == "2"
    assert value(repo, "GREETING", "HEAD", "nowhere.yaml") == ""


def test_each_state_of_a_change_is_told_apart(instance: Instance) -> None:
    attempt = Attempt(instance)
    clone = instance.work / "config-repo"
    with pytest.raises(NotDone, match="'Hello from Git', as the lab came"):
        pushed_change(attempt, "GREETING", "do it")
    edit(instance, "Hello from Git", "Hello from here")
    with pytest.raises(CheckFailed, match="not committed") as changed:
        pushed_change(attempt, "GREETING", "do it")
    assert not isinstance(changed.value, NotDone)
    git("commit", "-qam", "Greet", cwd=clone)
    with pytest.raises(CheckFailed, match="not pushed"):
        pushed_change(attempt, "GREETING", "do it")
    git("push", "-q", cwd=clone)
    assert pushed_change(attempt, "GREETING", "do it").subject == "Greet"


def test_only_the_commits_that_changed_the_setting_count(instance: Instance) -> None:
    clone = instance.work / "config-repo"
    for old, new in (("value: blue", "value: green"), ("replicas: 2", "replicas: 3")):
        edit(instance, old, new)
        git("commit", "-qam", f"Set {new}", cwd=clone)
    edit(instance, "replicas: 3", "replicas: 2")
    git("commit", "-qam", "Set it back", cwd=clone)
    git("push", "-q", cwd=clone)
    repo = attendees(instance)
    repo.fetch()
    assert [c.subject for c in changing(repo, "replicas")] == ["Set it back", "Set replicas: 3"]
    assert [c.subject for c in changing(repo, "COLOUR")] == ["Set value: green"]
    assert changing(repo, "GREETING") == []


def test_an_instance_is_a_folder_of_the_config_repo(instance: Instance) -> None:
    with pytest.raises(LabError, match="no name yet"):
        instances.folder(instance)
    commit = instances.create(instance, "hackfest")
    assert commit is not None
    assert commit.trailers["Lab-Event"] == "commit"
    repo = attendees(instance)
    assert "path: ./clusters/hackfest" in repo.read("clusters/hackfest/flux-system/sync.yaml")
    assert instances.folder(instance) == "clusters/hackfest"
    command = instances.command(instance)
    assert command.startswith("flux install --components=source-controller,kustomize-controller ")
    assert command.endswith("/clusters/hackfest/flux-system/sync.yaml")
    assert instances.create(instance, "hackfest") is None, "nothing is left to write"
    agents = YAML(typ="safe").load(repo.read("clusters/hackfest/flux-system/agents.yaml"))
    assert agents["spec"]["minReadySeconds"] >= 10, "it replaces itself while it applies the apps"


def test_an_instance_of_another_name_gets_all_that_the_first_has(instance: Instance) -> None:
    instances.create(instance, "rehearsal")
    repo = attendees(instance)
    assert "path: ./clusters/rehearsal" in repo.read("clusters/rehearsal/flux-system/sync.yaml")
    assert repo.read("clusters/rehearsal/apps.yaml") == repo.read("clusters/hackfest/apps.yaml")
    assert "clusters/hackfest/flux-system/sync.yaml" not in repo.files()
