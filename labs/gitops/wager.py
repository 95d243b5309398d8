"""The bet of lab 06: one change of version by three ways, measured, kept and drawn.

What was measured is kept, so that looking at it again moves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from labs import show
from labs.errors import LabError
from labs.gitops import images, race, race_table
from labs.gitops.asking import Crowd
from labs.gitops.image_automation import connection
from labs.gitops.loan import lent
from labs.gitops.race import WAYS, Round, Way
from labs.instance import Instance, write_json
from labs.platform import registry
from labs.understudy import semver

BROKEN = ("1.3.0", "2.1.0")
"""Versions of the sample app that are no good for anybody who asks."""


@dataclass(frozen=True)
class Bet:
    """What was measured so far, and how."""

    rounds: list[Round]
    conditions: str = ""

    @property
    def medians(self) -> dict[Way, float]:
        """Seconds to the new version's first answer, by way: push, poll, kubectl."""
        return {way: race.median(self.rounds, way) for way in race_table.ways_of(self.rounds)}


def bet(runs: int = 2, *, fresh: bool = False) -> dict[Way, float]:
    """Change the version by push, by poll and by kubectl, `runs` times each; show what it took.

    Returns the medians of the seconds to the first new answer. Rounds that were run before count;
    `fresh=True` begins anew. Raises LabError before image automation is connected.
    """
    instance = Instance.current()
    found = kept(instance)
    if fresh or len(found.rounds) < runs * len(WAYS):
        found = measure(instance, runs, show.line, Bet([]) if fresh else found)
    _show(found)
    return found.medians


def kept(instance: Instance) -> Bet:
    """Return what was measured before, if anything."""
    path = _path(instance)
    if not path.exists():
        return Bet([])
    told = json.loads(path.read_text())
    return Bet([Round(**one) for one in told["rounds"]], told["conditions"])


def measure(instance: Instance, runs: int, say: Callable[[str], None], found: Bet) -> Bet:
    """Run the rounds that are missing; each is kept as soon as it is done."""
    if not connection.is_connected(instance):
        raise LabError(
            "the Git server does not tell the cluster of pushes yet",
            expected="image automation, installed and connected",
            todo="lab 06: `lab automation files`, commit and push, `lab automation connect`",
        )
    versions = pair(instance)
    say(f"between {versions[0]} and {versions[1]}, {runs} times by each of {len(WAYS)} ways:")
    with (
        lent(instance, "the bet", say),
        Crowd(instance) as crowd,
        race.Track(instance, versions, crowd) as track,
    ):
        track.begin()
        for one in race.rounds(track, list(WAYS), runs, say, found.rounds):
            rounds = [*found.rounds, one]
            found = Bet(rounds, race_table.conditions(instance, rounds))
            write_json(_path(instance), asdict(found))
    return found


def pair(instance: Instance) -> tuple[str, str]:
    """Return the two newest good versions in the registry, the older one first.

    An image under another version's number is none: it answers with its own. Raises LabError where
    there are not two.
    """
    good = (
        tag
        for tag in images.newest_first(registry.tags(instance, "hello"))
        if tag not in BROKEN and (version := semver.parse_tag(tag)) and not version.pre
    )
    known = list(islice((tag for tag in good if _is_itself(instance, tag)), 2))
    if len(known) < 2:
        raise LabError(
            f"images of {', '.join(known) or 'no version'} in the registry",
            expected="two versions to change between",
            todo="`lab app commit 1.0.0 --wait` has CI build one",
        )
    newest, before = known
    return before, newest


def _is_itself(instance: Instance, tag: str) -> bool:
    found = images.image(instance, "hello", tag)
    return found is not None and found.version in ("", tag)


def _show(found: Bet) -> None:
    if show.notebook() is not None:
        show.drawing(race_table.picture(found.rounds))
    text = race_table.table(found.rounds)
    show.markdown(f"{text}\n\n{race_table.requests(found.rounds)}. {found.conditions}.")


def _path(instance: Instance) -> Path:
    return instance.root / "bet.json"
