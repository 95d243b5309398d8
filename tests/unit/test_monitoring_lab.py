"""What lab 09 reads of monitoring: Git's files, Prometheus' answers, a cluster's objects."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from labs.errors import LabError
from labs.exercises import (
    monitoring,
    monitoring_checks,
    monitoring_data,
    monitoring_evidence,
    monitoring_server,
)
from labs.exercises.monitoring_evidence import SCRAPE, Additions
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.monitoring.check import RULES
from labs.gitops.monitoring.dashboards import DASHBOARDS
from labs.instance import PROJECT, Instance, write_json
from labs.platform import kubernetes, prometheus
from labs.platform.prometheus import Matrix, Rule, Sample, Vector
from labs.progress import Progress
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet, TimedOut
from tests.unit.gitrepos import git, new_clone, new_server

TEMPLATE = PROJECT / "config-repo-template"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
PROBES = f"{RULES}/probes.yml"


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    paths = [path for path in TEMPLATE.rglob("*") if path.is_file()]
    files = {path.relative_to(TEMPLATE).as_posix(): path.read_text() for path in paths}
    assert SCRAPE in files
    lab = Instance("monitoring", tmp_path)
    new_clone(new_server(tmp_path / "server", files), lab.work / "config-repo")
    write_json(lab.root / "instance.json", {"name": "hackfest"})
    return lab


@pytest.fixture
def repo(instance: Instance) -> ConfigRepo:
    found = attendees(instance)
    found.fetch()
    return found


def put(repo: ConfigRepo, path: str, text: str) -> None:
    (repo.path / path).parent.mkdir(parents=True, exist_ok=True)
    (repo.path / path).write_text(text)


def commit(repo: ConfigRepo, message: str) -> None:
    git("add", ".", cwd=repo.path)
    git("commit", "-q", "-m", message, cwd=repo.path)


def push(repo: ConfigRepo, message: str) -> str:
    commit(repo, message)
    git("push", "-q", cwd=repo.path)
    return repo.fetch().sha


def undone(check: object, instance: Instance, **more: Any) -> str:
    assert callable(check)
    with pytest.raises(NotDone) as found:
        check(Attempt(instance, **more))
    return found.value.found


def test_a_job_is_the_readers_once_it_is_added_and_done_once_it_is_pushed(
    instance: Instance, repo: ConfigRepo
) -> None:
    assert "came with, and no other" in undone(monitoring_checks.scraped, instance)
    put(repo, SCRAPE, (repo.path / SCRAPE).read_text() + monitoring.JOB)
    assert Additions(repo).jobs("") == ["probes"]
    with pytest.raises(CheckFailed, match="in your clone, and in no commit"):
        monitoring_checks.scraped(Attempt(instance))
    commit(repo, "Scrape more")
    with pytest.raises(CheckFailed, match="committed, and not pushed"):
        monitoring_checks.scraped(Attempt(instance))
    git("push", "-q", cwd=repo.path)
    repo.fetch()
    assert Additions(repo).jobs() == ["probes"]


def test_rules_are_told_apart_by_kind_and_by_who_brought_them(
    instance: Instance, repo: ConfigRepo
) -> None:
    assert Additions(repo).rules("record") == []
    assert Additions(repo).rules("alert") == []
    assert "when it came, and nothing else" in undone(monitoring_checks.recorded, instance)
    put(repo, PROBES, monitoring.RULE)
    put(repo, f"{RULES}/tests/probes.yml", monitoring.TEST)
    first = push(repo, "Record")
    [mine] = Additions(repo).rules("record")
    assert (mine.path, mine.name) == (PROBES, "namespace:probes:rate1m")
    assert Additions(repo).rules("alert") == []
    put(repo, PROBES, f"# More.\n{monitoring.RULE}")
    push(repo, "Say more")
    added = Additions(repo)
    brought = monitoring_evidence.bringer(
        repo, PROBES, lambda sha: bool(added.rules("record", sha))
    )
    assert brought is not None
    assert brought.sha == first


def test_a_panel_is_the_readers_by_its_title_and_asks_what_its_dashboard_fills_in(
    instance: Instance, repo: ConfigRepo
) -> None:
    path = f"{DASHBOARDS}/app.json"
    assert "came with, and no other" in undone(monitoring_server.drawn, instance)
    begin = '  "panels": [\n'
    before = (repo.path / path).read_text()
    assert before.count(begin) == 1
    put(repo, path, before.replace(begin, f"{begin}{monitoring.PANEL}"))
    with pytest.raises(CheckFailed, match="in your clone, and in no commit"):
        monitoring_server.drawn(Attempt(instance))
    push(repo, "Show")
    [mine] = Additions(repo).panels()
    assert (mine.path, mine.panel.title, mine.panel.kind) == (path, "Probes", "timeseries")
    assert mine.queries == ['namespace:probes:rate1m{namespace="production"}']


def test_the_switch_has_to_be_pushed(instance: Instance, repo: ConfigRepo) -> None:
    assert "takes every rule" in undone(monitoring_server.enforced, instance)
    put(repo, "checks.yaml", "monitoring: enforced\n")
    with pytest.raises(CheckFailed, match=r"checks\.yaml is in your clone, and in no commit"):
        monitoring_server.enforced(Attempt(instance))


def test_a_file_that_cannot_be_read_has_no_rules_and_no_jobs() -> None:
    assert monitoring_evidence.rules("x.yml", "groups: [") == []
    assert monitoring_evidence.rules("x.yml", "groups:\n  - rules: null\n  - 7\n") == []
    assert monitoring_evidence.jobs("scrape_configs:\n  - {}\n") == []


class Answers:
    """A Prometheus that gives these numbers to these questions, and to others none."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[float]] = {}
        self.away = False
        self.rules: list[Rule] = []

    def query(self, instance: Instance, promql: str, at: datetime | None = None) -> Any:
        if self.away:
            raise LabError("Prometheus is not to be asked", expected="it", todo="wait")
        if promql.endswith("[1m]"):
            return Matrix(())
        found = self.numbers.get(promql, [])
        return Vector(tuple(Sample({"instance": "a"}, at or NOW, one) for one in found))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    found = Answers()
    monkeypatch.setattr(prometheus, "query", found.query)
    monkeypatch.setattr(prometheus, "rules", lambda instance: found.rules)
    return found


