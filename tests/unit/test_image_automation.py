"""Image automation's files in the config repo: what is brought, and what is left as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from labs.gitops import image_automation
from labs.gitops.commits import Message
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.draft import Draft
from labs.gitops.image_automation import status
from labs.instance import PROJECT, Instance
from labs.platform import flux, git_server, kubernetes
from tests.unit.gitrepos import new_clone, new_server

TEMPLATE = PROJECT / "config-repo-template"
FOLDER = "clusters/hackfest"
RULES = "automation/production/hello.yaml"
CONTROLLERS = {f"{image_automation.CONTROLLERS}/understudy.yaml": "image: new\n"}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigRepo:
    monkeypatch.setattr(image_automation, "controllers", lambda: CONTROLLERS)
    files = {str(p.relative_to(TEMPLATE)): p.read_text() for p in TEMPLATE.rglob("*.yaml")}
    assert image_automation.MARKED in files
    return ConfigRepo(new_clone(new_server(tmp_path / "server", files), tmp_path / "attendee"))


def install(draft: Draft) -> None:
    image_automation.install(draft, FOLDER)


def test_all_of_it_comes_and_again_changes_nothing(clone: ConfigRepo) -> None:
    written = clone.write(Message("Automate"), install).commit
    files = clone.files(written.sha)
    assert {*CONTROLLERS, *image_automation.objects(), f"{FOLDER}/automation.yaml"} <= set(files)
    marked = clone.read(image_automation.MARKED)
    assert 'hello:0.9.0 # {"$imagepolicy": "flux-system:hello-production"}\n' in marked
    assert clone.propose(install) == ""


def test_controllers_are_brought_up_to_date_and_rules_stay_as_they_were_set(
    clone: ConfigRepo,
) -> None:
    clone.write(Message("Automate"), install)

    def change(draft: Draft) -> None:
        draft.replace(RULES, "suspend: false", "suspend: true")
        draft.write(next(iter(CONTROLLERS)), "image: old\n")

    clone.write(Message("Pin, and an older controller"), change)
    diff = clone.propose(install)
    assert "-image: old\n+image: new\n" in diff
    assert RULES not in diff


def test_a_push_before_the_receiver_was_there_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot's first commit may come before there is somebody to tell."""
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2019-06-27T10:00:00Z"}
    there = {**ready, "type": "Available", "lastTransitionTime": "2019-06-27T10:00:05Z"}
    objects = {"Receiver": ready, "Deployment": there}

    class Cluster:
        def get(self, api: str, kind: str, name: str, namespace: str) -> dict[str, Any]:
            return {"status": {"conditions": [objects[kind]]}}

    def last(second: int) -> bool:
        at = flux.moment(f"2019-06-27T10:00:{second:02}Z")
        told = {"at": at, "trouble": "connection refused"}
        monkeypatch.setattr(git_server, "last_told", lambda lab, name: told)
        return status._last(Instance("x", tmp_path), cast("kubernetes.Cluster", Cluster())).well

    assert last(3)
    assert last(14)  # the node may still not know of the pods
    assert not last(16)
    objects["Deployment"] = {**there, "status": "False"}
    assert not last(3)
