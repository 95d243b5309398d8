"""The divergence behind an alert: which page of the console shows what it is about."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labs.platform.alertmanager import Alert, Group, Labels
from labs.receiver.page import SEVERITIES, TOLD_APART, group_key

FOR = "10m"


@dataclass(frozen=True)
class Behind:
    """Where to look: a page's path, its fragment, and words for the link."""

    path: str
    fragment: str
    words: str


@dataclass(frozen=True)
class Card:
    """A group of alerts as the page shows it."""

    key: str
    name: str
    severities: tuple[str, ...]
    labels: Labels
    """Those that tell this group apart."""
    alerts: tuple[Alert, ...]
    command: str
    """How the command line silences it."""


def behind(labels: Labels, places: Mapping[tuple[str, str], str]) -> Behind:
    """Return where what an alert is about can be seen.

    `places` are the workloads: their environment, by namespace and app.
    """
    app = labels.get("app", "")
    where = labels.get("environment") or places.get((labels.get("namespace", ""), app), "")
    if app and where:
        return Behind(f"/workloads/{where}/{app}", "", f"{app} in {where}")
    name = labels.get("kustomization", "")
    if name:
        return Behind("/", f"#kustomization-{name}", f"the Kustomization {name}")
    return Behind("/", "", "the overview")


def cards(groups: Sequence[Group], state: str) -> list[Card]:
    """Return the groups with those of their alerts that are in a state, the most urgent first."""
    found = []
    for group in groups:
        alerts = tuple(one for one in group.alerts if one.state == state)
        if alerts:
            severities = {one.labels.get("severity", "") for one in alerts} - {""}
            name = group.labels.get("alertname", "Alerts")
            labels = {k: v for k, v in group.labels.items() if k not in TOLD_APART}
            key = group_key(group.labels)
            found.append(
                Card(key, name, tuple(sorted(severities)), labels, alerts, _silence(group.labels))
            )
    return sorted(found, key=lambda one: (_urgency(one), one.name, one.key))


def _silence(labels: Labels) -> str:
    name = labels.get("alertname", "")
    rest = ",".join(f"{k}={v}" for k, v in sorted(labels.items()) if k != "alertname")
    narrowed = f" --labels {shlex.quote(rest)}" if rest else ""
    return f'lab silence {shlex.quote(name)} --for {FOR} --reason "…"{narrowed}'


def _urgency(card: Card) -> int:
    known = [*SEVERITIES]
    return min((known.index(one) for one in card.severities if one in known), default=len(known))
