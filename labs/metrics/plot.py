"""Draws series over time, with the deploys on the time axis, and tells the same in words.

An SVG, so that it stays sharp; lines differ by their strokes as well as by their colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from labs import show
from labs.metrics.deploys import Deploy
from labs.metrics.frames import Frame

COLOURS = ("#1d4ed8", "#b45309", "#15702f", "#9d174d", "#475569", "#6d28d9")
STROKES = ("-", "--", ":", "-.")
MOST = 20
"""Series in one picture; a person cannot tell more apart."""
FEW = 40
"""Values up to which each has a dot: a line of one point would not be seen."""
TOLD = 6
"""Series and deploys that are told one by one in words."""


@dataclass(frozen=True)
class Look:
    """How a picture is drawn where it is one of several."""

    size: tuple[float, float] = (9, 3.6)
    """Inches."""
    written: Callable[[float], str] | None = None
    """How a value is written beside the axis."""
    low: float | None = None
    high: float | None = None
    limits: tuple[tuple[float, str], ...] = ()
    """Values at which a line is drawn across, with its colour."""
    stepped: bool = False
    titled: bool = True
    whole: bool = False
    """Whether only whole numbers are written beside the axis."""
    ticks: tuple[float, ...] = ()
    """The values that are written beside the axis; none: those that suit."""


PLAIN = Look()


def drawable(frame: Frame) -> tuple[Frame, str]:
    """Return the series that a picture can hold, and a remark where some were left out."""
    total = len(frame.columns)
    if total <= MOST:
        return frame, ""
    highest = frame.max().sort_values(ascending=False).index[:MOST]
    shown = frame[[name for name in frame.columns if name in set(highest)]]
    return shown, (
        f"{total} series: the picture has the {MOST} that rose highest, the table has all. "
        "`sum by (…) (…)` makes fewer of them."
    )


def picture(
    frame: Frame,
    title: str,
    deploys: Sequence[Deploy],
    ends: tuple[Any, Any],
    look: Look = PLAIN,
) -> str:
    """Return the series as a drawing (SVG) that says in words what it shows.

    `ends` are the first and the last moment of the time axis.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure  # half a second, and only who looks needs it

    figure = Figure(figsize=look.size, layout="constrained")
    axes = figure.add_subplot()
    for number, name in enumerate(frame.columns):
        few = frame[name].count() <= FEW
        axes.plot(
            frame.index.to_pydatetime(),
            frame[name].to_numpy(),
            color=COLOURS[number % len(COLOURS)],
            linestyle=STROKES[number % len(STROKES)],
            marker="." if few else None,
            linewidth=1.6,
            drawstyle="steps-post" if look.stepped else "default",
            label=_plain(str(name)),
        )
    zone = ends[0].tzinfo
    axes.set_xlim(*ends)
    if len(frame.columns) and frame.min().min() >= 0:
        axes.set_ylim(bottom=0)
    _scale(axes, look)
    for one in deploys:
        _mark(axes, one)
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
    if look.titled:
        axes.set_title(_plain(title), loc="left", fontsize=10, pad=10)
    axes.grid(axis="y", color="#d4d4d8", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if len(frame.columns) > 1 or not look.titled:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=3,
                      fontsize=8, frameon=False)  # fmt: skip
    return show.svg(figure, in_words(frame, title, deploys))


def _scale(axes: Any, look: Look) -> None:
    """Write the values as they are to be written; a line where it ends is to be seen."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    for value, colour in look.limits:
        axes.axhline(value, color=colour, linewidth=1, linestyle=(0, (6, 3)))
    room = 0.0 if None in (look.low, look.high) else 0.04 * ((look.high or 0) - (look.low or 0))
    if look.low is not None:
        axes.set_ylim(bottom=look.low - room)
    if look.high is not None:
        axes.set_ylim(top=look.high + room)
    if look.ticks:
        axes.yaxis.set_major_locator(FixedLocator(look.ticks))
    elif look.whole:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if look.written is not None:
        write = look.written
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def in_words(frame: Frame, title: str, deploys: Sequence[Deploy]) -> str:
    """Return what the picture shows, for who does not see it."""
    parts = [title]
    for name in frame.columns[:TOLD]:
        values = frame[name].dropna()
        if len(values):
            parts.append(
                f"{name}: from {values.iloc[0]:.3g} to {values.iloc[-1]:.3g}, "
                f"lowest {values.min():.3g}, highest {values.max():.3g} "
                f"at {values.idxmax():%H:%M:%S}"
            )
    if len(frame.columns) > TOLD:
        parts.append(f"and {len(frame.columns) - TOLD} more series")
    parts += [f"{one.label} at {one.when.astimezone():%H:%M:%S}" for one in deploys[-TOLD:]]
    return "; ".join(parts)


def _mark(axes: Any, one: Deploy) -> None:
    """Draw a deploy: a rollback's line is dotted, and says so."""
    axes.axvline(one.when, color="#18181b", linewidth=1, linestyle=":" if "(" in one.label else "-")
    axes.annotate(
        _plain(one.label),
        (one.when, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-3, -2),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="top",
        fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )


def _plain(text: str) -> str:
    """Return a text that matplotlib takes as it is: a pair of $ would be mathematics to it."""
    return text.replace("$", r"\$")
