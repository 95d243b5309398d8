"""Monitoring in the config repo: what is brought, what stays; and a node of an earlier day."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from labs.gitops import monitoring
from labs.gitops.commits import Message
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.draft import Draft
from labs.instance import PROJECT, Instance
from labs.platform import docker, flux, kind, up
from scripts.supply import catalogue
from tests.unit.gitrepos import new_clone, new_server

FOLDER = "clusters/hackfest"
WIRING = f"{FOLDER}/monitoring.yaml"
RULES = f"{monitoring.FOLDER}/rules/app.yml"


def install(draft: Draft) -> None:
    monitoring.install(draft, FOLDER)


def test_the_wiring_comes_and_again_changes_nothing(tmp_path: Path) -> None:
    handed_out = monitoring.files()
    assert RULES in handed_out
    changed = {**handed_out, RULES: "groups: []\n"}
    clone = ConfigRepo(new_clone(new_server(tmp_path / "server", changed), tmp_path / "attendee"))
    written = clone.write(Message("Watch"), install).commit
    assert set(clone.files(written.sha)) == {*handed_out, WIRING}
    assert clone.read(RULES, written.sha) == "groups: []\n"  # a file that is there stays as it is
    assert clone.propose(install) == ""


def test_a_repo_of_an_earlier_day_gets_the_folder_too(tmp_path: Path) -> None:
    server = new_server(tmp_path / "server", {"README.md": "old\n"})
    clone = ConfigRepo(new_clone(server, tmp_path / "attendee"))
    written = clone.write(Message("Watch"), install).commit
    assert set(clone.files(written.sha)) == {"README.md", *monitoring.files(), WIRING}


def test_the_wiring_is_explicit_and_names_the_folder() -> None:
    told = yaml.safe_load(monitoring.WIRING.read_text())
    assert told["metadata"]["name"] == monitoring.KUSTOMIZATION
    assert {"interval", "retryInterval", "timeout", "prune", "wait"} <= set(told["spec"])
    assert told["spec"]["dependsOn"] == [{"name": flux.ROOT}], "of the wiring, and of nothing else"
    assert (monitoring.TEMPLATE / told["spec"]["path"] / "kustomization.yaml").is_file()


def test_the_pods_run_the_images_that_the_node_carries() -> None:
    images = catalogue.load().images
    folder = PROJECT / "config-repo-template" / monitoring.FOLDER
    for name in monitoring.DEPLOYMENTS:
        told = yaml.safe_load((folder / name / "deployment.yaml").read_text())
        assert told["metadata"]["name"] == name
        used = {one["image"] for one in told["spec"]["template"]["spec"]["containers"]}
        assert used == {f"{images[name].name}:{images[name].version}"}
        assert images[name].in_node


def test_a_node_of_an_earlier_day_holds_no_port_of_monitoring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bindings: dict[str, list[dict[str, str]]] = {"6443/tcp": [{}], "30080/tcp": [{}]}
    found = {"HostConfig": {"PortBindings": bindings}, "State": {"Status": "running"}}
    monkeypatch.setattr(docker, "inspect", lambda what, name: found)
    monkeypatch.setattr(docker, "engine_answers", lambda: True)
    lab = Instance("old", tmp_path / "old")
    assert docker.published(kind.node(lab)) == {6443, 30080}
    assert up.holds_port(lab, "app")
    assert not up.holds_port(lab, "prometheus")
    bindings["30091/tcp"] = [{}]
    assert up.holds_port(lab, "prometheus")
