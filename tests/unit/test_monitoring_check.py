"""What is made of the words of promtool and amtool, and of files of rules that nobody reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.gitops.monitoring import check, files
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


def test_a_file_of_rules_that_nobody_reads_is_told(tmp_path: Path) -> None:
    for path, text in files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    rules = sorted((tmp_path / check.RULES).glob("*.yml"))
    assert len(rules) >= 4
    assert check.unnamed(tmp_path, rules) == []
    new = tmp_path / check.RULES / "new.yml"
    new.write_text("groups: []\n")
    [told] = check.unnamed(tmp_path, [*rules, new])
    assert told.startswith(f"{check.RULES}/new.yml: nobody reads it")


def test_every_file_of_rules_has_a_test() -> None:
    rules = {path.name for path in (TEMPLATE / check.RULES).glob("*.yml")}
    tests = {path.name for path in (TEMPLATE / check.RULES / "tests").glob("*.yml")}
    assert rules
    assert rules == tests
