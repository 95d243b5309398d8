"""The checks of lab `pipeline` whose proof is a run of CI, a commit or an image: these stay."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labs.exercises.evidence import HELLO
from labs.gitops import ci, horizon
from labs.gitops.app_versions import APP, app_repo, committed, trees, version_in
from labs.gitops.app_versions.trees import VERSION_FILE
from labs.gitops.ci import CiRun
from labs.gitops.clone import UPSTREAM
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.instance import Instance
from labs.platform import registry
from labs.platform.ci import GITOPS, Pipeline
from labs.step import Attempt, CheckFailed, NotDone
from labs.wait import NotYet

FIRST, OWN = "1.0.0", "1.1.0"
LEAK = re.compile(r"^LEAK (\S+) (\S+)$", re.MULTILINE)
"""What the line prints that asks for the key: as it is, and backwards."""
MOST = 100
"""So many runs are looked through for it."""


def first_run(attempt: Attempt) -> str:
    """Wait until the first version of the reader's is an image."""
    return _image(attempt, FIRST)


def own_greeting(attempt: Attempt) -> str:
    """Wait until the second version is an image."""
    return _image(attempt, OWN)


def who_deploys(attempt: Attempt) -> str:
    """Return what the page made of a new image. Raises NotYet before there is one."""
    if registry.digest(attempt.instance, APP, FIRST) is None:
        raise NotYet(f"{FIRST} is not in the registry yet")
    repo = attendees(attempt.instance)
    repo.fetch()
    for commit in reversed(repo.log(UPSTREAM, HELLO, 500)):
        named = re.search(rf"image: \S+/{APP}:(\S+)", repo.text(HELLO, commit.sha))
        if named and named[1] != trees.START:
            return f"nothing, until a commit of the config repo named another: {commit}"
    return f"nothing: Git names {trees.START} for production, so that is what runs"


def red_test(attempt: Attempt) -> str:
    """Find a run that its tests have stopped, and see that it left no image."""
    if found := _stopped(attempt, GITOPS):
        return found
    _until_idle(attempt, GITOPS)
    if found := _stopped(attempt, GITOPS):
        return found
    raise NotDone(
        "no run of CI was stopped by the unit tests",
        expected=f"a pushed commit with {OWN}, and with a shape that does not exist",
        todo=f'in app-repo, {VERSION_FILE}: `VERSION = "{OWN}"`, `SHAPE = "heart"`; commit, push',
    )


def nothing_to_steal(attempt: Attempt) -> str:
    """Find the run of the workshop's own CI in which the attack came up with nothing."""
    found = printed(attempt, GITOPS)
    if found is None:
        raise NotDone(
            "no run of the app repo has printed a line that begins with LEAK",
            expected="the line of the attack in a test of app-repo, pushed",
            todo="append it to tests/test_look.py of app-repo, commit, push, `lab ci logs`",
        )
    if found.plain != "nothing":
        raise CheckFailed(
            f"run {found.run.number} printed LEAK {found.plain[:20]} …",
            expected="LEAK nothing: this runner is given no key to the cluster",
            todo="if it is a key, that is a fault of the lab: `docker logs`, and tell its authors",
        )
    return f"run {found.run.number} printed “LEAK {found.plain}”: it was asked, and has none"


def labels(attempt: Attempt) -> str:
    """Compare the answer with the commit that the second version was built from."""
    if not attempt.answered:
        raise NotDone(
            f"no answer: which commit {APP}:{OWN} was built from is still open",
            expected="the commit's name, seven characters of it or more",
            todo="it is the label org.opencontainers.image.revision, in the output above",
        )
    runs = evidence(attempt.instance, 1000)
    commits = [r.commit for r in runs if r.version == OWN and r.state == "success"]
    mine = str(attempt.answer).strip()
    if len(mine) < 7 or not any(commit.startswith(mine) for commit in commits):
        raise CheckFailed(
            f"{mine!r}",
            expected=f"the commit that CI made {APP}:{OWN} from",
            todo="copy it from the label that ends with `revision`",
        )
    return f"{APP}:{OWN} says of itself that it was built from {mine[:7]}: `git show {mine[:7]}`"


def one_image(attempt: Attempt) -> str:
    """Compare the answer with the stage that stopped the run with the attack."""
    if not attempt.answered:
        raise NotDone(
            "no answer: at which stage the run with the attack stopped is still open",
            expected="a stage's name, as `lab ci show` prints it",
            todo="`lab ci runs` has its number; `lab ci show NUMBER` has its stages",
        )
    refused = [run for run in evidence(attempt.instance) if run.why == "Push image failed"]
    if str(attempt.answer).strip().lower() != "push image" or not refused:
        raise CheckFailed(
            f"{attempt.answer!r}",
            expected="the stage whose result is `failure`",
            todo="`lab ci show` prints the newest run's; the last stage of the list is the one",
        )
    return f"run {refused[0].number}: all tests pass, and the registry keeps the image it has"


