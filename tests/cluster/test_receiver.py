"""Alerts from Alertmanager to the page, silences and visitors, on a lab whose monitoring is in."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labs import alerting
from labs.gitops import instances, monitoring, traffic
from labs.gitops.config_repo import attendees
from labs.instance import PROJECT, Instance, write_json
from labs.platform import alertmanager, flux, kind, kubernetes
from labs.platform.loopback import fetch
from labs.receiver import page
from labs.run import run
from labs.wait import NotYet
from tests.cluster.automation import until, write
from tests.cluster.connected import connect
from tests.cluster.monitored import bring_back, ready, value, wiring
from tests.unit.test_receiver import form

NAME = "TestOfTheReceiver"
FIGURES: dict[str, Any] = {}


@pytest.fixture(scope="module", autouse=True)
def lab(instance: Instance, output: Path) -> Iterator[Instance]:
    """The lab with monitoring; what was not in it before is taken out in the end."""
    connect(instance)
    repo = attendees(instance)
    before = repo.fetch().sha
    there, folder = wiring(instance) in repo.files(before), instances.folder(instance)
    if not there:
        write(instance, "Watch the cluster", lambda draft: monitoring.install(draft, folder))
    try:
        for name in (*monitoring.DEPLOYMENTS, "receiver"):
            until(partial(ready, instance, name), f"{name} to be ready")
        until(lambda: shown(instance), "the page")
        yield instance
    finally:
        if not there:
            bring_back(instance, before)
        write_json(output / "receiver.json", FIGURES)


def address(instance: Instance) -> str:
    return f"http://127.0.0.1:{instance.port('alerts')}"


def shown(instance: Instance) -> Any:
    """Return what the page shows, as JSON. Raises NotYet."""
    answer = fetch(f"{address(instance)}/api/notifications", timeout=5)
    if answer.status != 200 or not answer.body:  # its pod comes or goes
        raise NotYet(f"the page answers {answer.status}, {len(answer.body)} bytes")
    found = json.loads(answer.body)
    if found["trouble"]:
        raise NotYet(found["trouble"])
    return found


def put(instance: Instance, seconds: float) -> None:
    """Have an alert fire from now on, as Prometheus does: for so long; less than none ends it."""
    now = datetime.now(UTC)
    since = now if seconds > 0 else now - timedelta(seconds=30)
    alert = {
        "labels": {"alertname": NAME, "severity": "ticket", "app": "test"},
        "annotations": {"summary": "a test", "command": "lab alerts"},
        "startsAt": since.isoformat(),
        "endsAt": (now + timedelta(seconds=seconds)).isoformat(),
    }
    answer = fetch(
        f"http://127.0.0.1:{instance.port('alertmanager')}/api/v2/alerts",
        {"Content-Type": "application/json"},
        method="POST",
        body=json.dumps([alert]).encode(),
    )
    assert answer.status == 200, answer.body


def alert(instance: Instance, state: str) -> dict[str, Any]:
    """Return the test's alert as the page has it. Raises NotYet unless it is in this state."""
    groups = shown(instance)["groups"]
    found = [one for group in groups for one in group["alerts"] if one["name"] == NAME]
    if [one["state"] for one in found] != [state]:
        raise NotYet(f"it is {found}")
    return dict(found[0])


def told(instance: Instance) -> dict[str, Any]:
    found = alert(instance, "active")
    if not found["told"]:
        raise NotYet("it fires, and nobody was told yet")
    return found


def command(*words: str) -> str:
    return run(sys.executable, "-m", "labs.cli", *words, cwd=PROJECT, timeout=200)


def test_the_page_has_no_account_and_is_published_on_loopback(lab: Instance) -> None:
    assert kind.publishes(lab, "alerts")
    found = kubernetes.api(lab).list("v1", "Pod", "monitoring", "app.kubernetes.io/name=receiver")
    [pod] = found
    assert [volume for volume in pod["spec"].get("volumes", []) if "projected" in volume] == []
    assert "Alerts" in command("status")


