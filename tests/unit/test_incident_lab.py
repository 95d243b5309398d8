"""What lab 10 reads of a release that went wrong: in history, and in Prometheus' record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.exercises import incident_checks, incident_evidence, incident_over, incident_rule
from labs.exercises import incident_report as report
from labs.exercises.evidence import HELLO
from labs.exercises.incident_checks import TRAFFIC
from labs.exercises.incident_evidence import BAD, GOOD
from labs.exercises.releases import AUTOMATION, Move
from labs.gitops import app_versions, ci
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.monitoring.check import RULES
from labs.instance import PROJECT, Instance
from labs.platform import prometheus, registry
from labs.platform.prometheus import Matrix, Series, Vector
from labs.progress import Progress
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet, TimedOut
from tests.unit.gitrepos import git, new_clone, new_server

TEMPLATE = PROJECT / "config-repo-template"
OBJECTS = PROJECT / "labs/gitops/image_automation/objects/production/hello.yaml"
BURN = f"{RULES}/burn.yml"


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    paths = [path for path in TEMPLATE.rglob("*") if path.is_file()]
    files = {path.relative_to(TEMPLATE).as_posix(): path.read_text() for path in paths}
    files[AUTOMATION] = OBJECTS.read_text()
    lab = Instance("incident", tmp_path)
    new_clone(new_server(tmp_path / "server", files), lab.work / "config-repo")
    return lab


@pytest.fixture
def repo(instance: Instance) -> ConfigRepo:
    found = attendees(instance)
    found.fetch()
    return found


def push(repo: ConfigRepo, message: str, *changes: tuple[str, str, str], by: str = "") -> str:
    """Make the changes one commit, and push it; an empty old text makes a new file."""
    for file, old, new in changes:
        path = repo.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.read_text().replace(old, new, 1) if old else new)
        assert new in path.read_text()
    author = [f"--author=Flux <{by}@hackfest.local>"] if by else []
    git("add", ".", cwd=repo.path)
    git("commit", "-q", "-m", message, *author, cwd=repo.path)
    git("push", "-q", cwd=repo.path)
    return repo.fetch().sha


def release(repo: ConfigRepo, before: str, after: str) -> str:
    changed = (HELLO, f"hello:{before}", f"hello:{after}")
    return push(repo, f"Release hello {after}", changed, by="flux")


def gone_wrong(repo: ConfigRepo) -> tuple[str, str]:
    """Release a good and a bad version, and roll back and pin; return the last two commits."""
    release(repo, "0.9.0", GOOD)
    bad = release(repo, GOOD, BAD)
    back = (HELLO, f"hello:{BAD}", f"hello:{GOOD}")
    pin = (AUTOMATION, "suspend: false", "suspend: true")
    return bad, push(repo, "Roll back\n\nLab-Event: rollback\nLab-Reason: errors", back, pin)


def undone(check: object, instance: Instance) -> str:
    assert callable(check)
    with pytest.raises(NotDone) as found:
        check(Attempt(instance))
    return found.value.found


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions of which the registry has an image; CI has nothing to do."""
    found: list[str] = []
    monkeypatch.setattr(registry, "tags", lambda instance, name: found)
    monkeypatch.setattr(ci, "runs", lambda instance, most: [])
    return found


def test_each_step_that_nobody_did_says_so_in_its_own_words(
    instance: Instance, built: list[str]
) -> None:
    attendees(instance).fetch()
    said = [
        undone(check, instance)
        for check in (
            incident_checks.alert_rule,
            incident_checks.traffic,
            incident_checks.good,
            incident_checks.fires,
            incident_over.culprit,
            incident_over.rolled_back_and_clear,
            incident_over.closed,
            report.post_mortem,
        )
    ]
    assert len(set(said)) == len(said)


