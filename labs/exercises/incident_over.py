"""The checks of lab `incident` after the alert: the culprit, the rollback, what keeps it away."""

from __future__ import annotations

import time
from datetime import UTC

from labs.exercises import drift_evidence as evidence
from labs.exercises.drift_evidence import seen_before
from labs.exercises.evidence import MOST, live, value, way
from labs.exercises.incident_evidence import (
    BAD,
    GOOD,
    Span,
    alerts,
    begun,
    fired,
    released,
    rolled_back,
)
from labs.exercises.monitoring_evidence import values
from labs.exercises.releases import APP, Move, State, fetched, refuse_kept_back, state
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo
from labs.instance import Instance
from labs.platform import alertmanager, kubernetes
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

DRIFT = "DriftCorrected"
"""The alert that comes with the lab, on a change by hand that Flux has undone."""
BY_HAND = 'object_namespace="production"'
ONCE_MORE = "`lab alerts`; if it has none of it, do the same once more, and check again"
"""What a commit rolls out at that moment hides a correction: its number is a lower bound."""
SPAN = 30.0
"""Seconds that Prometheus is asked about at least: of fewer it may have but one sample."""


def culprit(attempt: Attempt) -> str:
    """Compare the answer with the commit that brought the bad version."""
    repo = fetched(attempt.instance)
    if not attempt.answered:
        raise NotDone(
            "no answer: which commit made the errors begin is still open",
            expected="a commit's name, seven characters or more, in quotes",
            todo=f"the picture has a line where it begins; `lab history {APP} -n 5` names commits",
        )
    mine = str(attempt.answer).strip()
    found = [
        move for move in released(repo, BAD) if len(mine) >= 7 and move.commit.sha.startswith(mine)
    ]
    if not found:
        raise CheckFailed(
            f"{mine!r}",
            expected="the commit at whose time the errors begin to rise",
            todo=f"`lab history {APP} -n 5`: which version came just before that?",
        )
    return f"{found[0]} by {found[0].commit.author.name}: {found[0].commit.subject!r}"


def clear_fact(attempt: Attempt) -> str:
    """Return how long after the rollback the alert was over. Raises NotYet before that."""
    instance = attempt.instance
    found = _cleared(instance, fetched(instance))
    if found is None or not found[1].over:
        if found is None and seen_before(instance, "rolled-back"):
            return "it went by itself, once the last minute had no more than one failure in ten"
        raise NotYet("it is not over yet")
    move, span = found
    after = (span.last - move.commit.when).total_seconds()
    return f"the alert fired for another {after:.0f} s: it looks at a whole minute"


def rolled_back_and_clear(attempt: Attempt) -> str:
    """Wait until a rollback through Git is live, and the alert is over."""
    instance = attempt.instance
    repo = fetched(instance)
    found = rolled_back(repo)
    if not found:
        refuse_kept_back(repo, GOOD)
        raise NotDone(
            f"production is to run {state(repo).version}, and the bot is free to see to that",
            expected="one commit that takes the version back and has the bot rest",
            todo=f'`lab rollback {APP} --reason "…"`',
        )
    seen = live(attempt, found[0].commit)

    def over() -> str:
        names = "|".join(alerts(repo))
        now = values(instance, f'ALERTS{{alertname=~"{names}",alertstate="firing"}}')
        if now:
            raise NotYet(f"{now[0].labels['alertname']} fires; it looks at a whole minute")
        ended = _cleared(instance, repo)
        if ended is None:
            return "no alert fires"
        after = (ended[1].last - ended[0].commit.when).total_seconds()
        return f"the alert was over {after:.0f} s after the commit"

    told = attempt.wait(over, what="the alert over", todo=f"`lab history {APP}`; then check again")
    reason = found[0].commit.trailers.get("Lab-Reason", "")
    return f"{found[0]} ({reason or 'no reason given'}): {way(seen)}; {told}"


