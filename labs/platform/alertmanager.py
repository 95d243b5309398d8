"""What Alertmanager knows: the alerts that fire, and the silences. The only module that asks it.

Notebooks and the `lab` command ask it at its port of this computer; the page in the cluster
(labs/receiver) asks it at its Service. So nothing is imported here that this page's image lacks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from labs.errors import LabError
from labs.instance import Instance
from labs.platform.loopback import fetch
from labs.wait import NotYet

SECONDS = 10.0
"""How long Alertmanager may take to answer."""
LONGEST = 7 * 86400.0
"""Seconds that a silence may last: one that is forgotten is an alert that nobody ever hears."""
Labels = Mapping[str, str]
OPERATORS = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}


@dataclass(frozen=True)
class Alert:
    """An alert that fires. `suppressed`: nobody is told, for a silence or another alert."""

    name: str
    labels: Labels
    annotations: Labels
    state: Literal["active", "suppressed"]
    since: datetime
    fingerprint: str = ""
    silenced_by: tuple[str, ...] = ()
    """The silences, by their ids."""

    @property
    def summary(self) -> str:
        """What it tells a person."""
        return self.annotations.get("summary") or self.name

    @property
    def command(self) -> str:
        """What shows the cause on the command line, or ''."""
        return self.annotations.get("command", "")


@dataclass(frozen=True)
class Group:
    """Alerts that are told together, and the labels that they share."""

    labels: Labels
    alerts: tuple[Alert, ...]


@dataclass(frozen=True)
class Silence:
    """Whom somebody wants to hear nothing of, until when, and why."""

    id: str
    matchers: tuple[str, ...]
    """Such as `alertname="AppSlow"`; all of them have to hold."""
    by: str
    reason: str
    until: datetime


class Client:
    """Alertmanager at an address."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def alerts(self) -> list[Alert]:
        """Return the alerts that fire, the oldest first. Raises LabError."""
        found = [_alert(one) for one in self._ask("/alerts")]
        return sorted(found, key=lambda one: (one.since, one.name, one.fingerprint))

    def groups(self) -> list[Group]:
        """Return the alerts that fire as they are told together. Raises LabError."""
        found = [
            Group(one["labels"], tuple(_alert(each) for each in one["alerts"]))
            for one in self._ask("/alerts/groups")
        ]
        return sorted(found, key=lambda one: (one.labels.get("alertname", ""), sorted(one.labels)))

    def silences(self) -> list[Silence]:
        """Return the silences that hold, the first to end first. Raises LabError."""
        found = self._ask("/silences")
        return sorted(
            (_silence(one) for one in found if one["status"]["state"] == "active"),
            key=lambda one: one.until,
        )

    def silence(self, matchers: Labels, seconds: float, by: str, reason: str) -> str:
        """Have nobody told of alerts with these labels for a time; return the silence's id.

        Raises LabError.
        """
        if not any(matchers.values()):
            raise LabError(
                "a silence that names no label",
                expected="which alerts it is about, such as alertname=AppSlow",
                todo="name the alert; `lab alerts` lists those that fire",
            )
        if not 0 < seconds <= LONGEST:
            raise LabError(
                f"a silence of {seconds:g} s",
                expected=f"more than none, and {LONGEST / 86400:g} days at most",
                todo="choose a time after which somebody looks again, such as 30m",
            )
        if not reason.strip():
            raise LabError(
                "a silence without a reason",
                expected="a reason, for whoever wonders why nothing is told",
                todo='say why: `--reason "we are at it"`',
            )
        now = datetime.now(UTC)
        body = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in sorted(matchers.items())
            ],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(seconds=seconds)).isoformat(),
            "createdBy": by,
            "comment": " ".join(reason.split()),
        }
        return str(self._ask("/silences", "POST", body)["silenceID"])

    def unsilence(self, ident: str) -> None:
        """End a silence now. Raises LabError where there is none of this id."""
        known = [one.id for one in self.silences()]
        if ident not in known:
            raise LabError(
                f"no silence {ident!r} holds",
                expected=f"one of: {', '.join(known) or 'there is none'}",
                todo="`lab alerts` lists them",
            )
        self._ask(f"/silence/{ident}", "DELETE")

    def _ask(self, path: str, method: str = "GET", body: Mapping[str, Any] | None = None) -> Any:
        url = f"{self._url}/api/v2{path}"
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        try:
            answer = fetch(url, headers, method=method, body=sent, timeout=SECONDS)
        except NotYet as silent:
            raise _away(str(silent)) from silent
        text = answer.body.decode(errors="replace").strip()
        if answer.status != 200:
            raise _away(f"{url} answers {answer.status}: {text[:200] or 'no reason given'}")
        try:
            return json.loads(text) if text else None
        except ValueError as other:
            raise _away(f"{url} answers, and not as Alertmanager: {text[:200]}") from other


def client(instance: Instance) -> Client:
    """Return the lab's Alertmanager, as this computer reaches it."""
    return Client(f"http://127.0.0.1:{instance.port('alertmanager')}")


def alerts(instance: Instance) -> list[Alert]:
    """Return the alerts that fire, the oldest first. Raises LabError."""
    return client(instance).alerts()


def silences(instance: Instance) -> list[Silence]:
    """Return the silences that hold, the first to end first. Raises LabError."""
    return client(instance).silences()


def silence(instance: Instance, matchers: Labels, seconds: float, by: str, reason: str) -> str:
    """Have nobody told of alerts with these labels for a time; return the silence's id."""
    return client(instance).silence(matchers, seconds, by, reason)


def unsilence(instance: Instance, ident: str) -> None:
    """End a silence now. Raises LabError where there is none of this id."""
    client(instance).unsilence(ident)


def _alert(told: Mapping[str, Any]) -> Alert:
    status = told["status"]
    return Alert(
        name=told["labels"].get("alertname", ""),
        labels=told["labels"],
        annotations=told.get("annotations") or {},
        state="suppressed" if status["state"] == "suppressed" else "active",
        since=datetime.fromisoformat(told["startsAt"]),
        fingerprint=told["fingerprint"],
        silenced_by=tuple(status.get("silencedBy") or ()),
    )


def _silence(told: Mapping[str, Any]) -> Silence:
    matchers = (
        f"{one['name']}{OPERATORS[one.get('isEqual', True), one['isRegex']]}"
        f"{json.dumps(one['value'], ensure_ascii=False)}"
        for one in told["matchers"]
    )
    until = datetime.fromisoformat(told["endsAt"])
    return Silence(told["id"], tuple(matchers), told["createdBy"], told["comment"], until)


def _away(found: str) -> LabError:
    return LabError(
        f"Alertmanager is not to be asked: {found}",
        expected="Alertmanager in the namespace `monitoring`, ready",
        todo="`kubectl -n monitoring get pods` shows it; not there: lab 09 brings it by a commit",
    )
