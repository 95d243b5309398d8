"""The checks of lab `incident` up to the alert: a rule, traffic, a good release, and a bad one."""

from __future__ import annotations

from datetime import UTC

from labs.exercises.automate_checks import on_its_way
from labs.exercises.drift_evidence import seen_before
from labs.exercises.evidence import live, way
from labs.exercises.incident_evidence import BAD, GOOD, Span, alerts, fired, released
from labs.exercises.monitoring_evidence import (
    LOOK,
    TESTS,
    Additions,
    bringer,
    in_force,
    loaded,
    refuse_kept_back,
    texts,
    values,
)
from labs.exercises.monitoring_proof import refuse_unproved
from labs.exercises.releases import APP, Move, fetched, moves, state
from labs.gitops import ci, monitoring
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.monitoring.check import RULES
from labs.instance import Instance
from labs.platform import registry
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

TRAFFIC = f"{monitoring.FOLDER}/traffic/deployment.yaml"
RATE = 40.0
"""Requests a second that the lab asks for: enough to tell a version that fails under traffic."""
NEVER = "vector(0) > 1"
"""An expression in an alert's place with which it never fires."""


def alert_rule(attempt: Attempt) -> str:
    """Wait until an alerting rule of the reader's is in force, whose test proves it both ways."""
    instance = attempt.instance
    repo = fetched(instance)
    added = Additions(repo)
    mine = added.rules("alert")
    if not mine:
        refuse_kept_back("the new alert", lambda revision: bool(added.rules("alert", revision)))
        raise NotDone(
            f"{RULES} has the alerts that it came with, and no other",
            expected="an alert of yours with its test, in a pushed commit",
            todo=f"write {RULES}/burn.yml and {TESTS}/burn.yml, `lab lint`, commit, push",
        )
    rule = mine[-1]
    commit = bringer(repo, rule.path, lambda sha: added.has_rule(rule, sha))
    assert commit is not None
    refuse_unproved(repo, rule, (NEVER,))
    if not _rests(repo, rule.name):
        raise CheckFailed(
            f"no test says when {rule.name} does not fire",
            expected="an `alertname` without `exp_alerts` at a time at which all is well",
            todo=f"one more entry below `alert_rule_test` in {TESTS}, commit, push",
        )
    live(attempt, commit)
    attempt.wait(lambda: in_force(instance, rule.name), what=f"{rule.name} in force", todo=LOOK)
    return f"{commit}: {rule.name} is in force, and its test knows when it fires and when not"


def traffic(attempt: Attempt) -> str:
    """Wait until the visitors that a commit has sent are counted by the app."""
    instance = attempt.instance
    repo = fetched(instance)
    commit = bringer(repo, TRAFFIC, lambda sha: _visitors(repo, sha) >= RATE)
    if commit is None:
        refuse_kept_back("traffic", lambda revision: _visitors(repo, revision) >= RATE)
        raise NotDone(
            f"{TRAFFIC} sends {_visitors(repo, UPSTREAM):g} requests a second",
            expected=f"1 pod that sends {RATE:g}, by a pushed commit of yours",
            todo=f'`replicas: 1` and `value: "{RATE:g}"` below TRAFFIC_RATE, commit, push',
        )
    seen = live(attempt, commit)
    now = _visitors(repo, UPSTREAM)
    if now < RATE:
        return f"{commit} sent {RATE:g} requests a second; by now Git says {now:g}"

    def counted() -> float:
        found = values(instance, "sum(rate(hello_http_requests_total[20s]))")
        rate = found[0].value if found else 0.0
        if rate < now / 2:
            raise NotYet(f"the app counts {rate:.1f} requests a second")
        return rate

    rate = attempt.wait(
        counted,
        what=f"about {now:g} requests a second",
        todo="`kubectl logs deployment/traffic -n monitoring`",
    )
    return f"{commit} ({way(seen)}): the app counts {rate:.0f} requests a second"


def good(attempt: Attempt) -> str:
    """Wait until the good version is live; return who released it."""
    first = _come(attempt, GOOD, f"`lab app commit {GOOD} --wait`")
    return f"{first} by {first.commit.author.name}: {way(live(attempt, first.commit))}"