def test_an_alert_is_told_silenced_and_resolved(lab: Instance) -> None:
    start = time.monotonic()
    put(lab, 600)
    until(lambda: told(lab), "the page to be told")
    FIGURES["an alert to told, in seconds"] = round(time.monotonic() - start, 1)
    assert NAME in fetch(f"{address(lab)}/").body.decode()
    assert NAME in alerting.view(lab).text

    # Silenced on the page, by its form; ended by the command.
    key = page.group_key({"alertname": NAME, "app": "test"})
    form(f"{address(lab)}/silence", group=key, seconds="600", reason="a test")
    found = until(lambda: alert(lab, "suppressed"), "it to be silenced")
    [ident] = found["silencedBy"]
    [mine] = [one for one in alertmanager.silences(lab) if one.id == ident]
    assert (mine.by, mine.reason) == ("attendee", "a test")
    assert "silenced" in command("alerts")
    command("unsilence", ident)
    until(lambda: alert(lab, "active"), "it to fire again")

    # Silenced by the command, and the page shows it.
    command("silence", NAME, "--for", "5m", "--reason", "again")
    found = until(lambda: alert(lab, "suppressed"), "it to be silenced again")
    alertmanager.unsilence(lab, found["silencedBy"][0])
    until(lambda: alert(lab, "active"), "it to fire for the third time")


@pytest.mark.long
def test_a_page_that_starts_anew_shows_what_fires(lab: Instance) -> None:
    put(lab, 600)
    until(lambda: told(lab), "the page to be told")  # nobody is told the end of what he never heard
    cluster = kubernetes.api(lab)
    label = "app.kubernetes.io/name=receiver"
    [pod] = cluster.list("v1", "Pod", "monitoring", label)
    cluster.delete("v1", "Pod", flux.name(pod), "monitoring")

    def replaced() -> None:
        if flux.name(pod) in map(flux.name, cluster.list("v1", "Pod", "monitoring", label)):
            raise NotYet("the old pod is still there")
        ready(lab, "receiver")

    until(replaced, "a new pod")
    until(lambda: alert(lab, "active"), "it to show what fires")
    start = time.monotonic()
    put(lab, -1)

    def ended() -> None:
        if NAME not in [one["name"] for one in shown(lab)["resolved"]]:
            raise NotYet("it was not told of the end yet")

    until(ended, "the end to be told")
    FIGURES["an end to told, in seconds"] = round(time.monotonic() - start, 1)
    with pytest.raises(NotYet):
        alert(lab, "active")


@pytest.mark.long
def test_visitors_come_and_go_by_commits_and_nothing_is_told(lab: Instance) -> None:
    was = attendees(lab).read(traffic.PATH, attendees(lab).fetch().sha)
    start = time.monotonic()
    command("traffic", "on", "--rate", "20", "--reason", "a test", "--no-wait")
    flux.reconcile(kubernetes.api(lab), flux.SOURCE_API, "GitRepository", flux.SOURCE)
    try:

        def answered() -> float:
            if value(lab, "traffic_wanted_rate") != 20:
                raise NotYet("Prometheus has not seen the new rate yet")
            rate = value(lab, 'sum(rate(traffic_requests_total{code="200"}[20s]))')
            if rate < 12:  # a rate closer to 20 takes a longer window
                raise NotYet(f"{rate} requests a second")
            return rate

        FIGURES["requests a second, of 20"] = round(until(answered, "20 requests a second"), 1)
        FIGURES["traffic on to full, in seconds"] = round(time.monotonic() - start, 1)
        FIGURES["traffic's memory in MiB"] = round(
            value(lab, 'process_resident_memory_bytes{job="traffic"}') / 2**20
        )
    finally:
        off = traffic.REPLICAS.sub(r"\g<1>0", was)
        write(lab, "Have no visitors come", lambda draft: draft.write(traffic.PATH, off))

    def gone() -> None:
        if value(lab, 'count(up{job="traffic"}) or vector(0)'):
            raise NotYet("it is scraped still")

    until(gone, "the target to go")
    # A pod that ends is scraped in vain once, perhaps: that is pending, and told to nobody.
    fires = 'alertname="TargetDown",job="traffic",alertstate="firing"'
    assert not value(lab, f"count(ALERTS{{{fires}}}) or vector(0)")

    def both_up() -> None:
        if value(lab, 'sum(up{job=~"registry|receiver"})') != 2:
            raise NotYet("one of them was not scraped")

    until(both_up, "registry and receiver to be scraped")
    FIGURES["the page's memory in MiB"] = round(
        value(lab, 'process_resident_memory_bytes{job="receiver"}') / 2**20
    )
    if was != off:  # it was on before this test
        write(lab, "Have traffic as it was", lambda draft: draft.write(traffic.PATH, was))
