"""What a seat's progress file says: lab by lab, steps done and tried; and where its reader is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labs import catalogue
from labs.catalogue import Lab
from labs.step import Step


@dataclass(frozen=True)
class StepState:
    """One step of a lab, as far as this seat came with it."""

    step: Step
    done: datetime | None
    """When its check passed; None before that, also where the lab's solution did it."""
    tries: int
    hints: int
    by_lab: bool
    """Whether the lab's own solution did it."""
    failure: Mapping[str, Any] | None
    """What the last check said that did not pass (`found`, `expected`, `next`, `at`, `count`)."""

    @property
    def mark(self) -> str:
        """One word: done, shown (done by the lab), tried, or nothing."""
        if self.done:
            return "shown" if self.by_lab else "done"
        return "tried" if self.tries or self.hints or self.by_lab else ""


@dataclass(frozen=True)
class LabState:
    """One lab, as far as this seat came with it."""

    lab: Lab
    steps: tuple[StepState, ...]
    jumped: bool
    minutes: float | None
    """From its start to the last thing that was done in it; None before it was started."""
    last: datetime | None
    begun: str
    """When it was started, put back, or a step of it was first touched, whichever came last."""

    @property
    def done(self) -> int:
        return sum(step.done is not None for step in self.steps)

    @property
    def next(self) -> StepState | None:
        """The first step that is not done; a stretch step is nobody's next before the others."""
        left = [step for step in self.steps if step.done is None]
        return min(left, key=lambda one: one.step.stretch, default=None)

    @property
    def tried(self) -> int:
        return sum(step.mark == "tried" for step in self.steps)

    @property
    def hints(self) -> int:
        return sum(step.hints for step in self.steps)

    @property
    def word(self) -> str:
        """How the lab stands, in one word."""
        if self.done == len(self.steps):
            return "done"
        if self.jumped:
            return "jumped"
        return "begun" if self.minutes is not None or self.done or self.tried else ""


@dataclass(frozen=True)
class Standing:
    """All labs, and the one that the reader is at."""

    labs: tuple[LabState, ...]
    lab: LabState
    """The lab that was begun last, or in which a step was; the first one before that."""

    @property
    def next(self) -> tuple[LabState, StepState] | None:
        """The next step: of that lab, else of those after it, else of all; None: all are done."""
        later = [one for one in self.labs if one.lab.number > self.lab.lab.number]
        for lab in (self.lab, *later, *self.labs):
            if (step := lab.next) is not None:
                return lab, step
        return None

    @property
    def done(self) -> int:
        """How many steps are done."""
        return sum(one.done for one in self.labs)

    @property
    def steps(self) -> int:
        """How many steps there are, stretch ones too."""
        return sum(len(one.steps) for one in self.labs)

    def text(self) -> str:
        """Return it as lines: the lab, how much of it is done, the step that is next."""
        at = self.lab
        lines = [f"You are at lab {at.lab.heading}: {at.done} of {len(at.steps)} steps are done."]
        if self.next is None:
            return "\n".join([*lines, "All steps of all labs are done."])
        lab, one = self.next
        where = f"notebooks/{lab.lab.notebook}"
        lines.append(f"Next is “{one.step.title}” (`lab check {one.step.id}`), in {where}.")
        if one.failure:
            lines.append(f"Its last check said: {one.failure['found']}")
        return "\n".join(lines)


def standing(progress: Mapping[str, Any]) -> Standing:
    """Return where the reader is, from what labs.progress.Progress reads."""
    labs = tuple(_lab(lab, progress) for lab in catalogue.LABS)
    return Standing(labs, max(labs, key=lambda one: one.begun))


def _lab(lab: Lab, progress: Mapping[str, Any]) -> LabState:
    entry = progress["labs"].get(lab.name, {})
    known = {step.id: progress["steps"].get(step.id, {}) for step in lab.steps}
    steps = tuple(
        StepState(
            step,
            _moment(known[step.id].get("done")),
            int(known[step.id].get("tries", 0)),
            int(known[step.id].get("hints", 0)),
            bool(known[step.id].get("solved_by_lab")),
            progress["failures"].get(step.id),
        )
        for step in lab.steps
    )
    moments = [
        datetime.fromisoformat(one[key])
        for one in known.values()
        for key in ("first", "done", "last")
        if one.get(key)
    ]
    started = _moment(entry.get("started"))
    last = max([*moments, *([started] if started else [])], default=None)
    minutes = None
    if started is not None and last is not None:
        minutes = max(0.0, (last - started).total_seconds() / 60)
    beginnings = [
        entry.get("started"),
        entry.get("reset"),
        *(k.get("first") for k in known.values()),
    ]
    begun = max(str(one or "") for one in beginnings)
    return LabState(lab, steps, bool(entry.get("jumped")), minutes, last, begun)


def _moment(stamp: str | None) -> datetime | None:
    return datetime.fromisoformat(stamp) if stamp else None
