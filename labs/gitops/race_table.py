"""What the rounds of a race add up to, and under which conditions: as a table, as a picture."""

from __future__ import annotations

from collections.abc import Sequence

from labs import show
from labs.gitops import asking, bench
from labs.gitops.race import WAYS, Round, Way, median
from labs.instance import Instance

ROWS = (
    ("first", "first answer of the new version"),
    ("last", "last answer of the old one"),
    ("told", "the command is back"),
)
MARKS: dict[Way, tuple[str, str]] = {
    "push": ("o", "#1d4ed8"),
    "poll": ("s", "#b45309"),
    "kubectl": ("D", "#15702f"),
}
"""Shape and colour of each way: told apart without seeing colours, too."""


def ways_of(found: Sequence[Round]) -> list[Way]:
    """Return the ways that were taken, in their usual order."""
    return [way for way in WAYS if any(one.way == way for one in found)]


def ratio(found: Sequence[Round], way: Way, what: str = "first") -> float:
    """Return how many times as long as `kubectl set image` a way takes, by the medians."""
    return median(found, way, what) / median(found, "kubectl", what)


def conditions(instance: Instance, found: Sequence[Round]) -> str:
    """Return a line that says under which conditions the times were taken."""
    number = len(found) // max(1, len(ways_of(found)))
    return (
        f"{number} rounds each, taking turns on one Deployment of two pods; {asking.PEOPLE} people "
        f"ask all the while, each {asking.PAUSE:g} s after an answer; seconds from the start of "
        f"the command; {bench.machine(instance)}"
    )


def requests(found: Sequence[Round]) -> str:
    """Return how many requests were sent during the rounds, and how many failed."""
    asked, failed = sum(one.asked for one in found), sum(one.failed for one in found)
    return f"{asked} requests during {len(found)} rollouts, {failed} failed"


def table(found: Sequence[Round]) -> str:
    """Return the times as a Markdown table: median, smallest, largest, and beside kubectl's."""
    compared = any(one.way == "kubectl" for one in found)
    lines = [
        "| way | seconds to | median | smallest | largest | of kubectl's |",
        "|---|---|---|---|---|---|",
    ]
    for way in ways_of(found):
        for what, words in ROWS:
            values = [getattr(one, what) for one in found if one.way == way]
            times = f"{ratio(found, way, what):.2f}" if compared else ""
            lines.append(
                f"| {WAYS[way]} | {words} | {median(found, way, what):.1f} "
                f"| {min(values):.1f} | {max(values):.1f} | {times} |"
            )
    return "\n".join(lines)


def picture(found: Sequence[Round]) -> str:
    """Return the rounds as a drawing (SVG) that says in words what it shows."""
    from matplotlib.figure import Figure  # half a second, and only who looks needs it

    ways = ways_of(found)
    figure = Figure(figsize=(8, 0.7 * len(ways) + 1.4), layout="constrained")
    axes = figure.add_subplot()
    for place, way in enumerate(reversed(ways)):
        mark, colour = MARKS[way]
        mine = [one for one in found if one.way == way]
        for one in mine:
            axes.plot([one.first, one.last], [place, place], color=colour, linewidth=1)
        places = [place] * len(mine)
        axes.plot([one.first for one in mine], places, mark, color=colour, markersize=9)
        [ends] = axes.plot([one.last for one in mine], places, mark, color=colour, markersize=9)
        ends.set_fillstyle("none")
        middle = median(found, way)
        axes.plot([middle, middle], [place - 0.3, place + 0.3], color="black", linewidth=2)
        axes.annotate(
            f"median {middle:.1f} s", (middle, place + 0.32), ha="center", va="bottom", fontsize=9
        )
    axes.set_yticks(range(len(ways)), [WAYS[way] for way in reversed(ways)])
    axes.set_ylim(-0.6, len(ways) - 0.2)
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds from the command: filled, first new answer; hollow, last old answer")
    axes.spines[["top", "right"]].set_visible(False)
    return show.svg(figure, _in_words(found))


def _in_words(found: Sequence[Round]) -> str:
    """Return what the picture shows, for who does not see it."""
    return "; ".join(
        f"{WAYS[way]}: first new answer after {median(found, way):.1f} s (median)"
        for way in ways_of(found)
    )
