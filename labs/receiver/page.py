"""The page, as HTML. It holds moments, never durations, so it changes only when something does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from string import Template

from labs.errors import LabError
from labs.platform.alertmanager import Alert, Group, Labels, Silence
from labs.receiver.board import Ended, View

TIMES = {"5 minutes": 300, "10 minutes": 600, "30 minutes": 1800, "1 hour": 3600, "4 hours": 14400}
"""How long a silence may be asked for."""
USUAL = 600
ALL = ""
"""Stands for all alerts of a group, where one of them could be named."""
TOLD_APART = ("alertname", "severity", "prometheus")
"""Labels that say nothing beside an alert's name and its badge."""
SEVERITIES = {"page": "▲ page", "ticket": "● ticket"}
"""How urgent an alert is, by shape and word; its colour only repeats it."""
DOCUMENT = Template(files("labs.receiver").joinpath("page.html").read_text())


def render(view: View, error: str = "") -> str:
    """Return the page; `error` says what became of a form that was sent."""
    active = sorted(view.of("active"), key=_urgency)
    quiet = view.of("suppressed")
    count, hushed = _count(active), _count(quiet)
    sign, words = ("▲", f"{count} firing") if count else ("✓", "Nothing fires")
    if view.trouble:
        sign, words = "?", "Not known: Alertmanager does not answer"
    if hushed:
        words += f" · {hushed} silenced"
    silenced = [_silence(one) for one in view.silences]
    silenced += [_group(one, view, quiet=True) for one in quiet]
    return DOCUMENT.substitute(
        title=f"({'?' if view.trouble else count}) Alerts" if view.trouble or count else "Alerts",
        mood={"▲": "bad", "✓": "good"}.get(sign, "unknown"),
        state=escape(f"{sign} {words}"),
        error=_trouble("error", error),
        trouble=_trouble("trouble", view.trouble),
        firing="".join(_group(one, view) for one in active)
        or _nothing("firing", "Not known." if view.trouble else "No alert fires."),
        silenced="".join(silenced) or _nothing("silenced", "Nothing is silenced."),
        ended="".join(_ended(one) for one in view.ended)
        or _nothing("ended", "Nothing has ended since this page was started."),
    )


def group_key(labels: Labels) -> str:
    """Return a name for a group that is the same at each look."""
    text = "\0".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _group(group: Group, view: View, *, quiet: bool = False) -> str:
    key = group_key(group.labels)
    ident = f"{'quiet' if quiet else 'group'}-{key}"
    name = group.labels.get("alertname", "Alerts")
    rows = "".join(_alert(one, view, quiet=quiet) for one in group.alerts)
    severity = {one.labels.get("severity", "") for one in group.alerts}
    badges = "".join(_badge(one) for one in sorted(severity) if one)
    form = "" if quiet else _form(group, key)
    return (
        f'<article id="{ident}" tabindex="-1"><h3>{escape(name)} {badges}</h3>'
        f"{_labels(group.labels)}<ul>{rows}</ul>{form}</article>"
    )


def _alert(alert: Alert, view: View, *, quiet: bool) -> str:
    told = view.told.get(alert.fingerprint)
    heard = f", told {_time(told)}" if told else ""
    if quiet:
        by = [one for one in view.silences if one.id in alert.silenced_by]
        heard = f", silenced by {escape(by[0].by)}" if by else ", held back by another alert"
    more = {key: text for key, text in alert.annotations.items() if key == "description"}
    return (
        f'<li><p class="words">{escape(alert.summary)}</p>'
        + "".join(f"<p>{escape(text)}</p>" for text in more.values())
        + _command(alert.command)
        + f'<p class="soft">since {_time(alert.since)}{heard}</p></li>'
    )


def _form(group: Group, key: str) -> str:
    """Return the form that silences a group, or one of its alerts."""
    which = f'<input type="hidden" name="alert" value="{ALL}">'
    if len(group.alerts) > 1:
        options = "".join(
            f'<option value="{escape(one.fingerprint)}">{escape(one.summary)}</option>'
            for one in group.alerts
        )
        which = (
            f'<label for="which-{key}">What</label><select id="which-{key}" name="alert">'
            f'<option value="{ALL}">all {len(group.alerts)}</option>{options}</select>'
        )
    times = "".join(
        f'<option value="{seconds}"{" selected" if seconds == USUAL else ""}>{words}</option>'
        for words, seconds in TIMES.items()
    )
    return (
        f'<details id="silence-{key}"><summary id="open-{key}">Silence</summary>'
        f'<form method="post" action="/silence"><input type="hidden" name="group" value="{key}">'
        f'{which}<label for="for-{key}">For</label><select id="for-{key}" name="seconds">{times}'
        f'</select><label for="why-{key}">Why</label><input id="why-{key}" name="reason" required '
        f'maxlength="200" autocomplete="off" placeholder="for whoever wonders">'
        f'<button id="do-{key}">Silence it</button></form></details>'
    )


