"""The tests that labs 09 and 10 hand to readers prove their rules; ones that do not are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.exercises import incident_checks, incident_rule, monitoring, monitoring_checks
from labs.exercises.monitoring_evidence import TESTS, Additions
from labs.exercises.monitoring_proof import refuse_unproved
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.monitoring.check import RULES
from labs.instance import PROJECT
from labs.step import CheckFailed
from tests.unit.gitrepos import git, new_clone, new_server

TEMPLATE = PROJECT / "config-repo-template"
NAMES = f"{RULES}/kustomization.yaml"
TOOTHLESS = """\
rule_files:
  - ../mine.yml
tests:
  - interval: 5s
    input_series:
      - series: up{job="apps"}
        values: 1x12
    promql_expr_test:
      - expr: sum(up)
        eval_time: 30s
        exp_samples:
          - value: 1
"""


@pytest.fixture
def repo(tmp_path: Path) -> ConfigRepo:
    paths = [path for path in TEMPLATE.rglob("*") if path.is_file()]
    files = {path.relative_to(TEMPLATE).as_posix(): path.read_text() for path in paths}
    found = ConfigRepo(new_clone(new_server(tmp_path / "server", files), tmp_path / "clone"))
    found.fetch()
    return found


def push(repo: ConfigRepo, rule: str, test: str, name: str) -> None:
    """Have a rule with its test in the repo, as a file of this name."""
    (repo.path / RULES / f"{name}.yml").write_text(rule)
    (repo.path / TESTS / f"{name}.yml").write_text(test)
    listed = (repo.path / NAMES).read_text()
    if f"- {name}.yml" not in listed:
        listed = listed.replace("    files:", f"    files:\n      - {name}.yml", 1)
    (repo.path / NAMES).write_text(listed)
    git("add", ".", cwd=repo.path)
    git("commit", "-q", "-m", "Change a rule", cwd=repo.path)
    git("push", "-q", cwd=repo.path)
    repo.fetch()


RULES_OF_LABS = [
    pytest.param(
        *("record", monitoring.RULE, monitoring.TEST, "probes", monitoring_checks.ODD),
        id="a recording rule",
    ),
    pytest.param(
        *("alert", incident_rule.RULE, incident_rule.TEST, "burn", incident_checks.NEVER),
        id="an alert",
    ),
]


@pytest.mark.parametrize(("kind", "rule", "test", "name", "other"), RULES_OF_LABS)
def test_a_test_proves_its_rule(
    repo: ConfigRepo, kind: str, rule: str, test: str, name: str, other: str
) -> None:
    push(repo, rule, test, name)
    [mine] = Additions(repo).rules(kind)
    refuse_unproved(repo, mine, (other,))


@pytest.mark.parametrize(("kind", "rule", "test", "name", "other"), RULES_OF_LABS)
def test_a_test_that_looks_elsewhere_is_told(
    repo: ConfigRepo, kind: str, rule: str, test: str, name: str, other: str
) -> None:
    push(repo, rule, TOOTHLESS.replace("mine", name), name)
    [mine] = Additions(repo).rules(kind)
    with pytest.raises(CheckFailed, match="pass as well if"):
        refuse_unproved(repo, mine, (other,))


def test_a_rule_that_is_none_is_told_with_its_line(repo: ConfigRepo) -> None:
    push(repo, monitoring.RULE.replace("sum by", "(sum by"), monitoring.TEST, "probes")
    [mine] = Additions(repo).rules("record")
    with pytest.raises(CheckFailed, match=r"monitoring/rules/probes\.yml:\d+: "):
        refuse_unproved(repo, mine, (monitoring_checks.ODD,))
