"""The checks of lab `monitoring` on what a commit brings: Prometheus, a target, a rule."""

from __future__ import annotations

import math

from labs.exercises.evidence import live, way
from labs.exercises.monitoring_evidence import (
    LOOK,
    SCRAPE,
    TESTS,
    Additions,
    bringer,
    in_force,
    refuse_kept_back,
    there,
    values,
)
from labs.exercises.monitoring_proof import refuse_unproved
from labs.exercises.releases import fetched
from labs.gitops import instances, monitoring
from labs.gitops.clone import UPSTREAM
from labs.gitops.monitoring.check import RULES
from labs.platform.prometheus import BadQuery
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

REQUESTS = "sum(rate(hello_http_requests_total[1m]))"
"""How many requests the app answers a second, all its pods and paths together."""
NEAR = 0.01
"""By which part an answer may be off: who sums in another order rounds in another place."""
ODD = "vector(1234.5)"
"""An expression that no test can expect."""


def brought(attempt: Attempt) -> str:
    """Wait until Prometheus answers, which a pushed commit has brought."""
    instance = attempt.instance
    repo = fetched(instance)
    path = monitoring.wiring_path(instances.folder(instance))
    commit = bringer(repo, path, lambda sha: bool(repo.text(path, sha)))
    if commit is None or not repo.text(path, UPSTREAM):
        refuse_kept_back(path, lambda revision: there(repo, path, revision))
        raise NotDone(
            f"no {path} in the config repo: nobody applies the folder {monitoring.FOLDER}/",
            expected="that file, in a pushed commit of yours",
            todo="`lab monitoring files` writes it into your clone; look, commit, push",
        )
    seen = live(attempt, commit)

    def scraping() -> int:
        up = values(instance, "up == 1")
        if not up:
            raise NotYet("Prometheus answers, and has not scraped anything yet")
        return len(up)

    targets = attempt.wait(scraping, what="Prometheus at work", todo=LOOK)
    return f"{commit} brought it ({way(seen)}); {targets} targets answer by now"


def requests(attempt: Attempt) -> str:
    """Compare what the reader's query gives with how many requests the app answers a second."""
    if not attempt.answered:
        raise NotDone(
            "no answer: the query for the requests a second is still open",
            expected="PromQL, in quotes, that gives one number",
            todo="`rate(…[1m])` makes a rate of each counter, `sum(…)` one of many",
        )
    instance, mine = attempt.instance, str(attempt.answer).strip()

    def compared() -> tuple[float, list[float]]:
        real = values(instance, REQUESTS)
        if not real or not real[0].value:
            raise NotYet("in the last minute nobody asked the app, as far as Prometheus knows")
        found = values(instance, mine, real[0].when)
        # A scrape has the time at which it began: what ends between two queries changes the past.
        again = values(instance, REQUESTS, real[0].when)
        if not again or not math.isclose(again[0].value, real[0].value):
            raise NotYet("Prometheus has scraped the app meanwhile")
        return real[0].value, [one.value for one in found]

    try:
        real, found = attempt.wait(
            compared,
            what="a request that Prometheus has heard of",
            todo="open the app's page a few times, or run the cell above again; then check again",
        )
    except BadQuery as wrong:
        raise CheckFailed(wrong.found, expected=wrong.expected, todo=wrong.todo) from wrong
    if len(found) != 1:
        raise CheckFailed(
            f"{mine} gives {len(found)} values",
            expected="one: all pods, paths and codes together",
            todo="put `sum( )` round the rates",
        )
    if abs(found[0] - real) > NEAR * real:
        raise CheckFailed(
            f"{mine} gives {found[0]:.3f}, and the app answers {real:.3f} requests a second",
            expected="the rate over the last minute of `hello_http_requests_total`",
            todo="a counter only grows: `rate(…[1m])` is by how much a second",
        )
    return f"{found[0]:.2f} requests a second over the last minute"


def scraped(attempt: Attempt) -> str:
    """Wait until Prometheus scrapes a target that a commit of the reader's has added."""
    instance = attempt.instance
    repo = fetched(instance)
    added = Additions(repo)
    mine = added.jobs()
    if not mine:
        refuse_kept_back("the new scrape job", lambda revision: bool(added.jobs(revision)))
        raise NotDone(
            f"{SCRAPE} has the jobs that it came with, and no other",
            expected="one more, in a pushed commit of yours",
            todo=f"append the job `probes` to {SCRAPE}, `lab lint`, commit, push",
        )
    job = mine[-1]
    commit = bringer(repo, SCRAPE, lambda sha: job in added.jobs(sha))
    assert commit is not None
    live(attempt, commit)

    def up() -> tuple[int, float]:
        found = values(instance, f'up{{job="{job}"}}')
        if not found:
            raise NotYet(f"Prometheus has no target of the job {job} yet")
        down = [one for one in found if not one.value]
        if down:
            raise NotYet(f"{down[0].labels['instance']} of the job {job} does not answer")
        samples = values(instance, f'sum(scrape_samples_scraped{{job="{job}"}})')
        return len(found), samples[0].value if samples else 0.0

    targets, samples = attempt.wait(
        up,
        what=f"a target of the job {job} that answers",
        todo=f'`%promql up{{job="{job}"}}`; the page Targets of Prometheus says what is wrong',
    )
    noun = "target" if targets == 1 else "targets"
    return f"{commit}: {targets} {noun} of the job {job}, {samples:.0f} samples at each scrape"


def recorded(attempt: Attempt) -> str:
    """Wait until a rule of the reader's is in force, whose test proves it."""
    instance = attempt.instance
    repo = fetched(instance)
    added = Additions(repo)
    mine = added.rules("record")
    if not mine:
        refuse_kept_back("the new rule", lambda revision: bool(added.rules("record", revision)))
        raise NotDone(
            f"{RULES} records what it recorded when it came, and nothing else",
            expected="a recording rule with its test, in a pushed commit of yours",
            todo=f"write {RULES}/probes.yml and {TESTS}/probes.yml, `lab lint`, commit, push",
        )
    rule = mine[-1]
    commit = bringer(repo, rule.path, lambda sha: added.has_rule(rule, sha))
    assert commit is not None
    refuse_unproved(repo, rule, (ODD,))
    live(attempt, commit)

    def computed() -> int:
        in_force(instance, rule.name)
        found = values(instance, rule.name)
        if not found:
            raise NotYet(f"{rule.name} is in force, and has no value yet")
        return len(found)

    series = attempt.wait(
        computed,
        what=f"values of {rule.name}",
        todo=f"`%promql {rule.expr}` shows what the expression gives by itself",
    )
    return f"{commit}: {rule.name} is in force, tested, and has {series} series"
