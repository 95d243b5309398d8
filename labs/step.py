"""What a step of a lab is: a task, its check, its hints and its solution.

A check is handed an Attempt and returns the one line that a passed step prints. What it raises
tells apart what a reader has to tell apart: NotDone (nobody has done it: known at once), any other
LabError (done, and something is wrong), TimedOut (under way, and not there within the time).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import EllipsisType
from typing import Literal, TypeVar

from labs.errors import LabError
from labs.instance import Instance
from labs.wait import NotYet, wait_for

Kind = Literal["code", "terminal", "edit", "predict"]
Answer = object
"""What a code cell hands to its check; `...`, as in an untouched cell, is no answer."""

T = TypeVar("T")


class CheckFailed(LabError):
    """A step's check did not pass. Each of its three parts is one line."""

    def __init__(self, found: str, *, expected: str, todo: str) -> None:
        super().__init__(_one_line(found), expected=_one_line(expected), todo=_one_line(todo))


class NotDone(CheckFailed):
    """The step was not done yet. Known at once: a check never waits for what nobody began."""


@dataclass(frozen=True)
class Attempt:
    """What a check may look at: the lab, the reader's answer, and how long it may wait."""

    instance: Instance
    answer: Answer = ...
    timeout: float = 120.0
    on_wait: Callable[[str, float], None] | None = None

    @property
    def answered(self) -> bool:
        """Whether the cell handed over an answer in place of the dots."""
        return not isinstance(self.answer, EllipsisType) and self.answer is not None

    def wait(self, condition: Callable[[], T], *, what: str, todo: str) -> T:
        """Wait for what is under way; see labs.wait. Raises TimedOut with the last state."""
        return wait_for(condition, what=what, timeout=self.timeout, todo=todo, on_wait=self.on_wait)


@dataclass(frozen=True)
class Step:
    """One task. `solution` is a cell's source, or a bash script for terminal and edit.

    The script runs as the attendee would run it: their environment, in their config-repo clone.
    The check of a predict step returns what really happened, or raises NotYet while that is open.
    """

    id: str
    title: str
    kind: Kind
    check: Callable[[Attempt], str]
    solution: str
    why: str
    hints: tuple[str, ...] = ()
    """Three: two that ask, one that tells. A predict step has none: a guess is never wrong."""
    stretch: bool = False

    @property
    def in_shell(self) -> bool:
        return self.kind in ("terminal", "edit")


@dataclass(frozen=True)
class Frame:
    """What a view shows at one moment; the last one says that it is done."""

    text: str
    done: bool = False
    drawing: str = ""
    """The same as a picture (SVG), which a notebook shows in place of the text."""


View = Callable[[Instance], Frame]
"""What `lab.watch` shows again and again, in place."""


def happened(step: Step, attempt: Attempt) -> str | None:
    """Return what really happened in a predict step, or None while that is open."""
    try:
        return step.check(attempt)
    except (NotYet, NotDone):
        return None


def _one_line(text: str) -> str:
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())
