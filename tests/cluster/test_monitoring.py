"""Prometheus and Alertmanager as a reader gets them: by commits, live in seconds, on volumes."""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labs.gitops import lint, monitoring
from labs.gitops.config_repo import attendees
from labs.gitops.draft import Draft
from labs.gitops.git_words import PushRefused
from labs.gitops.monitoring.dashboards import DASHBOARDS
from labs.instance import PROJECT, Instance, write_json
from labs.metrics import dashboard
from labs.metrics.dashboard_data import Filled, Span, filled
from labs.platform import alertmanager, flux, git_checks, kubernetes
from labs.platform.loopback import fetch
from labs.run import CommandFailed, run
from labs.wait import NotYet
from tests.cluster.automation import until, write
from tests.cluster.connected import connect
from tests.cluster.monitored import address, ask, bring_back, gone, ready, value, wiring

RULES = f"{monitoring.FOLDER}/rules/lab.yml"
SCRAPE = f"{monitoring.FOLDER}/prometheus/prometheus.yml"
ROUTES = f"{monitoring.FOLDER}/alertmanager/alertmanager.yml"
ACCOUNT = "system:serviceaccount:monitoring:prometheus"
BOARD = f"{DASHBOARDS}/app.json"
OBJECT = f"{monitoring.FOLDER}/exporter/deployment.yaml"
MAY_BE_EMPTY = {
    "Share that fails",
    "95 of 100 within",
    "Requests",
    "Duration",
    "Changes by hand put right",
    "From commit to live",
    "Errors of the container runtime",
}
"""Panels in which nothing is to be seen where nobody asked the app, or nothing went wrong."""
FEW, MANY = 2, 5
"""Changes of one kind: in each `make test`, and in `make test-all`."""
REFUSED_SECONDS = 15.0
"""A bound for a machine that does much else; what it takes of a processor is one second."""
LIVE_SECONDS = 10.0
"""From applied to loaded, by the median: one of five may meet a moment in which all wait."""
FIGURES: dict[str, Any] = {}


@pytest.fixture(scope="module", autouse=True)
def figures(output: Path) -> Iterator[None]:
    yield
    write_json(output / "monitoring.json", FIGURES)


@pytest.fixture(scope="module", autouse=True)
def lab(instance: Instance, figures: None) -> Iterator[Instance]:
    """The lab, with monitoring brought in as a reader does it; in the end it is as it was."""
    connect(instance)
    repo = attendees(instance)
    before = repo.fetch().sha
    path = wiring(instance)
    if path in repo.files(before):
        write(instance, "Take monitoring out", lambda draft: draft.delete(path))
        until(lambda: gone(instance), "no namespace of monitoring")
    run("git", "pull", "--quiet", "--rebase", cwd=repo.path)
    try:
        said = run(sys.executable, "-m", "labs.cli", "monitoring", "files", cwd=PROJECT)
        assert path in said
        run("git", "add", "--all", cwd=repo.path)
        run("git", "commit", "--quiet", "--message=Watch the cluster", cwd=repo.path)
        run("git", "push", "--quiet", cwd=repo.path)
        start = time.monotonic()
        for name in monitoring.DEPLOYMENTS:
            until(lambda name=name: ready(instance, name), f"{name} to be ready")  # type: ignore[misc]
        FIGURES["push to both ready, in seconds"] = round(time.monotonic() - start, 1)
        yield instance
    finally:
        bring_back(instance, before)


def applied(instance: Instance, name: str, words: str) -> float:
    """Return now, when a ConfigMap has these words."""
    found = kubernetes.api(instance).get("v1", "ConfigMap", name, monitoring.NAMESPACE)
    if words not in json.dumps((found or {}).get("data", {})):
        raise NotYet(f"the ConfigMap {name} has no {words}")
    return time.monotonic()


def rule_names(instance: Instance) -> set[str]:
    groups = ask(instance, "prometheus", "/api/v1/rules")["data"]["groups"]
    return {rule["name"] for group in groups for rule in group["rules"]}


