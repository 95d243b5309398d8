"""Image automation's files in the config repo: what is brought, and what is left as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.gitops import image_automation
from labs.gitops.commits import Message
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.draft import Draft
from labs.instance import PROJECT
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
