"""Which folders of a config repo `lab lint` judges; kustomize itself is in tests/cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.gitops.lint import stray_markers
from labs.gitops.lint_folders import NAMES, build
from tests.unit.engine_desk import template

KUBECTL = '#!/bin/sh\n[ "$1" = kustomize ] && exec cat "$2"/object.yaml\n'
"""Stands in for kustomize: each folder that it is asked for is its one object."""


def kustomization(name: str, path: str, source: str = "config") -> str:
    return (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: {name}, namespace: flux-system}}\n"
        f"spec: {{path: {path}, sourceRef: {{kind: GitRepository, name: {source}}}}}\n"
    )


def thing(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


def judged(root: Path, files: dict[str, str]) -> tuple[dict[str, list[str]], str]:
    """Return the objects' names by folder, and the verdicts."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    kubectl = root / ".kubectl"
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    built, verdicts = build(root, kubectl)
    names = {name: [one["metadata"]["name"] for one in found] for name, found in built.items()}
    return names, "\n".join(map(str, verdicts))


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_built_by_whichever_name_its_kustomization_has(
    name: str, tmp_path: Path
) -> None:
    listed = {f"apps/x/{name}": "resources: [../base]\n", "apps/x/object.yaml": thing("built")}
    base = {f"apps/base/{name}": "resources: []\n", "apps/base/object.yaml": thing("base")}
    built, verdicts = judged(tmp_path, {**listed, **base})
    assert built == {"apps/x": ["built"]}
    assert verdicts == "✓ apps/base: 1 object"


def test_what_a_cluster_s_folder_holds_is_taken_with_both_suffixes(tmp_path: Path) -> None:
    files = {
        "clusters/a/one.yaml": thing("one"),
        "clusters/a/two.yml": thing("two"),
        "clusters/a/.hidden.yaml": "]",
        "clusters/a/notes.txt": "]",
        "clusters/b/broken.yml": "a: [\n",
    }
    built, verdicts = judged(tmp_path, files)
    assert built == {"clusters/a": ["one", "two"]}
    assert verdicts.startswith("✗ clusters/b: 0 objects\n    clusters/b/broken.yml: line ")


def test_a_folder_without_a_kustomization_is_judged_where_one_of_flux_s_applies_it(
    tmp_path: Path,
) -> None:
    files = {
        "clusters/a/apps.yml": kustomization("apps", "./apps"),
        "clusters/a/theirs.yaml": kustomization("theirs", "./theirs", source="team"),
        "apps/one.yml": thing("one"),
        "apps/deeper/two.yaml": thing("two"),
        "apps/more.yaml": kustomization("more", "more/"),
        "apps/own/Kustomization": "resources: []\n",
        "apps/own/object.yaml": thing("own"),
        "more/three.yaml": thing("three"),
        "nobodys/four.yaml": thing("four"),
    }
    built, verdicts = judged(tmp_path, files)
    assert built == {
        "apps/own": ["own"],
        "clusters/a": ["apps", "theirs"],
        "apps": ["two", "more", "one"],
        "more": ["three"],
    }
    assert verdicts == ""


def test_the_whole_repo_may_be_what_is_applied(tmp_path: Path) -> None:
    files = {"clusters/a/all.yaml": kustomization("all", "./"), "one.yaml": thing("one")}
    built, verdicts = judged(tmp_path, files)
    assert built == {"clusters/a": ["all"], ".": ["all", "one"]}
    assert verdicts == ""


@pytest.mark.parametrize("name", ["", *NAMES])
def test_a_path_that_is_not_there_is_told_with_its_file(name: str, tmp_path: Path) -> None:
    """As much where kustomize builds the folder that the Kustomization is in."""
    files = {
        "clusters/a/object.yaml": kustomization("apps", "./apps/prodction"),
        "apps/production/x.txt": "x",
        "README.md": "x",
    }
    if name:
        files[f"clusters/a/{name}"] = "resources: [object.yaml]\n"
    built, verdicts = judged(tmp_path, files)
    assert built == {"clusters/a": ["apps"]}
    assert verdicts == (
        "✗ clusters/a/object.yaml\n    the Kustomization 'apps' applies ./apps/prodction, no "
        "folder here; the nearest is ./apps/production"
    )


def test_a_path_that_leads_to_a_file_is_no_folder(tmp_path: Path) -> None:
    files = {"clusters/a/x.yaml": kustomization("apps", "../clusters/a/x.yaml")}
    assert "applies ../clusters/a/x.yaml, no folder here" in judged(tmp_path, files)[1]


def test_what_every_attendee_starts_from_names_no_path_that_is_not_there(tmp_path: Path) -> None:
    files = {path: text for path, text in template().items() if "kustomization" not in path}
    built, verdicts = judged(tmp_path, files)
    assert built["clusters/hackfest"] == ["apps"]
    assert {"hello"} < set(built["apps/production"])
    assert "no folder here" not in verdicts


def test_a_kustomization_s_markers_are_looked_at_too_and_folders_are_no_files(
    tmp_path: Path,
) -> None:
    (tmp_path / "odd.yaml").mkdir()
    (tmp_path / "Kustomization").write_text('newTag: b # {"$imagepolicy": "a:b:tag"}\n')
    [found] = stray_markers(tmp_path, [])
    assert found.startswith("Kustomization:1: the marker names the policy 'a:b'")
