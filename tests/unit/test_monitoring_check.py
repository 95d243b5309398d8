"""What is made of the words of promtool and amtool, and of files of rules that nobody reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labs.gitops.monitoring import check, check_yaml, files
from labs.instance import PROJECT

TEMPLATE = PROJECT / "config-repo-template"


@pytest.mark.parametrize(
    ("text", "said", "found"),
    [
        (
            "global:\n  scrape_intervall: 1s\n",
            (
                "  FAILED: parsing YAML file /x/prometheus.yml: yaml: unmarshal errors:\n"
                "  line 2: field scrape_intervall not found in type config.plain\n"
            ),
            [(2, "field scrape_intervall not found in type config.plain")],
        ),
        (
            "groups: []\n",
            (
                "Checking /x/badrule.yml\n  FAILED:\n"
                '/x/badrule.yml: 5:15: group "x", rule 1, "a:b": could not parse expression: no\n'
            ),
            [(5, 'group "x", rule 1, "a:b": could not parse expression: no')],
        ),
        (
            "a: [\n",
            "/x/x.yml: yaml: line 1: did not find expected node content\n",
            [(1, "did not find expected node content")],
        ),
        (
            "route:\n  receiver: nobody\n",
            (
                "Checking '/x/am.yml'  FAILED: undefined receiver \"nobody\" used in route\n"
                "amtool: error: failed to validate 1 file(s)\n"
            ),
            [(2, 'undefined receiver "nobody" used in route')],
        ),
    ],
)
def test_a_finding_has_its_line(text: str, said: str, found: list[tuple[int, str]]) -> None:
    assert list(check.of_file(text, said)) == found


def test_a_test_that_fails_is_named_with_its_line() -> None:
    text = "tests:\n  - name: well\n  - name: no pod is left\n  - name: another\n"
    said = (
        "  FAILED:\n    name: no pod is left,\n    alertname: AppAway, time: 2m, \n"
        "        exp:[],\n    name: another,\n    alertname: AppSlow, time: 1m,\n"
    )
    first, second = check.of_tests(text, said)
    assert first == (3, "no pod is left: alertname: AppAway, time: 2m, exp:[],")
    assert second == (4, "another: alertname: AppSlow, time: 1m,")


@pytest.fixture
def handed_out(tmp_path: Path) -> Path:
    """The folder as it is handed out, to be broken."""
    for path, text in files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_a_file_of_rules_that_nobody_reads_is_told(handed_out: Path) -> None:
    rules = sorted((handed_out / check.RULES).glob("*.yml"))
    assert len(rules) >= 4
    assert check.unnamed(handed_out, rules) == []
    new = handed_out / check.RULES / "new.yml"
    new.write_text("groups: []\n")
    [told] = check.unnamed(handed_out, [*rules, new])
    assert told.startswith(f"{check.RULES}/new.yml: nobody reads it")


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("exporter/deployment.yaml", "spec:", "spec: [", r"deployment\.yaml:\d+: .*expected"),
        (
            "exporter/deployment.yaml",
            "  replicas: 1",
            "\treplicas: 1",
            r"t\.yaml:8: .*\\t",
        ),
        (
            *("exporter/service.yaml", "kind: Service", "kind: Service\nkind: Service"),
            r'service\.yaml:3: found duplicate key "kind".*',
        ),
        (
            "exporter/access.yaml",
            "name: exporter",
            "nam: exporter",
            "access.yaml: object 1 has no m",
        ),
        ("exporter/service.yaml", "kind:", "knd:", r"service\.yaml: object 1 has no kind"),
        (
            *("exporter/kustomization.yaml", "  - service.yaml", "  - servce.yaml"),
            r"kustomization\.yaml:8: servce\.yaml is not there",
        ),
        ("kustomization.yaml", "  - exporter", "  - exporters", r"\d+: exporters is not there"),
        ("exporter/kustomization.yaml", "resources:", "- resources:", r"kustomization\.yaml:\d+: "),
        ("namespace.yaml", "kind:", "at: 2026-02-31\nkind:", "namespace.yaml: day is out of range"),
    ],
)
def test_an_object_that_cannot_be_read_is_told_with_its_file_and_line(
    handed_out: Path, file: str, old: str, new: str, told: str
) -> None:
    assert check_yaml.problems(handed_out, [*(handed_out / check.RULES).rglob("*.yml")]) == []
    path = handed_out / "monitoring" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    [found] = check_yaml.problems(handed_out, [])
    assert found.startswith("monitoring/")
    assert re.search(told, found), found


def test_what_a_kustomization_names_elsewhere_is_not_looked_for(handed_out: Path) -> None:
    path = handed_out / "monitoring" / "kustomization.yaml"
    names = "https://example.org/a.yaml", "github.com/o/r//a?ref=b", "../apps/base"
    path.write_text(path.read_text() + "".join(f"  - {name}\n" for name in names))
    assert check_yaml.problems(handed_out, []) == []


def test_every_file_of_rules_has_a_test() -> None:
    rules = {path.name for path in (TEMPLATE / check.RULES).glob("*.yml")}
    tests = {path.name for path in (TEMPLATE / check.RULES / "tests").glob("*.yml")}
    assert rules
    assert rules == tests
