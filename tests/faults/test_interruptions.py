"""`make up`, `make reset` and `make down` cut off at random moments, and two of them at once."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from labs import catalogue
from labs.instance import Instance
from labs.platform import docker
from labs.platform.steps import Steps
from labs.reset import again
from labs.reset.starts import start_of
from tests.faults import interrupting, judge
from tests.faults.conftest import LAST, MakeTrial

pytestmark = pytest.mark.fault

SEED = int(os.environ.get("LAB_FAULTS_SEED") or 7)
COUNT = int(os.environ.get("LAB_FAULTS_COUNT") or 20)
DRAWN = interrupting.drawn(SEED, COUNT)
"""The same each time, unless another seed is asked for: a failure is to be had again."""
TAKES = {
    "reset": ("images", "samples"),
    interrupting.NO_NODE: ("samples",),
}
"""What is lost by nature, by command or state: a reset takes the tags of later labs, and monitoring
before lab 09; Prometheus' samples are in the node."""


@pytest.fixture(scope="module")
def cutter(
    whole: Instance, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[interrupting.Cutter]:
    steps = Steps(tmp_path_factory.mktemp("steps") / "durations.json")
    yield interrupting.Cutter(whole, steps)
    again.reset(whole, LAST, steps)


@pytest.mark.parametrize("number", range(COUNT))
def test_interrupted_it_goes_on(
    lab: Instance, trial: MakeTrial, cutter: interrupting.Cutter, number: int
) -> None:
    """Run again, the same command ends well: nobody has to lend a hand."""
    one = DRAWN[number]
    ends_at = catalogue.lab_named(one.words[1]) if one.words[0] == "reset" else LAST
    agents = start_of(ends_at).agents
    empty = one.words[0] == "up" and one.state in interrupting.EMPTY
    with trial(
        f"{number + 1:>2} {one}",
        by="the same again" + (", `lab reset`" if empty else ""),
        loses=TAKES.get(one.words[0], ()) + TAKES.get(one.state, ()),
        looks=judge.WHOLE if agents else judge.WITHOUT_AGENTS,
    ) as tried:
        if one.state == interrupting.NOTHING:
            cutter.bring_to(one.state)
        else:
            (lab.work / "notebooks" / "mine.txt").write_text(f"Mine, before {number}\n")
            (lab.work / "config-repo" / f"mine-{number}.txt").write_text("Mine, not committed\n")
        tried.count()
        tried.seen.append(cutter.cut(one))
        tried.begin()
        well(cutter, one, f"seed {SEED}, {one}: it needed a hand\n{tried.seen}")
        if one.words[0] == "down":
            states = {docker.state(name) for name in docker.containers_of(lab)}
            assert states == {"exited"}
            well(cutter, interrupting.UP)
        if empty:
            # The lab that was begun is known, but where there was none.
            known = one.state == interrupting.NO_NODE
            well(cutter, interrupting.RESET if known else interrupting.reset_to(LAST))
    if not agents:
        well(cutter, interrupting.reset_to(LAST))


def well(cutter: interrupting.Cutter, one: interrupting.Interruption, words: str = "") -> None:
    """Run a command to its end, and see that it ended well."""
    code, text = cutter.again(one)
    assert code == 0, f"{words or one}\n{text}"


def test_each_image_is_whole_in_the_end(lab: Instance) -> None:
    """Every byte, once, after all of the interruptions."""
    judge.judge(lab, judge.TO_THE_BYTE)


def test_two_at_once(lab: Instance, trial: MakeTrial, cutter: interrupting.Cutter) -> None:
    """One of the two does it; the other is told so at once."""
    with trial("two `make up` at once, of a lab that is down") as one:
        cutter.bring_to("down")
        one.begin()
        both = [cutter.begin("up"), cutter.begin("up")]
        texts = [interrupting.ended(each) for each in both]
        codes = [each.returncode for each in both]
        assert sorted(codes) == [0, 1], texts
        assert "is at work" in texts[codes.index(1)]
        one.seen.append("the second is told that one is at work")
