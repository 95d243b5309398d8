"""Alerts and silences at this computer: listed, watched, and silenced for a while."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labs import alerting, cli_monitoring, watching
from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.platform import alertmanager
from tests.unit.alertmanager_server import Served, fires, serving


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("LAB_NAME", "demo")
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    with serving(tmp_path) as found:
        yield found


def said(*words: str) -> str:
    """Return what a command prints."""
    done = CliRunner().invoke(cli_monitoring.app, words, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_alerts_have_what_a_person_and_a_program_need(served: Served) -> None:
    served.alerts += [fires("AppSlow", app="hello")]
    [found] = alertmanager.alerts(served.lab)
    assert (found.name, found.state) == ("AppSlow", "active")
    assert found.since.isoformat() == "2026-05-04T12:00:00.123000+00:00"
    assert found.labels["app"] == "hello"
    assert found.annotations == {"summary": "AppSlow <happens>", "command": "show AppSlow"}
    ident = alertmanager.silence(served.lab, {"app": "hello"}, 60, "attendee", "the\ntalk")
    [found] = alertmanager.alerts(served.lab)
    assert (found.state, found.silenced_by) == ("suppressed", (ident,))
    [silence] = alertmanager.silences(served.lab)
    assert (silence.matchers, silence.by, silence.reason) == (
        ('app="hello"',),
        "attendee",
        "the talk",
    )
    alertmanager.unsilence(served.lab, ident)
    assert alertmanager.silences(served.lab) == []


def test_the_commands_list_silence_and_end(served: Served) -> None:
    assert said("alerts") == "no alert fires\n"
    served.alerts += [fires("AppSlow", app="hello"), fires("AppSlow", app="shop"), fires("Else")]
    assert said("alerts").count("firing") == 3
    words = said("silence", "AppSlow", "--for", "1h30m", "-r", "the talk", "--labels", "app=hello")
    [ident] = served.silences
    assert 'alertname="AppSlow" app="hello"' in words
    assert f"`lab unsilence {ident}` ends it" in words
    assert "No such alert fires" not in words
    listed = said("alerts")
    assert listed.count("silenced") == 1
    assert "the talk" in listed
    assert "has ended" in said("unsilence", ident)
    assert said("alerts").count("firing") == 3


def test_a_name_that_nothing_fires_under_is_told(served: Served) -> None:
    served.alerts += [fires("AppSlow")]
    assert "No such alert fires now" in said("silence", "AppSlwo", "--reason", "why")


def test_what_cannot_be_silenced_is_told_with_what_can(served: Served) -> None:
    for words, found in (
        (("AppSlow",), "without a reason"),
        (("AppSlow", "--reason", "x", "--for", "soon"), "a silence for 'soon'"),
        (
            ("AppSlow", "--reason", "x", "--for", "30d"),
            "a silence of 2592000 s|a silence of 2.592e",
        ),
        (("AppSlow", "--reason", "x", "--labels", "hello"), "labels 'hello'"),
    ):
        with pytest.raises(LabError, match=found):
            said("silence", *words)
    with pytest.raises(LabError, match="names no label"):
        alertmanager.silence(served.lab, {"app": ""}, 60, "attendee", "why")
    with pytest.raises(LabError, match="no silence 'x' holds"):
        said("unsilence", "x")
    assert served.silences == {}


def test_an_alertmanager_that_is_away_says_what_brings_it(tmp_path: Path) -> None:
    lab = Instance("away", tmp_path / "away")
    write_json(lab.root / "ports.json", {"alertmanager": 1})  # nobody listens on port 1
    with pytest.raises(LabError, match=r"http://127\.0\.0\.1:1/") as caught:
        alertmanager.alerts(lab)
    assert "lab 09" in caught.value.todo
    assert "127.0.0.1:1" in alerting.view(lab).text, "who watches may see it come back"


def test_the_view_changes_only_when_something_does(served: Served) -> None:
    view = watching.view_named("alerts")
    assert view(served.lab).text == "nothing fires"
    served.alerts += [fires("AppSlow"), fires("Else")]
    alertmanager.silence(served.lab, {"alertname": "Else"}, 60, "attendee", "the talk")
    text = view(served.lab).text
    assert text == view(served.lab).text
    assert text.index("1 firing") < text.index("AppSlow") < text.index("1 silenced")
    assert "see it with: show AppSlow" in text
    assert text.endswith(": the talk)")
    assert not view(served.lab).done
