"""The page that alerts are told to: what it knows, how it shows it, and whose forms it takes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from labs.instance import PROJECT
from labs.platform.alertmanager import Client
from labs.platform.loopback import Answer, fetch
from labs.receiver import page, web
from labs.receiver.board import Board, NotUnderstood
from labs.receiver.web import Site
from scripts.supply import catalogue, images
from tests.unit.alertmanager_server import SINCE, Served, fires, serving

HERE = PROJECT / "config-repo-template" / "monitoring" / "receiver"
UNTIL = "2026-05-04T12:03:00.123456789Z"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
def site(served: Served) -> Site:
    return Site(Board(), Client(served.url), threading.Event())


@pytest.fixture
def url(site: Site) -> Iterator[str]:
    """The page's address."""
    server = web.serve(0, site)
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def notification(status: str, alert: dict[str, Any]) -> dict[str, Any]:
    """Return what Alertmanager sends of an alert."""
    one = {**alert, "status": status, "generatorURL": "http://prometheus/graph"}
    if status == "resolved":
        one["endsAt"] = UNTIL
    one["startsAt"] = SINCE.replace(".123Z", ".123456789Z")
    labels = {"alertname": alert["labels"]["alertname"]}
    return {"version": "4", "status": status, "groupLabels": labels, "alerts": [one]}


def post(url: str, sent: dict[str, Any], kind: str = "application/json") -> Answer:
    return fetch(url, {"Content-Type": kind}, method="POST", body=json.dumps(sent).encode())


def form(url: str, headers: dict[str, str] | None = None, **fields: str) -> Answer:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return fetch(url, {**kind, **(headers or {})}, method="POST", body=urlencode(fields).encode())


def shown(url: str) -> str:
    answer = fetch(f"{url}/")
    assert answer.status == 200
    return answer.body.decode()


def section(text: str, name: str) -> str:
    """Return the page's words in one of its sections."""
    found = re.search(rf'<section id="{name}".*?</section>', text, re.S)
    assert found is not None
    return found[0]


def test_what_fires_is_known_without_being_told(served: Served, site: Site, url: str) -> None:
    """As after a restart: all that is known is what Alertmanager answers."""
    served.alerts += [fires("AppSlow", app="hello"), fires("AppSlow", app="shop")]
    site.look()
    text = shown(url)
    firing = section(text, "firing")
    assert firing.count("<article") == 1, "what is told together is shown together"
    assert firing.count("AppSlow &lt;happens&gt;</p>") == 2
    assert "<happens>" not in text
    assert "show AppSlow</code>" in firing
    assert '<time datetime="2026-05-04T12:00:00Z">' in firing
    assert "2 firing" in text
    assert "<title>(2) Alerts</title>" in text


def test_what_is_to_wake_somebody_comes_first(served: Served, site: Site, url: str) -> None:
    served.alerts += [fires("Ant"), fires("Bee", severity="page"), fires("Cat", severity="odd")]
    site.look()
    assert re.findall(r"<h3>(\w+)", section(shown(url), "firing")) == ["Bee", "Ant", "Cat"]


def test_what_it_is_told_is_heard_and_looked_at(served: Served, site: Site, url: str) -> None:
    alert = fires("AppSlow")
    served.alerts.append(alert)
    assert post(f"{url}/alerts", notification("firing", alert)).status == 200
    assert site.look_again.is_set()
    site.look()
    assert "told <time" in section(shown(url), "firing")
    served.alerts.clear()
    post(f"{url}/alerts", notification("resolved", alert))
    site.look()
    ended = section(shown(url), "ended")
    assert "AppSlow</h3>" in ended
    assert "after 3 min" in ended
    assert "Nothing fires" in shown(url)
    found = json.loads(fetch(f"{url}/api/notifications").body)
    assert [one["status"] for one in found["notifications"]] == ["resolved", "firing"]
    assert [one["name"] for one in found["resolved"]] == ["AppSlow"]
    assert found["groups"] == []
    metrics = fetch(f"{url}/metrics").body.decode()
    assert 'receiver_notifications_total{status="resolved"} 1.0' in metrics