def _silence(silence: Silence) -> str:
    ident = escape(silence.id)
    matchers = "".join(f"<code>{escape(one)}</code> " for one in silence.matchers)
    return (
        f'<article id="of-{ident}" class="silence" tabindex="-1"><h3>{escape(silence.reason)}</h3>'
        f'<p class="labels">{matchers}</p><p class="soft">by {escape(silence.by)}, until '
        f"{_time(silence.until)}; or now: <code>lab unsilence {ident}</code></p>"
        f'<form method="post" action="/unsilence"><input type="hidden" name="id" value="{ident}">'
        f'<button id="end-{ident}">End this silence</button></form></article>'
    )


def _ended(one: Ended) -> str:
    key = group_key({**one.labels, "": one.since.isoformat(timespec="seconds")})
    words = one.annotations.get("summary", "")
    lasted = _duration((one.until - one.since).total_seconds())
    return (
        f'<article id="ended-{key}" class="ended"><h3>✓ {escape(one.name)}</h3>'
        f"<p>{escape(words)}</p>"
        f'<p class="soft">ended {_time(one.until)}, after {lasted}</p></article>'
    )


def _labels(labels: Labels) -> str:
    shown = {key: text for key, text in labels.items() if key not in TOLD_APART}
    words = " ".join(f"<code>{escape(f'{key}={text}')}</code>" for key, text in shown.items())
    return f'<p class="labels">{words}</p>' if words else ""


def _badge(severity: str) -> str:
    kind = severity if severity in SEVERITIES else "other"
    return f'<span class="badge {kind}">{escape(SEVERITIES.get(severity, severity))}</span>'


def _command(command: str) -> str:
    return f'<p class="command"><code>{escape(command)}</code></p>' if command else ""


def _time(moment: datetime) -> str:
    """Return a moment as UTC; page.js makes it the reader's own time, and says how long ago."""
    moment = moment.astimezone(UTC)
    return f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{moment:%d %b %H:%M:%S} UTC</time>'


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _trouble(ident: str, text: str) -> str:
    lines = "<br>".join(escape(line) for line in text.splitlines())
    return f'<p id="{ident}" class="trouble" role="alert">{lines}</p>' if text else ""


def _nothing(ident: str, words: str) -> str:
    return f'<p id="no-{ident}" class="nothing">{words}</p>'


def _urgency(group: Group) -> int:
    """Return where a group stands on the page: what is to wake somebody comes first."""
    known = [*SEVERITIES]
    found = {one.labels.get("severity", "") for one in group.alerts} & set(known)
    return min(map(known.index, found), default=len(known))


def _count(groups: Iterable[Group]) -> int:
    return sum(len(group.alerts) for group in groups)


def silencing(
    view: View, sent: Mapping[str, str], todo: str = "nothing: look at what fires now"
) -> tuple[Mapping[str, str], float, str]:
    """Return what a form asks for: the labels to silence, for how many seconds, and why.

    Raises LabError, with what there is `todo`, where it fires no more.
    """
    labels = _silenced_labels(view, sent.get("group", ""), sent.get("alert", ALL))
    if labels is None:
        raise LabError(
            "what was to be silenced fires no more", expected="an alert that fires", todo=todo
        )
    text = sent.get("seconds", "")
    return labels, float(text) if text.isdecimal() else 0.0, sent.get("reason", "")


def _silenced_labels(view: View, group: str, fingerprint: str) -> Mapping[str, str] | None:
    """Return the labels that a form is about: a group's, or one alert's; None: it fires no more."""
    for one in view.groups:
        if group_key(one.labels) != group:
            continue
        if fingerprint == ALL:
            return one.labels
        return next((each.labels for each in one.alerts if each.fingerprint == fingerprint), None)
    return None
