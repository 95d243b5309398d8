"""A seat's progress as its reader sees it: a table of 80 columns, or Markdown in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from labs import show
from labs.seats.summary import LabState, StepState

WIDTH = 80
LABS = f"{'':<4}{'lab':<32}{'':<8}{'steps':>7}{'tried':>7}{'hints':>7}{'min':>6}"
STEPS = f"    {'step':<22}{'title':<30}{'':<6}{'tries':>6}{'hints':>6}"


def progress(labs: Sequence[LabState], *, steps: bool) -> None:
    """Show labs, and each one's steps if that is asked for."""
    show.markdown(markdown(labs, steps=steps)) if show.notebook() else show.line(
        text(labs, steps=steps)
    )


def text(labs: Sequence[LabState], *, steps: bool) -> str:
    """Return the labs as lines of at most 80 characters."""
    lines = [LABS]
    for lab in labs:
        minutes = "" if lab.minutes is None else f"{lab.minutes:.0f}"
        lines.append(
            f"{lab.lab.number:02d}  {_fit(lab.lab.title, 31):<32}{lab.word:<8}"
            f"{f'{lab.done}/{len(lab.steps)}':>7}{lab.tried or '':>7}{lab.hints or '':>7}"
            f"{minutes:>6}"
        )
        if steps:
            lines += [STEPS, *(_step(one) for one in lab.steps)]
    return "\n".join(line.rstrip() for line in lines)


def markdown(labs: Sequence[LabState], *, steps: bool) -> str:
    """Return the same for a notebook."""
    lines = ["| | lab | | steps | tried | hints | minutes |", "|---|---|---|---|---|---|---|"]
    for lab in labs:
        minutes = "" if lab.minutes is None else f"{lab.minutes:.0f}"
        lines.append(
            f"| {lab.lab.number:02d} | **{lab.lab.title}** | {lab.word} | "
            f"{lab.done} of {len(lab.steps)} | {lab.tried or ''} | {lab.hints or ''} | {minutes} |"
        )
        lines += [
            f"| | `{one.step.id}` {one.step.title} | {one.mark} | {_kind(one)} | "
            f"{one.tries or ''} | {one.hints or ''} | |"
            for one in (lab.steps if steps else ())
        ]
    return "\n".join(lines)


def _step(one: StepState) -> str:
    title = _fit(one.step.title, 29)
    return (
        f"    {_fit(one.step.id, 21):<22}{title:<30}{one.mark:<6}"
        f"{one.tries or '':>6}{one.hints or '':>6}"
    )


def _kind(one: StepState) -> str:
    return f"{one.step.kind}, stretch" if one.step.stretch else one.step.kind


def _fit(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"