def test_a_query_is_judged_by_its_number(instance: Instance, answers: Answers) -> None:
    answers.numbers = {
        monitoring_checks.REQUESTS: [2.0],
        "sum by (pod) (rate(x[1m]))": [1.0, 1.0],
        "sum(hello_http_requests_total)": [40.0],
        "sum(rate(hello_http_requests_total[1m])) + 0": [2.0000001],
    }
    judge = monitoring_checks.requests
    assert "still open" in undone(judge, instance)
    for words, told in (
        ("sum by (pod) (rate(x[1m]))", "gives 2 values"),
        ("sum(hello_http_requests_total)", "gives 40.000, and the app answers 2.000"),
        ("hello_http_requests_total[1m]", "series over time"),
    ):
        with pytest.raises(CheckFailed, match=told):
            judge(Attempt(instance, words))
    right = "sum(rate(hello_http_requests_total[1m])) + 0"
    assert judge(Attempt(instance, right)).startswith("2.00 requests a second")


def test_a_query_is_compared_with_the_samples_that_it_has_seen(
    instance: Instance, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = f"{monitoring_checks.REQUESTS} + 0"
    answers.numbers = {monitoring_checks.REQUESTS: [0.116]}

    def scraped_meanwhile(lab: Instance, promql: str, at: datetime | None = None) -> Any:
        if promql == right and right not in answers.numbers:
            answers.numbers = {monitoring_checks.REQUESTS: [0.241], right: [0.241]}
        return answers.query(lab, promql, at)

    monkeypatch.setattr(prometheus, "query", scraped_meanwhile)
    said = monitoring_checks.requests(Attempt(instance, right))
    assert said.startswith("0.24 requests a second")


def test_where_nobody_asked_the_app_a_query_waits(instance: Instance, answers: Answers) -> None:
    answers.numbers = {monitoring_checks.REQUESTS: [0.0]}
    with pytest.raises(TimedOut, match="nobody asked the app"):
        monitoring_checks.requests(Attempt(instance, "vector(0)", timeout=0.0))


def test_a_rule_is_in_force_once_prometheus_has_computed_it(
    instance: Instance, answers: Answers
) -> None:
    for health, error, told in (("unknown", "", "not evaluated yet"), ("err", "no!", "no!")):
        answers.rules = [Rule("a:b:c", "recording", health, error)]
        with pytest.raises(NotYet, match=told):
            monitoring_evidence.in_force(instance, "a:b:c")
    with pytest.raises(NotYet, match="no rule d:e:f"):
        monitoring_evidence.in_force(instance, "d:e:f")
    answers.rules = [Rule("a:b:c", "recording", "ok", "")]
    monitoring_evidence.in_force(instance, "a:b:c")


class Kept:
    """A cluster that has these objects, and no other."""

    def __init__(self) -> None:
        self.objects: list[dict[str, Any]] = []

    def add(self, kind: str, name: str, at: str, **more: Any) -> dict[str, Any]:
        meta = {"name": name, "creationTimestamp": f"2026-01-01T{at}Z"}
        self.objects.append({"kind": kind, "metadata": meta | more})
        return self.objects[-1]

    def get(
        self, api: str, kind: str, name: str, namespace: str | None = None
    ) -> dict[str, Any] | None:
        found = self.list(api, kind)
        return next((each for each in found if each["metadata"]["name"] == name), None)

    def list(
        self, api: str, kind: str, namespace: str | None = None, selector: str = ""
    ) -> list[dict[str, Any]]:
        return [each for each in self.objects if each["kind"] == kind]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    found = Kept()
    found.add("Namespace", "monitoring", "09:00:00")
    found.add("PersistentVolumeClaim", "prometheus-data", "09:00:02")
    found.add("ReplicaSet", "prometheus-5f", "09:00:02")
    monkeypatch.setattr(kubernetes, "api", lambda instance: found)
    return found


def pod(kept: Kept, name: str, at: str) -> None:
    made = kept.add("Pod", name, at, ownerReferences=[{"name": "prometheus-5f"}])
    made["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}


def test_a_pod_in_place_of_the_first_has_samples_that_are_older(
    instance: Instance, kept: Kept, answers: Answers
) -> None:
    pod(kept, "first", "09:00:03")
    assert "the pod with which it came" in undone(monitoring_data.pod_deleted, instance)
    with pytest.raises(NotYet):
        monitoring_data.pod_fact(Attempt(instance))
    pod(kept, "second", "09:20:00")
    assert "no sample that is older" in undone(monitoring_data.pod_deleted, instance)
    answers.numbers = {"count(up)": [17.0]}
    assert "has 17 series from before" in monitoring_data.pod_deleted(Attempt(instance))
    assert "all samples" in monitoring_data.pod_fact(Attempt(instance))


def test_a_claim_that_is_younger_than_its_namespace_was_made_again(
    instance: Instance, repo: ConfigRepo, kept: Kept, answers: Answers
) -> None:
    assert "with which Prometheus came" in undone(monitoring_data.data_lost, instance)
    with pytest.raises(NotYet):
        monitoring_data.data_fact(Attempt(instance))
    kept.objects[1]["metadata"]["creationTimestamp"] = "2026-01-01T09:30:00Z"
    names = {
        rule.name for rule in monitoring_evidence.all_rules(monitoring_evidence.texts(repo, RULES))
    }
    assert len(names) > 10
    answers.numbers = {"up == 1": [1.0], "count(up)": [17.0]}
    answers.rules = [Rule(name, "recording", "ok", "") for name in sorted(names)[1:]]
    with pytest.raises(TimedOut, match="1 rules of Git's are not in force"):
        monitoring_data.data_lost(Attempt(instance, timeout=0.0))
    answers.rules = [Rule(name, "recording", "ok", "") for name in names]
    with pytest.raises(TimedOut, match="samples from before it"):
        monitoring_data.data_lost(Attempt(instance, timeout=0.0))
    del answers.numbers["count(up)"]
    assert "nothing is left" in monitoring_data.data_lost(Attempt(instance))


def test_without_monitoring_nothing_was_deleted(instance: Instance, kept: Kept) -> None:
    kept.objects.clear()
    assert "with which Prometheus came" in undone(monitoring_data.data_lost, instance)
    Progress(instance).tried("data-lost", passed=True)
    assert monitoring_data.data_lost(Attempt(instance)).startswith("done before")