def closed(attempt: Attempt) -> str:
    """Wait until production is automated again, by a policy that leaves the bad version out."""
    repo = fetched(attempt.instance)
    found = _free(repo)
    if found is None:
        raise NotDone(
            _in_the_way(state(repo)) or "nothing was rolled back yet",
            expected=f"automation that is on, and whose range leaves {BAD} out",
            todo=f'`lab policy {APP} ">=1.0.0, !=1.3.0, !={BAD}"`, then `lab automate {APP}`',
        )
    live(attempt, found)
    now = state(repo, found.sha)
    return f"{found.short}: {now.version}, automation on, versions {now.range!r}"


def diverged(attempt: Attempt) -> str:
    """Wait until the alert on a change by hand fires; return what it says."""
    instance = attempt.instance
    since = begun(instance)

    def told() -> Span:
        span = fired(instance, DRIFT, since, BY_HAND)
        if span is None:
            raise NotYet("Flux has undone it, and Prometheus has not been told yet")
        return span

    try:
        span = told()
    except NotYet as silent:
        if seen_before(instance, "diverged"):
            return "done before; Prometheus' record of it is gone since"
        if not _by_hand(instance, since.timestamp()):
            raise NotDone(
                "nobody has changed production by hand since the lab began, as far as is known",
                expected="a change with kubectl, which Flux has taken back",
                todo=f"`kubectl scale deployment/{APP} --replicas=4 -n production`; Flux looks "
                "every 30 s",
            ) from silent
        span = attempt.wait(told, what=f"{DRIFT} firing", todo=ONCE_MORE)
    return f"{DRIFT} fired at {span.first.astimezone():%H:%M:%S}; Flux had undone it by then"


def silenced(attempt: Attempt) -> str:
    """Return the silence that holds, with its end and its reason."""
    found = alertmanager.silences(attempt.instance)
    if found:
        one = found[-1]
        until = f"{one.until.astimezone():%H:%M:%S}"
        return f"{' '.join(one.matchers)} until {until}, by {one.by}: {one.reason!r}"
    if seen_before(attempt.instance, "silenced"):
        return "done before; a silence ends by itself, and none holds now"
    raise NotDone(
        "no silence holds",
        expected="one of an alert, with an end and a reason",
        todo=f'`lab silence {DRIFT} --for 10m --reason "…"`',
    )


def _by_hand(instance: Instance, since: float) -> bool:
    """Return whether production was changed by hand after a moment, in Unix seconds."""
    cluster = kubernetes.api(instance)
    now = evidence.deployment(cluster)
    says = value(fetched(instance), "replicas", UPSTREAM)
    if says and now is not None and str(now["spec"]["replicas"]) != says:
        return True  # Flux has not looked yet
    if evidence.corrections(cluster, since, f"Deployment/{evidence.NAMESPACE}/{APP}"):
        return True
    # The exporter sees the other objects, too.
    span = max(time.time() - since, SPAN)
    metric = f"gitops_drift_corrected_total{{{BY_HAND}}}[{span:.0f}s]"
    # By increase(), which a restart of the exporter takes nothing from.
    return any(one.value > 0 for one in values(instance, f"increase({metric})"))


def _cleared(instance: Instance, repo: ConfigRepo) -> tuple[Move, Span] | None:
    """Return the first rollback while an alert of the reader's fired, and from when to when."""
    for bad in released(repo, BAD):
        back = [move for move in rolled_back(repo) if move.commit.when >= bad.commit.when]
        for alert in alerts(repo) if back else []:
            span = fired(instance, alert, bad.commit.when.astimezone(UTC))
            if span is not None and span.last >= back[-1].commit.when:
                return back[-1], span
    return None


def _free(repo: ConfigRepo) -> Commit | None:
    """Return the first commit after a rollback in which the bot is at work, and may not err."""
    back = rolled_back(repo)
    if not back:
        return None
    since = repo.log(f"{back[-1].commit.parents[0]}..{UPSTREAM}", most=MOST)
    return next((each for each in reversed(since) if not _in_the_way(state(repo, each.sha))), None)


def _in_the_way(now: State) -> str:
    """Return what keeps production from being free, in words; '' where nothing does."""
    found = [
        "" if now.automated else "its automation is suspended",
        f"the range {now.range!r} takes {BAD}" if now.takes(BAD) else "",
        f"it is to run {BAD}" if now.version == BAD else "",
    ]
    return ", ".join(part for part in found if part)
