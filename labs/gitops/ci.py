"""CI as a person sees it: which runs there were, how each went, its log, and a run on request.

Each function takes the pipeline that is meant; without one, it is the workshop's own.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ci.secrets_file import signature
from labs.errors import LabError
from labs.instance import Instance
from labs.platform import ci as platform
from labs.platform.ci import GITOPS, Pipeline
from labs.platform.loopback import Answer, fetch, stream
from labs.wait import NotYet, wait_for

ENDED = ("success", "failure", "interrupted")


@dataclass(frozen=True)
class Stage:
    """One step of a run; `seconds` is None while it is at work."""

    name: str
    result: str
    seconds: float | None


@dataclass(frozen=True)
class CiRun:
    """One run of CI. Times are Unix seconds."""

    number: int
    commit: str
    subject: str
    pusher: str
    reason: str
    """Why there is this run: `push`, or in words what else."""
    state: str
    """`queued`, `running`, `success`, `failure` or `interrupted`."""
    attempt: int
    queued: float
    started: float | None
    ended: float | None
    seconds: float | None
    why: str
    """Why it failed or was interrupted."""
    again: int | None
    """The run that repeats it, after an interruption."""
    stages: tuple[Stage, ...]
    image: str
    digest: str
    version: str

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def stage(self) -> str:
        """What it is doing, or what it did last."""
        return self.stages[-1].name if self.stages else ""


def runs(instance: Instance, limit: int = 20, pipeline: Pipeline = GITOPS) -> list[CiRun]:
    """Return the newest runs, the newest first."""
    answer = _answered(instance, pipeline, fetch, f"/runs?limit={limit}")
    return [_run(row) for row in json.loads(answer.body)["runs"]]


def run(instance: Instance, number: int, pipeline: Pipeline = GITOPS) -> CiRun:
    """Return one run. Raises LabError with the known ones."""
    return _run(json.loads(_answered(instance, pipeline, fetch, f"/runs/{number}").body))


def newest(instance: Instance, pipeline: Pipeline = GITOPS) -> CiRun:
    """Return the newest run. Raises LabError if there was none yet."""
    found = runs(instance, 1, pipeline)
    if not found:
        raise LabError(
            "no run of CI yet",
            expected="at least one run",
            todo=f"push a commit to the repo {pipeline.repo}, or `{pipeline.command} run`",
        )
    return found[0]


def of_commit(instance: Instance, commit: str, pipeline: Pipeline = GITOPS) -> CiRun | None:
    """Return the newest run of a commit (its id, or how that begins); None if there is none."""
    return next((r for r in runs(instance, 1000, pipeline) if r.commit.startswith(commit)), None)


def start(
    instance: Instance, commit: str = "", by: str = "attendee", pipeline: Pipeline = GITOPS
) -> CiRun:
    """Queue a run for a commit of the repo (default: the newest). Raises LabError."""
    body = json.dumps({"commit": commit, "by": by}).encode()
    sign = signature(platform.signing_keys(instance, pipeline)["hook"], body)

    def post(url: str) -> Answer:
        return fetch(url, {"X-Signature": sign}, method="POST", body=body)

    return _run(json.loads(_answered(instance, pipeline, post, "/runs").body))


def log(instance: Instance, number: int, pipeline: Pipeline = GITOPS) -> str:
    """Return what a run has said so far."""
    found = _answered(instance, pipeline, fetch, f"/runs/{number}/log")
    return found.body.decode(errors="replace")


def follow(instance: Instance, number: int, pipeline: Pipeline = GITOPS) -> Iterator[str]:
    """Yield a run's log as it grows, until the run has ended."""
    run(instance, number, pipeline)
    url = f"{platform.base_url(instance, pipeline)}/runs/{number}/log?follow"
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        for part in stream(url, timeout=960):
            yield decoder.decode(part)
    except NotYet as broken:
        raise _silent(broken, pipeline) from broken


def wait(
    instance: Instance,
    number: int,
    *,
    timeout: float = 300,
    on_look: Callable[[CiRun], None] = lambda seen: None,
    pipeline: Pipeline = GITOPS,
) -> CiRun:
    """Return the run once it has ended, or the run that repeats it. `timeout` is in seconds."""
    current = number

    def ended() -> CiRun:
        nonlocal current
        seen = run(instance, current, pipeline)
        on_look(seen)
        if seen.again is not None:
            current = seen.again
            raise NotYet(f"run {seen.number} was interrupted, run {current} repeats it")
        if not seen.has_ended:
            raise NotYet(f"run {seen.number} is {seen.state} {seen.stage}".rstrip())
        return seen

    return wait_for(
        ended,
        what=f"the end of CI's run {number}",
        timeout=timeout,
        interval=0.2,
        todo=f"`{pipeline.command} logs {number}` shows how far it is",
    )


def _answered(
    instance: Instance, pipeline: Pipeline, ask: Callable[[str], Answer], path: str
) -> Answer:
    try:
        answer = ask(f"{platform.base_url(instance, pipeline)}{path}")
    except NotYet as silent:
        raise _silent(silent, pipeline) from silent
    if answer.status >= 400:
        said = json.loads(answer.body).get("error", "")
        known = ""
        if path != "/runs":
            known = ", ".join(str(r.number) for r in runs(instance, 5, pipeline))
        raise LabError(
            said,
            expected=f"one of the runs {known}, …" if known else f"a commit of {pipeline.repo}.git",
            todo=f"`{pipeline.command} runs` lists the runs; push the commit first if it is new",
        )
    return answer


def _silent(trouble: NotYet, pipeline: Pipeline) -> LabError:
    return LabError(
        f"CI does not answer: {trouble}",
        expected=f"the dispatcher of the repo {pipeline.repo}",
        todo=f"run `{pipeline.start}`, which starts it",
    )


def _run(row: dict[str, Any]) -> CiRun:
    outputs = row["outputs"]
    plain = (
        *("number", "commit", "subject", "pusher", "reason", "state", "attempt"),
        *("queued", "started", "ended", "seconds", "why", "again"),
    )
    return CiRun(
        **{name: row[name] for name in plain},
        stages=tuple(Stage(s["name"], s["result"], s["seconds"]) for s in row["stages"]),
        image=outputs.get("image", ""),
        digest=outputs.get("digest", ""),
        version=outputs.get("version", ""),
    )
