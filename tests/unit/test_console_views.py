"""The overview and its neighbours while parts are away: each shows the others, and says why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from labs.console.divergence import behind, cards
from labs.console.feeds import alerts as alerts_feed
from labs.console.feeds.alerts import Alerts, Firing
from labs.console.guard import HEADERS
from labs.console.hub import Hub
from labs.console.site import Site
from labs.instance import Instance, write_json
from labs.platform import alertmanager, watched
from labs.platform.alertmanager import Alert, Group
from labs.platform.loopback import Answer
from labs.wait import NotYet
from tests.unit.asked import Client
from tests.unit.console_site import TOKEN, new_seat, nothing_answers, who_asks

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PAGES = ("/", "/metrics", "/alerts", "/progress", "/instances")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A console of a lab of which nothing answers; no thread looks."""
    monkeypatch.setattr(watched, "FIRST_SECONDS", 0.0)
    with nothing_answers(new_seat(tmp_path / "demo")) as found:
        yield found


@pytest.fixture
def client(site: Site) -> Client:
    return who_asks(site)


def test_the_page_of_a_fault_is_as_guarded_as_any_other(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ValueError("a bug of the page's")

    monkeypatch.setattr(site, "repo", broken)
    answer = client.get("/history")
    assert answer.status_code == 500
    assert "the console has a fault: ValueError" in answer.text
    well = client.get("/progress").headers
    for name in (*HEADERS, "Cache-Control"):
        assert answer.headers[name] == well[name]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_a_page_when_nothing_answers(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert "has a fault" not in answer.text
    # Progress needs nothing of the lab's parts.
    assert ("<dt>Found</dt>" in answer.text) is (path != "/progress")


def test_the_overview_shows_each_outage_in_its_place(client: Client, site: Site) -> None:
    text = client.get("/").text
    for part in ("git", "registry", "ci", "the cluster"):
        assert f"{part} does not answer" in text
    assert "Not known" in text
    site.registry.trouble = None
    text = client.get("/").text
    assert "registry does not answer" not in text
    assert "git does not answer" in text


def test_links_know_where_the_console_is(client: Client, site: Site) -> None:
    headers = {"X-Console-Token": TOKEN, "X-Forwarded-Context": "/console"}
    text = client.get("/progress", headers=headers).text
    assert 'href="/lab/tree/notebooks/00-welcome.ipynb"' in text
    text = client.get("/progress").text
    port = site.seat.port("jupyter")
    assert f'href="http://127.0.0.1:{port}/lab/tree/notebooks/00-welcome.ipynb"' in text


def test_an_instance_is_asked_for_where_there_is_none(client: Client, site: Site) -> None:
    for watch in site.cluster._watches.values():
        watch.trouble = None
    text = client.get("/instances").text
    assert 'name="name" value="hackfest"' in text
    assert "lab instance create hackfest" in text
    write_json(site.seat.root / "instance.json", {"name": "alps", "created": "now"})
    text = client.get("/instances").text
    assert "waiting for agents" in text
    assert "http://127.0.0.1:1/config/plain/clusters/alps/flux-system/sync.yaml" in text
    assert "source-controller: absent" in text


def test_the_name_of_an_instance_is_judged(client: Client) -> None:
    answer = client.post("/instances", data={"name": "No Name"})
    assert answer.status_code == 409
    assert "lower-case letters" in answer.text


def alert(fingerprint: str, state: str = "active", **labels: str) -> Alert:
    told = {"alertname": "NotAsGitSays", "severity": "page", **labels}
    return Alert(
        told["alertname"],
        told,
        {"summary": f"<{fingerprint}> differs", "command": "lab diff"},
        "suppressed" if state == "suppressed" else "active",
        NOW,
        fingerprint,
    )


def firing(**more: Any) -> Firing:
    group = {"alertname": "NotAsGitSays", "app": "hello"}
    alerts = (
        alert("one", app="hello", environment="production"),
        alert("two", app="hello", environment="staging"),
        alert("three", "suppressed", app="hello", environment="test"),
    )
    slow = Group({"alertname": "AppSlow"}, (alert("slow", alertname="AppSlow", severity="ticket"),))
    return Firing((slow, Group(group, alerts)), **more)


def test_alerts_lead_to_what_they_are_about(client: Client, site: Site) -> None:
    site.alerts.trouble, site.alerts.seen = None, firing()
    text = client.get("/alerts").text
    assert "&lt;one&gt; differs" in text
    assert 'href="/workloads/production/hello"' in text
    assert "lab silence NotAsGitSays --for 10m" in text
    assert "--labels app=hello" in text
    assert "(3) Alerts" in text


@pytest.mark.parametrize(
    ("labels", "path", "fragment"),
    [
        ({"app": "hello", "environment": "test"}, "/workloads/test/hello", ""),
        ({"app": "hello", "namespace": "prod"}, "/workloads/production/hello", ""),
        ({"app": "hello", "namespace": "other"}, "/", ""),
        ({"kustomization": "apps"}, "/", "#kustomization-apps"),
        ({}, "/", ""),
    ],
)
def test_each_alert_has_a_place(labels: dict[str, str], path: str, fragment: str) -> None:
    found = behind(labels, {("prod", "hello"): "production"})
    assert (found.path, found.fragment) == (path, fragment)


def test_what_is_urgent_comes_first_and_what_is_silenced_apart() -> None:
    active = cards(firing().groups, "active")
    assert [one.name for one in active] == ["NotAsGitSays", "AppSlow"]
    assert [one.fingerprint for one in active[0].alerts] == ["one", "two"]
    quiet = cards(firing().groups, "suppressed")
    assert [one.fingerprint for one in quiet[0].alerts] == ["three"]


def test_what_fires_no_more_is_not_silenced(client: Client, site: Site) -> None:
    site.alerts.trouble, site.alerts.seen = None, Firing()
    answer = client.post("/alerts/silence", data={"group": "gone", "seconds": "600"})
    assert answer.status_code == 409
    assert "fires no more" in answer.text


RESOLVED = (
    b'{"resolved": [{"name": "A", "labels": {"alertname": "A"}, "annotations": {},'
    b' "since": "2026-05-04T12:00:00+00:00", "until": "2026-05-04T12:01:00+00:00"}]}'
)


def test_what_ended_is_told_by_the_page_in_the_cluster(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def groups(self) -> list[Group]:
            return []

        silences = groups

    feed = Alerts(site.seat, Hub())
    monkeypatch.setattr(alertmanager, "client", lambda seat: Silent())
    monkeypatch.setattr(alerts_feed, "fetch", lambda url, timeout: Answer(200, None, RESOLVED))  # type: ignore[arg-type]
    [ended] = feed.look().ended
    assert (ended.name, (ended.until - ended.since).total_seconds()) == ("A", 60.0)

    def silent(url: str, timeout: float) -> Answer:
        raise NotYet("nobody there")

    monkeypatch.setattr(alerts_feed, "fetch", silent)
    seen = feed.look()
    assert seen == feed.look(), "the same trouble is no news"
    site.alerts.trouble, site.alerts.seen = None, seen
    assert "nobody there" in client.get("/alerts").text
    monkeypatch.setattr(alerts_feed, "fetch", lambda url, timeout: Answer(200, None, b"[]"))  # type: ignore[arg-type]
    assert "not as the alerts" in feed.look().untold


def test_a_query_is_told_what_is_amiss(client: Client, site: Site) -> None:
    text = client.get("/metrics?query=up").text
    assert "Prometheus is not to be asked" in text
    assert Instance("demo", site.seat.root).port("prometheus") == 1
    answer = client.get("/metrics/panel.svg?board=app&panel=99")
    assert answer.status_code == 409
