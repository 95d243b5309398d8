"""What Grafana is given to read, and what is said where its image is not to be had."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from labs.errors import LabError
from labs.gitops.monitoring.dashboards import DASHBOARDS
from labs.instance import PROJECT, Instance
from labs.platform import grafana, kind
from scripts.supply import catalogue, engine, extra

BOARDS = sorted((PROJECT / "config-repo-template" / DASHBOARDS).glob("*.json"))


def test_grafana_is_given_the_labs_prometheus_and_the_clones_dashboards(tmp_path: Path) -> None:
    lab = Instance("demo", tmp_path / "demo")
    folder = tmp_path / "provisioning"
    folder.mkdir()
    assert len(BOARDS) >= 3
    grafana.write_provisioning(lab, folder, BOARDS)
    [source] = yaml.safe_load((folder / "datasources" / "lab.yaml").read_text())["datasources"]
    assert source["url"] == f"http://{kind.node(lab)}:{kind.NODE_PORTS['prometheus']}"
    [provider] = yaml.safe_load((folder / "dashboards" / "lab.yaml").read_text())["providers"]
    files = folder / Path(provider["options"]["path"]).relative_to(grafana.PROVISIONING)
    found = sorted(files.glob("*.json"))
    assert [path.name for path in found] == [path.name for path in BOARDS]
    for path in found:
        [chosen] = [
            one["current"]["value"]
            for one in json.loads(path.read_text())["templating"]["list"]
            if one["type"] == "datasource"
        ]
        assert chosen == source["uid"]


def test_its_image_is_pinned_by_version_and_digest() -> None:
    image = catalogue.load().extras[grafana.PART]
    assert re.fullmatch(r"\d+\.\d+\.\d+", image.version)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", image.digest)
    assert grafana.PART not in catalogue.load().images  # nobody gets it who does not ask


def test_where_no_registry_answers_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_MIRROR", "registry=127.0.0.1:9")
    monkeypatch.setenv("LAB_SUPPLY", "source")
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(engine, "present", lambda ref, key, root: False)
    monkeypatch.setattr(engine, "known", lambda ref: False)
    with pytest.raises(
        LabError, match=r"http://127\.0\.0\.1:9/v2/ does not answer within 3 s"
    ) as no:
        extra.ensure(grafana.PART)
    assert "`docker load -i image.tar`" in no.value.todo
    monkeypatch.setattr(engine, "known", lambda ref: True)
    said: list[str] = []
    assert extra.ensure(grafana.PART, said.append).startswith("docker.io/grafana/grafana:")
    assert "is taken as it is in the Docker engine" in said[0]