def noticed_fact(attempt: Attempt) -> str:
    """Return who noticed the bad version, and after how long. Raises NotYet before that."""
    instance = attempt.instance
    found = _burnt(instance, fetched(instance))
    if found is None:
        if seen_before(instance, "fires"):
            return "your alert: tests, probes and Flux were content with it to the end"
        raise NotYet("nobody has noticed anything yet")
    move, _, span = found
    after = (span.first - move.commit.when).total_seconds()
    return (
        f"tests, probes and Flux did not; your alert did, {after:.0f} s after {move.commit.short}"
    )


def fires(attempt: Attempt) -> str:
    """Wait until the reader's alert fires for the bad version; return after how long it did."""
    instance = attempt.instance
    repo = fetched(instance)
    if not alerts(repo):
        raise NotDone(
            "there is no alert of yours, so nobody can hear it",
            expected="the alert of this lab's first step",
            todo='`lab.hint("alert-rule")`',
        )
    _come(attempt, BAD, "`lab app commit next --wait`, and then watch")

    def heard() -> tuple[Move, str, Span]:
        found = _burnt(instance, repo)
        if found is None:
            ratio = values(instance, "max(app:http_errors:ratio_rate1m) or vector(0)")
            raise NotYet(f"{ratio[0].value:.1%} of the last minute's requests failed")
        return found

    if moves(repo)[0].after == BAD:
        live(attempt, moves(repo)[0].commit)
    elif _burnt(instance, repo) is None:  # nothing is to come of waiting
        if seen_before(instance, "fires"):
            return "done before; Prometheus' record of it is gone since"
        raise NotDone(
            f"{BAD} came and went, and no alert of yours has fired for it",
            expected=f"traffic and {BAD} together, until the alert fires",
            todo=f"`lab release {APP} {BAD}`, and then watch",
        )
    move, alert, span = attempt.wait(
        heard,
        what="your alert firing",
        todo="is traffic on? `%promql app:http_requests:rate1m`; then check again",
    )
    after = (span.first - move.commit.when).total_seconds()
    return f"{alert} fires {after:.0f} s after {move}, which nobody had announced"


def _burnt(instance: Instance, repo: ConfigRepo) -> tuple[Move, str, Span] | None:
    """Return a move to the bad version, the alert that it set off, and when; None: none has."""
    for move in released(repo, BAD):
        for alert in alerts(repo):
            span = fired(instance, alert, move.commit.when.astimezone(UTC))
            if span is not None:
                return move, alert, span
    return None


def _come(attempt: Attempt, version: str, command: str) -> Move:
    """Wait for the first move to a version, if its image is there or being built.

    Raises NotDone where nothing is under way, or nobody would release it.
    """
    instance = attempt.instance

    def committed() -> Move:
        found = [move for move in released(fetched(instance), version) if move.before != BAD]
        if not found:
            raise NotYet(on_its_way(instance, version))
        return found[-1]

    try:
        return committed()
    except NotYet as silent:
        now = state(fetched(instance))
        by_bot = now.automated and now.takes(version)
        built = version in registry.tags(instance, APP)
        if not by_bot or not (built or any(not run.has_ended for run in ci.runs(instance, 5))):
            by_hand = "" if by_bot else f"; then `lab release {APP} {version}`"
            raise NotDone(
                f"no commit has ever brought {version} to production; it is to run {now.version}",
                expected="a colleague's commit, CI's image, and the bot's or your release of it",
                todo=f"{command}{by_hand}",
            ) from silent
    return attempt.wait(
        committed,
        what=f"a release of {version}",
        todo="`lab automation status` and `flux get images all` show where it stops",
    )


def _visitors(repo: ConfigRepo, revision: str) -> float:
    """Return the requests a second that a commit asks for; '' is the working folder."""
    folder = TRAFFIC.rpartition("/")[0]
    spec = loaded(texts(repo, folder, revision).get(TRAFFIC, "")).get("spec") or {}
    try:
        [container] = spec["template"]["spec"]["containers"]
        rates = [one["value"] for one in container["env"] if one["name"] == "TRAFFIC_RATE"]
        return float(int(spec["replicas"]) * float(rates[0]))
    except (KeyError, IndexError, TypeError, ValueError):
        return 0.0


def _rests(repo: ConfigRepo, name: str) -> bool:
    """Return whether a test says of a moment that an alert does not fire."""
    return any(
        one.get("alertname") == name and not one.get("exp_alerts")
        for text in texts(repo, TESTS).values()
        for test in loaded(text).get("tests") or []
        for one in test.get("alert_rule_test") or []
    )
