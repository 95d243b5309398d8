"""The night before: every lab's solutions, once, on a lab of its own that is gone afterwards.

The reader's lab is beside it and notices nothing but a machine at work.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from labs import interrupts, solve
from labs.catalogue import Lab
from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.platform import up as platform
from labs.platform.environment import environment
from labs.platform.steps import Steps
from labs.progress import Progress
from labs.readiness import duration
from labs.reset import again

SUFFIX = "-rehearsal"
MARK = "rehearsal.json"
"""In the folder of a lab that a rehearsal has made, and may delete."""


@dataclass(frozen=True)
class Trouble:
    """What is not as the labs promise: where, and in which words."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True)
class Verdict:
    """What a rehearsal of some labs has found."""

    labs: Sequence[Lab]
    seconds: float
    troubles: Sequence[Trouble]

    @property
    def fit(self) -> bool:
        return not self.troubles

    def text(self) -> str:
        """Return it as one line."""
        if not self.fit:
            return f"Not fit: {'; '.join(map(str, self.troubles))}"
        steps = sum(len(lab.steps) for lab in self.labs)
        plural = "" if len(self.labs) == 1 else "s"
        return f"Fit: {len(self.labs)} lab{plural}, {steps} steps, in {duration(self.seconds)}."


def rehearse(labs: Sequence[Lab]) -> Verdict:
    """Do these labs with their solutions beside the lab that LAB_NAME names; say how that went.

    A lab that fails keeps none of the others from being tried. Raises LabError where a lab of the
    rehearsal's name is somebody's own, or another rehearsal is under way.
    """
    logs = _logs(Instance.current())
    os.environ["LAB_NAME"] = f"{Instance.current().name}{SUFFIX}"
    own = Instance.current()
    # The labs' own words go into files; what is told of the rehearsal goes where they went before.
    steps = Steps(own.durations, Console(file=sys.stdout, highlight=False, soft_wrap=True))
    with (
        interrupts.politely(),
        platform.exclusive(own, "`make rehearse`", lock=f"{own.name}.rehearsal"),
        _passing(own, steps),
    ):
        try:
            platform.up(own, steps)
        except LabError as error:
            return Verdict(labs, steps.seconds, [Trouble("`make up`", _one_line(error))])
        os.environ.update(environment(own))
        troubles: list[Trouble] = []
        stands = 0
        for lab in labs:
            trouble = _lab(own, lab, stands, steps, logs)
            stands = -1 if trouble else lab.number + 1
            troubles += [trouble] if trouble else []
        return Verdict(labs, steps.seconds, troubles)


def _lab(own: Instance, lab: Lab, stands: int, steps: Steps, logs: Path) -> Trouble | None:
    """Do one lab, from what the labs before it have left or else from its start, put up anew."""
    log = logs / f"{lab.notebook.removesuffix('.ipynb')}.log"
    try:
        with log.open("w") as file, redirect_stdout(file):
            if lab.number != stands:
                with steps.step(f"Start of lab {lab.heading}"):
                    again.reset(own, lab, Steps(own.durations))
            with steps.step(f"Lab {lab.heading}"):
                solve.catch_up(lab)
    except Exception as error:  # noqa: BLE001 - a solution may fail in any way: that is the finding
        steps.say(f"what it said: {log}")
        return Trouble(f"lab {lab.heading}, {_at(own, lab)}", _one_line(error))
    return None


def _at(own: Instance, lab: Lab) -> str:
    """Return where a lab came to, in words."""
    state = Progress(own)
    if not state.is_started(lab.name):
        return "before its first step"
    left = [step for step in lab.steps if not state.done(step.id)]
    return f"step {left[0].id}" if left else "after its last step"


@contextmanager
def _passing(own: Instance, steps: Steps) -> Iterator[None]:
    """Have the rehearsal's lab gone before, and afterwards, however the rehearsal ends."""
    mark = own.root / MARK
    if mark.exists():
        steps.say(f"an earlier rehearsal did not end well: its lab {own.name!r} is deleted")
        _delete(own, steps)
    elif own.root.exists():
        raise LabError(
            f"a lab {own.name!r} that no rehearsal has made",
            expected="no lab of that name: a rehearsal makes it, and deletes it",
            todo=f"`make clean LAB_NAME={own.name}`, if nobody needs it",
        )
    write_json(mark, {})
    try:
        yield
    finally:
        with interrupts.undisturbed():
            _delete(own, steps)


def _delete(own: Instance, steps: Steps) -> None:
    if own.work.exists():  # nobody's work: it is not set aside
        shutil.rmtree(own.work)
    platform.clean(own, steps)


def _logs(instance: Instance) -> Path:
    """Return the folder of what the labs said; it outlives the rehearsal's lab."""
    folder = instance.root.parent / "rehearsals" / instance.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _one_line(error: Exception) -> str:
    words = error.found if isinstance(error, LabError) else f"{type(error).__name__}: {error}"
    return " | ".join(line.strip() for line in words.splitlines() if line.strip())
