"""The lab that docs/adding-a-lab.md adds, done both ways on the readers' cluster, as all others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labs.instance import Instance
from labs.platform import kubernetes
from tests import adding


@pytest.mark.long
def test_the_lab_of_the_page_is_done_both_ways(instance: Instance, tmp_path: Path) -> None:
    copy = adding.copy_of_the_project(tmp_path)
    done = adding.follow(copy, live=True)
    assert done[-1] == "run with bash, on a live lab"
    report = json.loads((instance.root / "rehearsal" / "team.json").read_text())
    assert set(report["undone"]) == {"team-label", "team-owner"}
    assert {"first", "again"} <= set(report["seconds"])
    found = kubernetes.api(instance).get("v1", "Namespace", "production")
    assert found is not None
    assert found["metadata"]["labels"]["team"] == "blue"
