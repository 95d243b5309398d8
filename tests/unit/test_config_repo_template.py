"""The config repo that every attendee starts from, as far as it can be judged without a cluster.

tests/cluster/test_app_image.py has the cluster's API server judge the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from labs.instance import PROJECT

TEMPLATE = PROJECT / "config-repo-template"
FILES = sorted(TEMPLATE.rglob("*.yaml"))
KUSTOMIZATIONS = [path for path in FILES if path.name == "kustomization.yaml"]
WIRING = sorted((TEMPLATE / "clusters").rglob("*.yaml"))


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def named_by(kustomization: Path) -> set[Path]:
    """Return the files and folders that a kustomization.yaml names."""
    [told] = documents(kustomization)
    names = [*told.get("resources", []), *(patch["path"] for patch in told.get("patches", []))]
    return {(kustomization.parent / name).resolve() for name in names}


def test_there_is_something_to_judge() -> None:
    assert FILES
    assert KUSTOMIZATIONS
    assert WIRING


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.parent.name))
def test_a_kustomization_names_what_is_there_and_all_that_is_beside_it(path: Path) -> None:
    named = named_by(path)
    assert [str(each) for each in named if not each.exists()] == []
    beside = {each for each in path.parent.glob("*.yaml") if each != path}
    assert sorted(beside - named) == []


@pytest.mark.parametrize("path", WIRING, ids=lambda path: path.name)
def test_a_cluster_folder_only_wires_and_says_everything_explicitly(path: Path) -> None:
    for told in documents(path):
        assert told["apiVersion"] == "kustomize.toolkit.fluxcd.io/v1"
        assert told["kind"] == "Kustomization"
        spec = told["spec"]
        assert {"interval", "retryInterval", "timeout", "prune", "wait"} <= set(spec)
        assert "dependsOn" not in spec, "each commit would wait for Flux's requeue time"
        assert (TEMPLATE / spec["path"] / "kustomization.yaml").is_file()
        assert spec["sourceRef"] == {"kind": "GitRepository", "name": "config"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TEMPLATE)))
def test_every_file_is_yaml_that_survives_an_editor(path: Path) -> None:
    text = path.read_text()
    assert all(documents(path))
    assert text.endswith("\n")
    assert "\t" not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


def test_an_environment_differs_by_a_few_lines_of_data() -> None:
    environments = [path.parent for path in KUSTOMIZATIONS if path.parent.parent.name == "apps"]
    assert environments
    for environment in environments:
        told = (environment / "hello.yaml").read_text().splitlines()
        assert len([line for line in told if not line.startswith("#")]) <= 20
        assert len([line for line in told if line.strip().startswith("image: ")]) == 1


def test_each_folder_of_the_readme_is_there() -> None:
    readme = (TEMPLATE / "README.md").read_text()
    folders = (
        "clusters/hackfest/",
        "infrastructure/",
        "apps/base/",
        "apps/production/",
        "monitoring/",
    )
    for folder in folders:
        assert f"`{folder}`" in readme
        assert (TEMPLATE / folder).is_dir()
    assert "apiVersion" not in readme, "quoted YAML grows stale"