def test_who_ends_while_silenced_is_missed_and_told_once(served: Served, site: Site) -> None:
    alert = fires("AppSlow")
    served.alerts.append(alert)
    site.alertmanager.silence({"alertname": "AppSlow"}, 60, "attendee", "why")
    site.look()
    served.alerts.clear()
    site.look()
    [seen] = site.board.view().ended
    site.board.tell(notification("resolved", alert))
    [told] = site.board.view().ended
    assert told.until == datetime.fromisoformat(UNTIL) != seen.until


def test_what_fires_and_is_gone_for_a_moment_has_not_ended(served: Served, site: Site) -> None:
    """An Alertmanager that starts anew knows of nothing until Prometheus has told it again."""
    served.alerts.append(fires("AppSlow"))
    site.look()
    served.alerts.clear()
    site.look()
    assert site.board.view().ended == ()


def test_a_look_under_way_does_not_forget_what_was_told(site: Site) -> None:
    now = datetime.now(UTC)
    site.board.tell(notification("firing", fires("New")), now)
    site.board.tell(notification("firing", fires("Old")), now - timedelta(minutes=5))
    site.board.look([], [])
    assert list(site.board.view().told) == ["New-ticket"]


@pytest.mark.parametrize(
    "sent",
    [
        [],
        "words",
        {"alerts": []},
        {"status": "firing", "groupLabels": {}, "alerts": [{"status": "firing"}]},
        {"status": "firing", "groupLabels": None, "alerts": None},
    ],
)
def test_what_is_no_notification_is_refused_and_changes_nothing(
    sent: Any, site: Site, url: str
) -> None:
    with pytest.raises(NotUnderstood):
        site.board.tell(sent)
    assert post(f"{url}/alerts", sent).status == 400
    assert site.board.notifications() == []


def test_a_page_of_another_site_cannot_tell_or_silence(
    served: Served, site: Site, url: str
) -> None:
    served.alerts.append(fires("AppSlow"))
    site.look()
    # Without asking first, a browser sends another site's words as a form or as plain text.
    assert post(f"{url}/alerts", notification("firing", fires("X")), "text/plain").status == 415
    fields = {"group": page.group_key({"alertname": "AppSlow"}), "seconds": "600", "reason": "x"}
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another port of this computer
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
    ):
        assert form(f"{url}/silence", headers, **fields).status == 403
    assert served.silences == {}


def test_a_form_silences_a_group_and_another_ends_it(served: Served, site: Site, url: str) -> None:
    served.alerts += [fires("AppSlow", app="hello"), fires("AppSlow", app="shop"), fires("Else")]
    site.look()
    key = page.group_key({"alertname": "AppSlow"})
    assert f'name="group" value="{key}"' in shown(url)
    done = form(f"{url}/silence", group=key, seconds="600", reason="the <talk>")
    assert done.status == 200, "it leads back to the page"
    [ident] = served.silences
    assert [m["value"] for m in served.silences[ident]["matchers"]] == ["AppSlow"]
    text = shown(url)
    assert "1 firing · 2 silenced" in text
    silenced = section(text, "silenced")
    assert "the &lt;talk&gt;</h3>" in silenced
    assert silenced.count("silenced by attendee") == 2
    form(f"{url}/unsilence", id=ident)
    assert "3 firing" in shown(url)


def test_one_alert_of_a_group_can_be_silenced(served: Served, site: Site, url: str) -> None:
    served.alerts += [fires("AppSlow", app="hello"), fires("AppSlow", app="shop")]
    site.look()
    key = page.group_key({"alertname": "AppSlow"})
    one = served.alerts[0]["fingerprint"]
    assert f'<option value="{one}">' in shown(url)
    form(f"{url}/silence", group=key, alert=one, seconds="600", reason="why")
    assert "1 firing · 1 silenced" in shown(url)


