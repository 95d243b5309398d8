"""CI as a person sees it: which runs there were, how each went, its log, and a run on request."""

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


def runs(instance: Instance, limit: int = 20) -> list[CiRun]:
    """Return the newest runs, the newest first."""
    answer = _answered(instance, fetch, f"/runs?limit={limit}")
    return [_run(row) for row in json.loads(answer.body)["runs"]]


def run(instance: Instance, number: int) -> CiRun:
    """Return one run. Raises LabError with the known ones."""
    return _run(json.loads(_answered(instance, fetch, f"/runs/{number}").body))


def newest(instance: Instance) -> CiRun:
    """Return the newest run. Raises LabError if there was none yet."""
    found = runs(instance, 1)
    if not found:
        raise LabError(
            "no run of CI yet",
            expected="at least one run",
            todo="push a commit to the app repo, or `lab ci run`",
        )
    return found[0]


def of_commit(instance: Instance, commit: str) -> CiRun | None:
    """Return the newest run of a commit (its id, or how that begins); None if there is none."""
    return next((r for r in runs(instance, 1000) if r.commit.startswith(commit)), None)


def start(instance: Instance, commit: str = "", by: str = "attendee") -> CiRun:
    """Queue a run for a commit of the app repo (default: the newest). Raises LabError."""
    body = json.dumps({"commit": commit, "by": by}).encode()
    sign = signature(platform.signing_keys(instance)["hook"], body)

    def post(url: str) -> Answer:
        return fetch(url, {"X-Signature": sign}, method="POST", body=body)

    return _run(json.loads(_answered(instance, post, "/runs").body))


def log(instance: Instance, number: int) -> str:
    """Return what a run has said so far."""
    return _answered(instance, fetch, f"/runs/{number}/log").body.decode(errors="replace")


def follow(instance: Instance, number: int) -> Iterator[str]:
    """Yield a run's log as it grows, until the run has ended."""
    run(instance, number)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        for part in stream(f"{platform.base_url(instance)}/runs/{number}/log?follow", timeout=960):
            yield decoder.decode(part)
    except NotYet as broken:
        raise _silent(broken) from broken


def wait(
    instance: Instance,
    number: int,
    *,
    timeout: float = 300,
    on_look: Callable[[CiRun], None] = lambda seen: None,
) -> CiRun:
    """Return the run once it has ended, or the run that repeats it. `timeout` is in seconds."""
    current = number

    def ended() -> CiRun:
        nonlocal current
        seen = run(instance, current)
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
        todo=f"`lab ci logs {number}` shows how far it is",
    )


def _answered(instance: Instance, ask: Callable[[str], Answer], path: str) -> Answer:
    try:
        answer = ask(f"{platform.base_url(instance)}{path}")
    except NotYet as silent:
        raise _silent(silent) from silent
    if answer.status >= 400:
        said = json.loads(answer.body).get("error", "")
        known = ", ".join(str(r.number) for r in runs(instance, 5)) if path != "/runs" else ""
        raise LabError(
            said,
            expected=f"one of the runs {known}, …" if known else "a commit of the app repo",
            todo="`lab ci runs` lists the runs; push the commit first if it is new",
        )
    return answer


def _silent(trouble: NotYet) -> LabError:
    return LabError(
        f"CI does not answer: {trouble}",
        expected="the lab's CI dispatcher",
        todo="run `make up`, which starts it",
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