def test_every_target_is_up(lab: Instance) -> None:
    repo = attendees(lab)
    wanted = set(re.findall(r"job_name: (\w+)", repo.read(SCRAPE, repo.fetch().sha)))
    wanted -= {"traffic"}  # there are visitors where a commit asks for them
    assert {"apps", "flux", "kubelet", "cadvisor", "apiserver", "coredns", "ci"} <= wanted

    def all_up() -> None:
        found = ask(lab, "prometheus", "/api/v1/targets", state="active")["data"]["activeTargets"]
        bad = [f"{t['labels']['job']}: {t['lastError']}" for t in found if t["health"] != "up"]
        missing = wanted - {target["labels"]["job"] for target in found}
        if bad or missing:
            raise NotYet(f"{bad}, missing {missing}")

    until(all_up, "every target to be up")
    for promql in ("hello_build_info", "ci_runs_queued", "machine_cpu_cores"):
        assert until(partial(value, lab, f"count({promql})"), promql) >= 1
    FIGURES["series"] = until(
        lambda: value(lab, "prometheus_tsdb_head_series"), "Prometheus to tell of itself"
    )
    FIGURES["memory in MiB"] = {
        name: round(value(lab, f'process_resident_memory_bytes{{job="{name}"}}') / 2**20)
        for name in monitoring.DEPLOYMENTS
    }


def test_the_web_ui_is_there(lab: Instance) -> None:
    base = address(lab, "prometheus")
    page = fetch(f"{base}/query")
    assert page.status == 200
    [script] = re.findall(rb'src="\./(assets/[^"]+\.js)"', page.body)
    assert len(fetch(f"{base}/{script.decode()}").body) > 100_000


def test_prometheus_may_look_and_no_more(lab: Instance) -> None:
    for words in (("get", "secrets"), ("delete", "pods"), ("create", "pods/exec")):
        with pytest.raises(CommandFailed, match="ended with 1"):
            run(
                *(lab.bin / "kubectl", "auth", "can-i", *words, f"--as={ACCOUNT}"),
                *("--all-namespaces", "--quiet"),
                env={"KUBECONFIG": str(lab.kubeconfig)},
            )