@pytest.mark.parametrize(
    ("path", "fields", "found"),
    [
        ("silence", {"reason": " "}, "without a reason"),
        ("silence", {"seconds": "0"}, "a silence of 0 s"),
        ("silence", {"seconds": "1e9"}, "a silence of 0 s"),
        ("silence", {"group": "gone"}, "fires no more"),
        ("silence", {"alert": "gone"}, "fires no more"),
        ("unsilence", {"id": "none"}, "no silence &#x27;none&#x27; holds"),
    ],
)
def test_a_form_that_cannot_be_done_says_so_on_the_page(
    path: str, fields: dict[str, str], found: str, served: Served, site: Site, url: str
) -> None:
    served.alerts.append(fires("AppSlow"))
    site.look()
    right = {"group": page.group_key({"alertname": "AppSlow"}), "seconds": "60", "reason": "why"}
    answer = form(f"{url}/{path}", None, **{**right, **fields})
    assert answer.status == 409
    text = answer.body.decode()
    assert found in text.partition('id="error"')[2].partition("</p>")[0]
    assert served.silences == {}


def test_who_cannot_ask_alertmanager_does_not_say_that_all_is_well(
    served: Served, url: str, site: Site
) -> None:
    text = shown(url)
    assert "Not known" in text
    assert "Nothing fires" not in text
    served.alerts.append(fires("AppSlow"))
    site.look()
    site.alertmanager = Client("http://127.0.0.1:1")
    site.look()
    text = shown(url)
    assert "Not known: Alertmanager does not answer" in text
    assert "127.0.0.1:1" in text.partition('id="trouble"')[2].partition("</p>")[0]
    assert "AppSlow" in section(text, "firing"), "as it was at the last look"


def test_a_page_that_did_not_change_is_not_sent_again(served: Served, site: Site, url: str) -> None:
    site.look()
    tag = str(fetch(f"{url}/").headers["ETag"])
    site.look()
    assert fetch(f"{url}/", {"If-None-Match": tag}).status == 304
    served.alerts.append(fires("AppSlow"))
    site.look()
    assert fetch(f"{url}/", {"If-None-Match": tag}).status == 200


def test_a_page_asks_nothing_of_anybody_else(url: str) -> None:
    answer = fetch(f"{url}/")
    assert "default-src 'none'" in str(answer.headers["Content-Security-Policy"])
    text = answer.body.decode()
    for path in re.findall(r'(?:src|href)="(/[^"]*\.(?:js|css))"', text):
        assert fetch(f"{url}{path}").status == 200
    assert not re.search(r"https?://", text.partition("<main>")[0])
    assert fetch(f"{url}/nothing").status == 404
    assert form(f"{url}/nothing").status == 404


def test_the_image_holds_all_that_the_process_imports(tmp_path: Path) -> None:
    image = catalogue.load().images["exporter"]
    images.copy_content(image, tmp_path / "context")
    names = "labs.receiver.__main__", "labs.traffic.__main__"
    for name in names:
        subprocess.run(
            [sys.executable, "-c", f"import {name}"],
            cwd=tmp_path / "context",
            env={"PYTHONPATH": str(tmp_path / "context"), "PYTHONSAFEPATH": "1"},
            check=True,
        )


def test_the_manifest_is_what_alertmanager_and_the_lab_speak_to() -> None:
    deployment = yaml.safe_load((HERE / "deployment.yaml").read_text())
    service = yaml.safe_load((HERE / "service.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    image = catalogue.load().images["exporter"]
    assert container["image"] == f"{image.name}:{image.version}"
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    [port] = service["spec"]["ports"]
    main = (PROJECT / "labs" / "receiver" / "__main__.py").read_text()
    assert f"PORT = {port['port']}\n" in main
    assert container["ports"][0]["containerPort"] == port["port"]
    told = yaml.safe_load((HERE.parent / "alertmanager" / "alertmanager.yml").read_text())
    [receiver] = told["receivers"]
    assert receiver["name"] == told["route"]["receiver"] == "lab"
    [hook] = receiver["webhook_configs"]
    assert hook == {"url": f"http://receiver:{port['port']}/alerts", "send_resolved": True}
