"""Every rule has a test of its own, and every alert says what it is about and what shows it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from labs.gitops import monitoring

FOLDER = monitoring.TEMPLATE / monitoring.FOLDER / "rules"
FILES = sorted(path.name for path in FOLDER.glob("*.yml"))


def rules(name: str) -> list[dict[str, Any]]:
    told = yaml.safe_load((FOLDER / name).read_text())
    return [rule for group in told["groups"] for rule in group["rules"]]


def test_there_are_rules() -> None:
    assert {"app.yml", "divergence.yml", "gitops.yml", "lab.yml", "node.yml"} <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_each_rule_is_tested(name: str) -> None:
    tests = yaml.safe_load((FOLDER / "tests" / name).read_text())["tests"]
    fired = {
        one["alertname"]
        for test in tests
        for one in test.get("alert_rule_test", [])
        if one.get("exp_alerts")
    }
    computed = {one["expr"] for test in tests for one in test.get("promql_expr_test", [])}
    assert {rule["alert"] for rule in rules(name) if "alert" in rule} == fired
    assert {rule["record"] for rule in rules(name) if "record" in rule} <= computed


@pytest.mark.parametrize("name", FILES)
def test_each_alert_says_how_grave_it_is_and_which_command_shows_it(name: str) -> None:
    for rule in (one for one in rules(name) if "alert" in one):
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
        assert re.match(r"(kubectl|flux|lab|git) ", rule["annotations"]["command"]), rule["alert"]