@pytest.mark.parametrize("runs", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_a_rule_by_a_commit_is_live_within_seconds(lab: Instance, runs: int) -> None:
    repo = attendees(lab)
    before = repo.read(RULES, repo.fetch().sha)
    seconds = {"from push": [], "from applied": []}  # type: dict[str, list[float]]
    for number in range(runs):
        name = f"test:run{runs}_{number}"
        text = f"{before}      - record: {name}\n        expr: vector({number})\n"
        write(lab, f"Record {name}", lambda draft, text=text: draft.write(RULES, text))  # type: ignore[misc]
        pushed = time.monotonic()
        there = until(lambda name=name: applied(lab, "prometheus-rules", name), "Flux")  # type: ignore[misc]

        def loaded(name: str = name) -> float:
            if name not in rule_names(lab):
                raise NotYet(f"no rule {name}")
            return time.monotonic()

        live = until(loaded, f"Prometheus to have {name}")
        seconds["from push"].append(round(live - pushed, 1))
        seconds["from applied"].append(round(live - there, 1))
        assert until(lambda name=name: value(lab, name), f"a sample of {name}") == number  # type: ignore[misc]
    FIGURES["a rule to loaded, in seconds"] = {
        **seconds,
        "median": {way: statistics.median(all_) for way, all_ in seconds.items()},
    }
    write(lab, "Take the test's rule out", lambda draft: draft.write(RULES, before))
    assert statistics.median(seconds["from applied"]) < LIVE_SECONDS


@pytest.mark.long
def test_a_scrape_job_by_a_commit_has_its_target_within_seconds(lab: Instance) -> None:
    repo = attendees(lab)
    before = repo.read(SCRAPE, repo.fetch().sha)
    seconds = []
    for number in range(MANY):
        job = f"test-run{number}"
        added = f"  - job_name: {job}\n    static_configs:\n      - targets: [localhost:9090]\n"
        text = f"{before}\n{added}"
        write(lab, f"Scrape {job}", lambda draft, text=text: draft.write(SCRAPE, text))  # type: ignore[misc]
        pushed = time.monotonic()

        def there(job: str = job) -> float:
            found = ask(lab, "prometheus", "/api/v1/targets", state="active")["data"]
            if job not in {target["labels"]["job"] for target in found["activeTargets"]}:
                raise NotYet(f"no target of {job}")
            return time.monotonic()

        seconds.append(round(until(there, f"a target of {job}") - pushed, 1))
    FIGURES["a scrape job from push to its target, in seconds"] = {
        "runs": seconds,
        "median": statistics.median(seconds),
    }
    write(lab, "Take the test's jobs out", lambda draft: draft.write(SCRAPE, before))


@pytest.mark.long
def test_a_panel_by_a_commit_is_drawn_and_in_the_cluster_within_seconds(lab: Instance) -> None:
    repo = attendees(lab)
    before = repo.read(BOARD, repo.fetch().sha)
    seconds: dict[str, list[float]] = {"in the cluster": [], "drawn in a notebook": []}
    for number in range(MANY):
        told = json.loads(before)
        words = f"test run {number}"
        told["panels"].append({**told["panels"][-1], "id": 99, "title": words})
        told["panels"][-1]["gridPos"] = {"x": 0, "y": 40, "w": 24, "h": 6}
        text = json.dumps(told, indent=2)
        write(lab, "Add a panel", lambda draft, text=text: draft.write(BOARD, text))  # type: ignore[misc]
        pushed = time.monotonic()
        there = until(lambda words=words: applied(lab, "dashboard-app", words), "Flux")  # type: ignore[misc]
        seconds["in the cluster"].append(round(there - pushed, 1))
        # A notebook reads the clone, which has it with the push: what takes time is the drawing.
        asked = time.monotonic()
        html, _ = dashboard.drawn(lab, "app")
        seconds["drawn in a notebook"].append(round(time.monotonic() - asked, 1))
        assert words in html
    FIGURES["a panel from push on, in seconds"] = {
        **seconds,
        "median": {way: statistics.median(all_) for way, all_ in seconds.items()},
    }
    write(lab, "Take the test's panel out", lambda draft: draft.write(BOARD, before))
    found = kubernetes.api(lab).get("v1", "ConfigMap", "dashboard-app", monitoring.NAMESPACE)
    assert found is not None
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"


@pytest.mark.parametrize("name", ["app", "gitops", "node"])
def test_a_dashboard_asks_nothing_that_prometheus_cannot_answer(lab: Instance, name: str) -> None:
    board = dashboard.named(lab, name).read()

    def whole() -> None:
        now = datetime.now(UTC)
        found = list(filled(lab, board, Span(now - timedelta(minutes=15), now)))
        assert [one.remarks for one in found if one.remarks] == []
        empty = {one.panel.title for one in found if not (one.values or one.rows or drawn(one))}
        if empty - MAY_BE_EMPTY:
            raise NotYet(f"nothing in {empty}")

    until(whole, f"something in every panel of {name}")


def drawn(one: Filled) -> bool:
    return one.lines is not None and not one.lines.empty


def test_a_receiver_by_a_commit_is_live_within_seconds(lab: Instance) -> None:
    def change(draft: Draft) -> None:
        draft.write(ROUTES, re.sub(r"\blab$", "seat", draft.read(ROUTES), flags=re.M))

    def loaded() -> float:
        if "receiver: seat" not in ask(lab, "alertmanager", "/api/v2/status")["config"]["original"]:
            raise NotYet("Alertmanager has the receiver of before")
        return time.monotonic()

    write(lab, "Rename the receiver", change)
    there = until(lambda: applied(lab, "alertmanager-config", "receiver: seat"), "Flux")
    took = until(loaded, "Alertmanager to have the new receiver") - there
    FIGURES["a receiver from applied to loaded, in seconds"] = round(took, 1)
    assert took < 3 * LIVE_SECONDS  # it is one alone


@pytest.mark.long
def test_what_is_wrong_is_told_before_the_push_and_refused_after_it(lab: Instance) -> None:
    repo = attendees(lab)
    run("git", "pull", "--quiet", "--rebase", cwd=repo.path)
    before = (repo.path / RULES).read_text()
    wrong = before.replace("expr: up == 0", "expr: up == (0", 1)
    line = 1 + wrong.splitlines().index("        expr: up == (0")
    try:
        (repo.path / RULES).write_text(wrong)
        said = "\n".join(str(one) for one in lint.lint(lab))
        assert re.search(rf"{RULES}:{line}: .*TargetDown.*unclosed left parenthesis", said)
    finally:
        (repo.path / RULES).write_text(before)
    assert "✗" not in "\n".join(str(one) for one in lint.lint(lab))

    write(lab, "Push what is wrong", lambda draft: draft.write(RULES, wrong))

    def told() -> None:
        alerts = ask(lab, "alertmanager", "/api/v2/alerts")
        names = {alert["labels"]["alertname"] for alert in alerts}
        if "ConfigurationRefused" not in names:
            raise NotYet(f"Alertmanager has {names}")

    until(told, "Alertmanager to be told of the refusal")
    assert "TargetDown" in rule_names(lab)  # what was there before is in force
    write(lab, "Mend it", lambda draft: draft.write(RULES, before))

    def cleared() -> None:
        if value(lab, 'count(ALERTS{alertname="ConfigurationRefused"}) or vector(0)'):
            raise NotYet("it still fires")

    until(cleared, "the alert to clear")


def test_enforced_what_is_wrong_is_refused_at_the_push(lab: Instance) -> None:
    repo = attendees(lab)
    assert git_checks.there(lab).keys() == set(git_checks.NAMES)
    run(sys.executable, "-m", "labs.cli", "monitoring", "enforce", cwd=PROJECT)
    judged = (RULES, SCRAPE, ROUTES, BOARD, OBJECT)
    texts = {path: repo.read(path, repo.fetch().sha) for path in judged}
    wrong = {
        RULES: (texts[RULES].replace("expr: up == 0", "expr: up == (0", 1), "unclosed left"),
        SCRAPE: (texts[SCRAPE].replace("scrape_configs", "scrape_confgs"), "field scrape_confgs"),
        ROUTES: (re.sub(r"receiver: \w+", "receiver: nobody", texts[ROUTES], count=1), "nobody"),
        BOARD: (texts[BOARD].replace("rate1m{", "rate1m{{", 1), "parse error"),
        OBJECT: (texts[OBJECT].replace("spec:", "spec: [", 1), "expected"),
    }
    refused: dict[str, float] = {}
    for path, (text, words) in wrong.items():
        assert text != texts[path]
        start = time.monotonic()
        with pytest.raises(PushRefused) as refusal:
            write(lab, "Push what is wrong", lambda draft, p=path, t=text: draft.write(p, t))  # type: ignore[misc]
        refused[path] = round(time.monotonic() - start, 2)
        assert re.search(rf"{re.escape(path)}:\d+: .*{words}", refusal.value.found), refusal.value
        assert "lab lint" in refusal.value.todo
    taken: dict[str, float] = {}
    for name, path, text in (
        ("monitoring", RULES, f"# A test.\n{texts[RULES]}"),
        ("something else", "test.txt", "A test\n"),
    ):
        start = time.monotonic()
        write(lab, f"Change {name}", lambda draft, p=path, t=text: draft.write(p, t))  # type: ignore[misc]
        taken[name] = round(time.monotonic() - start, 2)
    FIGURES["an enforced push, with commit and fetch, in seconds"] = {
        "refused": refused,
        "taken, of": taken,
    }
    write(lab, "Take the test's file out", lambda draft: draft.delete("test.txt"))
    run(sys.executable, "-m", "labs.cli", "monitoring", "enforce", "--off", cwd=PROJECT)
    assert max(refused.values()) < REFUSED_SECONDS


@pytest.mark.long
def test_samples_and_silences_survive_their_pods(lab: Instance) -> None:
    cluster = kubernetes.api(lab)
    moment = time.time() - 5
    was = until(lambda: value(lab, 'count(up{job="apps"})', moment), "a sample")
    silence = alertmanager.silence(lab, {"alertname": "None"}, 600, "attendee", "a test")
    for name in monitoring.DEPLOYMENTS:
        label = f"app.kubernetes.io/name={name}"
        [pod] = cluster.list("v1", "Pod", monitoring.NAMESPACE, label)
        cluster.delete("v1", "Pod", flux.name(pod), monitoring.NAMESPACE)

        def replaced(name: str = name, label: str = label, old: str = flux.name(pod)) -> None:
            if old in map(flux.name, cluster.list("v1", "Pod", monitoring.NAMESPACE, label)):
                raise NotYet(f"{old} is still there")
            ready(lab, name)

        until(replaced, f"a new pod of {name}")
    assert until(lambda: value(lab, 'count(up{job="apps"})', moment), "the old sample") == was
    found = until(lambda: ask(lab, "alertmanager", f"/api/v2/silence/{silence}"), "the silence")
    assert found["comment"] == "a test"
    alertmanager.unsilence(lab, silence)
