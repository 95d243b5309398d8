"""Times releases through Git beside `kubectl set image`, on one Deployment in one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labs.gitops import race, race_table
from labs.gitops.asking import Crowd
from labs.gitops.image_automation import connection
from labs.gitops.loan import lent
from labs.gitops.race import Round, Way
from labs.gitops.wager import pair
from labs.instance import Instance


def rounds(
    instance: Instance, runs: int, say: Callable[[str], None], ways: Sequence[Way] = ()
) -> list[Round]:
    """Release `runs` times by Git and `runs` times by kubectl, taking turns; return each round.

    `ways` are others to be taken: both of Git's, for instance, where notifications are connected.

    The app comes back as it was, also after Ctrl-C. Raises LabError where it is locked.
    """
    through_git: Way = "push" if connection.is_connected(instance) else "poll"
    if through_git == "poll":
        say("no notification is connected: Flux is not told of a push, it asks every 10 s")
    versions = pair(instance)
    with (
        lent(instance, "a measurement", say),
        Crowd(instance) as crowd,
        race.Track(instance, versions, crowd) as track,
    ):
        track.begin()
        return list(race.rounds(track, ways or (through_git, "kubectl"), runs, say))


def report(instance: Instance, found: list[Round]) -> str:
    """Return conditions, times, the ratio and the requests as Markdown."""
    [through_git] = [way for way in race_table.ways_of(found) if way != "kubectl"]
    first, last = (race_table.ratio(found, through_git, what) for what in ("first", "last"))
    ratio = (
        f"{race.WAYS[through_git]}: {first:.2f} times as long as kubectl set image to the first "
        f"new answer, {last:.2f} times to the last old one (medians)"
    )
    conditions, table = race_table.conditions(instance, found), race_table.table(found)
    return "\n".join([conditions, "", table, "", ratio, race_table.requests(found)])