def test_a_version_that_is_built_is_waited_for_where_the_bot_may_release_it(
    instance: Instance, repo: ConfigRepo, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert undone(incident_checks.good, instance).startswith(f"no commit has ever brought {GOOD}")
    built.append(GOOD)
    monkeypatch.setattr(incident_checks, "on_its_way", lambda instance, version: "on its way")
    with pytest.raises(TimedOut, match="on its way"):
        incident_checks.good(Attempt(instance, timeout=0.0))
    push(repo, "Pin", (AUTOMATION, "suspend: false", "suspend: true"))
    with pytest.raises(NotDone) as found:
        incident_checks.good(Attempt(instance))
    assert f"lab release hello {GOOD}" in found.value.todo


def test_a_plain_revert_is_no_rollback_while_the_bot_is_free(
    instance: Instance, repo: ConfigRepo
) -> None:
    release(repo, "0.9.0", GOOD)
    release(repo, GOOD, BAD)
    push(repo, "Revert", (HELLO, f"hello:{BAD}", f"hello:{GOOD}"))
    assert incident_evidence.rolled_back(repo) == []
    assert "the bot is free" in undone(incident_over.rolled_back_and_clear, instance)
    assert [move.after for move in incident_evidence.released(repo, BAD)] == [BAD]


def test_closed_is_an_automation_that_may_not_choose_the_bad_version(
    instance: Instance, repo: ConfigRepo
) -> None:
    _, back = gone_wrong(repo)
    [found] = incident_evidence.rolled_back(repo)
    assert found.commit.sha == back
    assert f"takes {BAD}" in undone(incident_over.closed, instance)
    push(repo, "Policy", (AUTOMATION, '">=1.0.0"', f'">=1.0.0, !={BAD}"'))
    assert undone(incident_over.closed, instance) == "its automation is suspended"
    free = push(repo, "Go on", (AUTOMATION, "suspend: true", "suspend: false"))
    push(repo, "Another pin", (AUTOMATION, "suspend: false", "suspend: true"))
    now = incident_over._free(repo)
    assert now is not None
    assert now.sha == free


def test_the_culprit_is_the_commit_that_brought_the_bad_version(
    instance: Instance, repo: ConfigRepo
) -> None:
    bad, back = gone_wrong(repo)
    for wrong in (back, bad[:6], "HEAD"):
        with pytest.raises(CheckFailed, match=wrong):
            incident_over.culprit(Attempt(instance, wrong))
    assert bad[:7] in incident_over.culprit(Attempt(instance, bad[:7]))


def test_a_post_mortem_names_commits_times_cause_and_what_is_done(repo: ConfigRepo) -> None:
    gone_wrong(repo)
    bad, back = incident_evidence.released(repo, BAD), incident_evidence.rolled_back(repo)
    lines = [
        f"- {one.commit.when.astimezone():%H:%M:%S} {one.commit.short} {one.commit.subject}"
        for one in bad + back
    ]
    text = "\n".join(
        [
            "# It failed",
            "## What happened",
            *lines,
            "## Cause",
            "The queue of visits is full after some seconds, under traffic.",
            "## What we do about it",
            "The policy leaves it out, and the next version has a test for it.",
            "",
        ]
    )
    assert report.lacking(text, bad, back) == []
    for gone, told in (
        (bad[0].commit.short, f"the commit that brought {BAD}"),
        (back[0].commit.short, "the commit that took it back"),
        ("## Cause", "a sentence below `## Cause`"),
        ("The policy leaves it out, and the next", "a sentence below `## What we do about it`"),
    ):
        assert told in report.lacking(text.replace(gone, ""), bad, back), gone
    later = f"{bad[0].commit.when.astimezone() + timedelta(hours=5):%H:%M}"
    moved = text.replace(f"{bad[0].commit.when.astimezone():%H:%M}", later)
    assert f"the time at which {BAD} came" in report.lacking(moved, bad, back)


def test_an_alert_is_the_readers_and_has_to_have_a_moment_of_rest_in_its_test(
    instance: Instance, repo: ConfigRepo
) -> None:
    assert incident_evidence.alerts(repo) == []
    tests = f"{RULES}/tests/burn.yml"
    eager = incident_rule.TEST.replace("- alertname: BudgetBurnsFast #", "# - alertname: Burns #")
    eager = "\n".join(
        line for line in eager.splitlines() if not line.endswith(("eval_time: 1m", "5m30s"))
    )
    push(repo, "Alert", (BURN, "", incident_rule.RULE), (tests, "", eager))
    assert incident_evidence.alerts(repo) == ["BudgetBurnsFast"]
    assert not incident_checks._rests(repo, "BudgetBurnsFast")
    push(repo, "Rest", (tests, eager, incident_rule.TEST))
    assert incident_checks._rests(repo, "BudgetBurnsFast")


class Record:
    """A Prometheus that has seen one alert fire, from one moment to another."""

    def __init__(self, alert: str, first: datetime, last: datetime) -> None:
        self.alert, self.first, self.last = alert, first, last

    def query(
        self, instance: Instance, promql: str, start: datetime, end: datetime, step: float
    ) -> Matrix:
        if f'"{self.alert}"' not in promql or not start <= self.first <= end:
            return Matrix(())
        return Matrix((Series({}, ((self.first, 1.0), (min(self.last, end), 1.0))),))


def test_how_soon_an_alert_fired_and_was_over_is_told_from_the_record(
    instance: Instance, repo: ConfigRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fact in (incident_checks.noticed_fact, incident_over.clear_fact):
        with pytest.raises(NotYet):
            fact(Attempt(instance))
    push(repo, "Alert", (BURN, "", incident_rule.RULE))
    gone_wrong(repo)
    [bad] = incident_evidence.released(repo, BAD)
    [back] = incident_evidence.rolled_back(repo)
    # Some time ago, or what comes after the release would still be to come.
    early = bad.commit.when.astimezone(UTC) - timedelta(minutes=20)
    for module in (incident_checks, incident_over):
        monkeypatch.setattr(module, "released", earlier(incident_evidence.released))
    monkeypatch.setattr(incident_over, "rolled_back", earlier(incident_evidence.rolled_back))
    record = Record("BudgetBurnsFast", early + timedelta(seconds=42), early + timedelta(seconds=95))
    monkeypatch.setattr(prometheus, "query_range", record.query)
    assert "your alert did, 42 s after" in incident_checks.noticed_fact(Attempt(instance))
    took = (back.commit.when - bad.commit.when).total_seconds()  # the test's own commits
    assert f"another {95 - took:.0f} s" in incident_over.clear_fact(Attempt(instance))
    monkeypatch.setattr(prometheus, "query", lambda *words: Vector(()))
    record.alert = "Another"
    assert "came and went" in undone(incident_checks.fires, instance)
    Progress(instance).tried("fires", passed=True)
    assert incident_checks.fires(Attempt(instance)).startswith("done before")


def earlier(found: Callable[..., list[Move]]) -> Callable[..., list[Move]]:
    """Return a function that tells the same moves, twenty minutes earlier."""

    def told(*words: object) -> list[Move]:
        return [
            replace(one, commit=replace(one.commit, when=one.commit.when - timedelta(minutes=20)))
            for one in found(*words)
        ]

    return told


def test_visitors_are_pods_times_their_rate(instance: Instance, repo: ConfigRepo) -> None:
    def told(replicas: int, rate: str) -> str:
        env = f'[{{name: TRAFFIC_RATE, value: "{rate}"}}]'
        pod = f"{{spec: {{containers: [{{env: {env}}}]}}}}"
        return f"kind: Deployment\nspec:\n  replicas: {replicas}\n  template: {pod}\n"

    for replicas, rate, wanted in ((0, "40", 0.0), (1, "40", 40.0), (2, "10", 20.0)):
        push(repo, f"{replicas} {rate}", (TRAFFIC, "", told(replicas, rate)))
        assert incident_checks._visitors(repo, "HEAD") == wanted
    push(repo, "Break it", (TRAFFIC, "", "kind: ["))
    assert incident_checks._visitors(repo, "HEAD") == 0.0


def test_the_next_version_comes_after_the_newest_that_has_an_image(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for built, wanted in (([], "1.0.0"), (["1.1.0", "1.0.0"], "1.2.0"), (["1.0.0", GOOD], BAD)):
        monkeypatch.setattr(registry, "tags", lambda instance, name, built=built: built)
        assert app_versions.coming(instance) == wanted
    monkeypatch.setattr(registry, "tags", lambda instance, name: [BAD])
    with pytest.raises(LabError, match=rf"{BAD} is the last"):
        app_versions.coming(instance)
