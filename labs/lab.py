"""What a notebook calls: `from labs import lab` is its only import of ours.

The same functions stand behind the `lab` command, so a reader may work in either.
"""

from __future__ import annotations

from pathlib import Path
from types import EllipsisType

from labs import catalogue, readiness, show
from labs.alerting import alerts, silence, unsilence
from labs.errors import LabError
from labs.gitops.verbs import (
    automate,
    deautomate,
    history,
    images,
    lock,
    policy,
    release,
    render,
    rollback,
    sync,
    traffic,
    unlock,
    workloads,
)
from labs.gitops.wager import bet
from labs.instance import Instance
from labs.metrics import magic
from labs.platform import keys, kubernetes
from labs.progress import Progress
from labs.seats import export as seats
from labs.seats import shown
from labs.seats.summary import standing
from labs.shell import visible
from labs.solve import solve
from labs.step import Attempt, CheckFailed, happened
from labs.watching import follow, wait, watch

__all__ = [
    "alerts",
    "automate",
    "bet",
    "check",
    "cluster",
    "compare",
    "dashboard",
    "deautomate",
    "export",
    "follow",
    "help",
    "hint",
    "history",
    "images",
    "labs",
    "lock",
    "policy",
    "predict",
    "progress",
    "release",
    "render",
    "rollback",
    "sh",
    "silence",
    "solve",
    "start",
    "sync",
    "traffic",
    "unlock",
    "unsilence",
    "wait",
    "watch",
    "workloads",
]

magic.register()

_patience = 120.0
"""Seconds that a check waits for what is under way."""


def start(name: str | int, timeout: float = _patience) -> None:
    """Open a lab: what it is, what it changes, what it still waits for. Resets nothing.

    `timeout` is how many seconds its checks wait for what is under way.
    """
    global _patience
    lab = catalogue.lab_named(name)
    if timeout <= 0:
        raise LabError(
            f"timeout={timeout}", expected="seconds, more than 0", todo="leave it out: 120 s"
        )
    _patience = float(timeout)
    instance = Instance.current()
    if keys.put_back(instance):  # lab 03 hides it, and a reader may have left in between
        show.line("The kubeconfig was still hidden: it is back in its place.")
    state = Progress(instance)
    again = state.started(lab.name)
    core = sum(not step.stretch for step in lab.steps)
    stretch = len(lab.steps) - core
    lines = [
        f"**{lab.heading}** · about {lab.minutes} minutes · {_count(core, 'core step')}"
        + (f" · {_count(stretch, 'stretch step')}" if stretch else ""),
        f"**It changes** {lab.changes}.",
        _waits(instance, lab),
    ]
    if again:
        done = [step for step in lab.steps if state.done(step.id)]
        left = [step for step in lab.steps if not state.done(step.id)]
        lines.append(
            f"**You are back**: {len(done)} of {len(lab.steps)} steps done"
            + (f"; next is “{left[0].title}”." if left else ". Nothing is left to do here.")
        )
    show.markdown("\n\n".join(lines))


def check(step_id: str, answer: object = ...) -> None:
    """Check a step: one line if it is done, else raise CheckFailed with three."""
    _, step = catalogue.step_named(step_id)
    instance = Instance.current()
    state = Progress(instance)
    if step.kind == "predict":
        compare(step_id)
        state.tried(step_id, passed=True)
        return
    passing = show.Passing()
    attempt = Attempt(
        instance,
        answer,
        _patience,
        lambda seen, waited: passing.update(f"… {waited:.0f} s: {seen}"),
    )
    try:
        line = step.check(attempt)
    except LabError as failed:
        passing.end()
        state.tried(step_id, passed=False, error=failed)
        if isinstance(failed, CheckFailed):
            raise
        raise CheckFailed(failed.found, expected=failed.expected, todo=failed.todo) from failed
    passing.end()
    state.tried(step_id, passed=True)
    show.line(f"✓ {step.title}: {line}")


def hint(step_id: str) -> None:
    """Show the next hint: the first two ask, the third tells, and stays."""
    _, step = catalogue.step_named(step_id)
    if not step.hints:
        show.line(f"“{step.title}” asks for a guess: any guess is right. Put it in and go on.")
        return
    number = Progress(Instance.current()).hinted(step_id, len(step.hints))
    show.markdown(f"**Hint {number} of {len(step.hints)}.** {step.hints[number - 1]}")


def predict(step_id: str, answer: object) -> None:
    """Record what the reader expects to happen. Never fails: a guess is never wrong."""
    _, step = catalogue.step_named(step_id)
    if isinstance(answer, EllipsisType) or answer is None:
        show.line("No guess yet. Put yours in place of the dots, and run the cell again.")
        return
    Progress(Instance.current()).predict(step_id, answer)
    show.line(f"Noted, your guess for “{step.title}”: {answer}")


def compare(step_id: str) -> None:
    """Show the reader's prediction beside what happened. Never fails."""
    _, step = catalogue.step_named(step_id)
    instance = Instance.current()
    guess = Progress(instance).prediction(step_id)
    fact = happened(step, Attempt(instance, timeout=_patience))
    show.markdown(
        f"**{step.title}**\n\n| you expected | what happened |\n|---|---|\n"
        f"| {guess or '(you made no guess)'} | {fact or 'not known yet: go on, then look again'} |"
    )


def sh(script: str, timeout: float = 600) -> None:
    """Run a bash script as in the terminal, show what it prints. Raises CommandFailed.

    It runs in the clone of the config repo; `timeout` is in seconds.
    """
    visible(Instance.current(), script, timeout=timeout)


def cluster() -> kubernetes.Cluster:
    """Return the reader's cluster, to list and get its objects as plain dicts."""
    return kubernetes.api(Instance.current())


def dashboard(name: str, minutes: float = 15) -> None:
    """Draw a dashboard of your clone, such as `app`, over the last `minutes`. Raises LabError."""
    from labs.metrics import dashboard as boards

    boards.show(Instance.current(), name, minutes)


def progress(name: str | int | None = None) -> None:
    """Show which steps are done and tried, the time spent and the hints: of one lab or of all."""
    labs = standing(Progress(Instance.current()).read()).labs
    if name is None:
        shown.progress(labs, steps=False)
        return
    number = catalogue.lab_named(name).number
    shown.progress([one for one in labs if one.lab.number == number], steps=True)


def export(path: str | Path, name: str = "") -> None:
    """Write your progress into a file that `make board` takes; without a name unless you give one.

    Raises LabError where the file cannot be written.
    """
    seats.write(Instance.current(), Path(path), name)
    whose = f"as {name!r}" if name else "without a name"
    show.line(f"{Path(path).absolute()}: your progress, {whose}")


def help() -> None:  # noqa: A001 - a reader types `lab.help()`
    """Note your last failure, and what is needed to understand it, in your seat's file."""
    from labs.seats import asking

    asking.ask(Instance.current())


def labs() -> None:
    """Show the labs in their order."""
    show.markdown(catalogue.table())


def _waits(instance: Instance, lab: catalogue.Lab) -> str:
    parts = readiness.missing(instance, lab.needs)
    if not parts and not lab.needs:
        return "**It waits for** nothing."
    if not parts:
        return "**It waits for** nothing: all that it needs is there."
    total = sum(part.seconds_left for part in parts)
    about = f", about {readiness.duration(total)} in all" if total else ""
    return (
        f"**It waits for** {_count(len(parts), 'part')} still being made{about}. "
        f"Read on meanwhile.\n\n{readiness.summary(parts)}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
