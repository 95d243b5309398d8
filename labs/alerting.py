"""Alerts for people at this computer: which fire, and how they are silenced for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from labs import show
from labs.errors import LabError
from labs.instance import Instance
from labs.metrics import asked
from labs.platform import alertmanager
from labs.platform.alertmanager import Alert, Silence
from labs.step import Frame

BY = "attendee"
USUAL = "10m"


def alerts() -> None:
    """Show the alerts that fire, and the silences that hold. Raises LabError."""
    client = alertmanager.client(Instance.current())
    found, silences = client.alerts(), client.silences()
    lines = [line for one in found for line in _lines(one)] or ["no alert fires"]
    for each in silences:
        lines.append(f"silence {each.id}  until {_clock(each.until)}, by {each.by}: {each.reason}")
        lines.append(f"  of {' '.join(each.matchers)}")
    show.line("\n".join(lines))


def silence(alert: str, span: str = USUAL, reason: str = "", *, labels: str = "") -> str:
    """Have nobody told of an alert for a time; return the silence's id. Raises LabError.

    `labels` narrows it: `app=hello,namespace=production`.
    """
    instance = Instance.current()
    matchers = {"alertname": alert, **_labels(labels)}
    ident = alertmanager.silence(instance, matchers, _seconds(span), BY, reason)
    client = alertmanager.client(instance)
    [made] = [one for one in client.silences() if one.id == ident]
    show.line(f"silenced until {_clock(made.until)}: {' '.join(made.matchers)}")
    if not any(ident in one.silenced_by for one in client.alerts()):
        show.line("No such alert fires now; should one, nobody is told.")
    show.line(f"`lab unsilence {ident}` ends it")
    return ident


def unsilence(ident: str) -> None:
    """End a silence now. Raises LabError where there is none of this id."""
    alertmanager.unsilence(Instance.current(), ident)
    show.line(f"the silence {ident} has ended")


def view(instance: Instance) -> Frame:
    """Show what fires, in place; what is silenced comes last."""
    try:
        client = alertmanager.client(instance)
        found, silences = client.alerts(), client.silences()
    except LabError as away:  # it may come back while one watches
        return Frame(str(away))
    active = [one for one in found if one.state == "active"]
    quiet = [one for one in found if one.state != "active"]
    lines = [f"{len(active)} firing" if active else "nothing fires"]
    lines += [_line(one) for one in active]
    if quiet:
        lines += [f"{len(quiet)} silenced", *(_line(one, silences) for one in quiet)]
    return Frame("\n".join(lines))


def _lines(alert: Alert) -> list[str]:
    severity = alert.labels.get("severity", "")
    head = f"{alert.name:<24} {severity:<8} {_state(alert)} since {_clock(alert.since)}"
    see = [f"  see it with: {alert.command}"] if alert.command else []
    return [head, f"  {alert.summary}", *see]


def _line(alert: Alert, silences: list[Silence] | None = None) -> str:
    by = [one for one in silences or () if one.id in alert.silenced_by]
    tail = f"  (by {by[0].by} until {_clock(by[0].until)}: {by[0].reason})" if by else ""
    see = f"\n  {'':<24} see it with: {alert.command}" if alert.command and not by else ""
    return f"  {alert.name:<24} since {_clock(alert.since)}  {alert.summary}{tail}{see}"


def _state(alert: Alert) -> str:
    if alert.state == "active":
        return "firing"
    return "silenced" if alert.silenced_by else "held back by another"


def _clock(moment: datetime) -> str:
    """Return a moment as a clock shows it here; one of another day with its date."""
    here = moment.astimezone()
    near = abs(datetime.now().astimezone() - here) < timedelta(hours=12)
    return f"{here:%H:%M:%S}" if near else f"{here:%m-%d %H:%M}"


def _labels(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(name.strip() and mark for name, mark, _ in pairs):
        raise LabError(
            f"labels {text!r}",
            expected="names and values: app=hello,namespace=production",
            todo="`lab alerts` shows what fires; its page shows the labels of each",
        )
    return {name.strip(): value.strip() for name, _, value in pairs}


def _seconds(span: str) -> float:
    try:
        return asked.seconds("for", span)
    except LabError as unreadable:
        raise LabError(
            f"a silence for {span!r}",
            expected="a duration such as 30s, 10m or 1h30m",
            todo=f"`--for {USUAL}`",
        ) from unreadable