def evidence(instance: Instance, most: int = MOST, pipeline: Pipeline = GITOPS) -> list[CiRun]:
    """Return the newest runs since the lab was last put back to the start of one of its labs."""
    since = horizon.put_back_at(instance)
    return [run for run in ci.runs(instance, most, pipeline) if run.queued >= since]


@dataclass(frozen=True)
class Printed:
    """What a run has printed where it was asked for a key."""

    run: CiRun
    plain: str
    backwards: str


def printed(attempt: Attempt, pipeline: Pipeline) -> Printed | None:
    """Return what the newest run that was asked for a key has printed, or None: none was."""
    if found := leaked(attempt.instance, pipeline):
        return found
    _until_idle(attempt, pipeline)
    return leaked(attempt.instance, pipeline)


def leaked(instance: Instance, pipeline: Pipeline) -> Printed | None:
    """Look for such a line in the logs that there are."""
    for run in evidence(instance, pipeline=pipeline):
        if found := LEAK.search(ci.log(instance, run.number, pipeline)):
            return Printed(run, found[1], found[2])
    return None


def _image(attempt: Attempt, number: str) -> str:
    """Wait for a version's image; say which run made it of which commit."""
    instance = attempt.instance
    digest = registry.digest(instance, APP, number)
    if digest is None:
        digest = _built(attempt, number)
    for run in evidence(instance, 1000):
        if run.digest == digest and run.version == number:
            took = f"{run.seconds:.0f} s" if run.seconds is not None else "a while"
            made = f"run {run.number} made it of {run.commit[:7]} {run.subject!r} in {took}"
            return f"{APP}:{number} is in the registry ({digest[:19]}); {made}"
    return f"{APP}:{number} is in the registry ({digest[:19]})"


def _built(attempt: Attempt, number: str) -> str:
    """Return the digest of an image that is under way. Raises NotDone where none is."""
    instance = attempt.instance
    repo = app_repo(instance)
    repo.fetch()
    commits = committed(repo).get(number)
    if not commits:
        raise not_pushed(repo, number)
    run = ci.of_commit(instance, commits[0].sha)
    if run is None:
        raise CheckFailed(
            f"{commits[0]} is pushed, and CI has no run of it",
            expected="a run for each push to main",
            todo="`lab ci run` queues one; `make status` shows whether CI is well",
        )
    ended = _wait(attempt, run, GITOPS)
    digest = registry.digest(instance, APP, number)
    if digest is None:
        raise NotDone(
            f"no image of {number}: CI's run {ended.number} ended with {ended.why!r}",
            expected=f"a commit of {number} that passes lint and tests",
            todo=f"`lab ci logs {ended.number}` says what is amiss; mend it, commit, push",
        )
    return digest


def not_pushed(repo: ConfigRepo, number: str) -> CheckFailed:
    """Return how far a version is that the server does not have."""
    file = repo.path / VERSION_FILE
    here = version_in(file.read_text()) if file.exists() else ""
    if here != number:
        return NotDone(
            f"no commit of version {number}; {VERSION_FILE} in app-repo says {here!r}",
            expected=f'a pushed commit with `VERSION = "{number}"`',
            todo=f"change {VERSION_FILE} in app-repo, then `git commit --all`, `git push`",
        )
    if version_in(repo.text(VERSION_FILE, "HEAD")) != number:
        return CheckFailed(
            f"{VERSION_FILE} says {number}, and that is not committed",
            expected="a commit, pushed",
            todo=f'in app-repo: `git commit --all --message "Version {number}"`, `git push`',
        )
    return CheckFailed(
        f"{repo.commit()} is committed, and not pushed",
        expected="a commit that the Git server has: it tells CI",
        todo="in app-repo: `git push` (`git pull` before it, if the server has more)",
    )


def _stopped(attempt: Attempt, pipeline: Pipeline) -> str:
    """Return which run its tests have stopped, in words; '' if none."""
    instance = attempt.instance
    tags = registry.tags(instance, APP)
    for run in evidence(instance, pipeline=pipeline):
        tag = f"sha-{run.commit[:12]}"
        # Where there is a tag, another run of that commit has made an image of it.
        if run.why == "Unit tests failed" and tag not in tags:
            return f"run {run.number} ({run.subject!r}): {run.why}, and there is no {APP}:{tag}"
    return ""


def _until_idle(attempt: Attempt, pipeline: Pipeline) -> None:
    """Wait for the newest run, if it has not ended."""
    newest = ci.runs(attempt.instance, 1, pipeline)
    if newest and not newest[0].has_ended:
        _wait(attempt, newest[0], pipeline)


def _wait(attempt: Attempt, run: CiRun, pipeline: Pipeline) -> CiRun:
    def on_look(seen: CiRun) -> None:
        if attempt.on_wait is not None:
            attempt.on_wait(f"run {seen.number}: {seen.stage or seen.state}", seen.seconds or 0.0)

    return ci.wait(
        attempt.instance, run.number, timeout=attempt.timeout, on_look=on_look, pipeline=pipeline
    )
