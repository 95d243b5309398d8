"""How far the reader is, by what is written down."""

from __future__ import annotations

from typing import Any

from labs.catalogue import LABS, lab_named
from labs.progress import nothing
from labs.seats.summary import standing

FIRST = "2026-05-04T10:00:00+00:00"


def told(labs: dict[str, Any] | None = None, **steps: dict[str, Any]) -> dict[str, Any]:
    written = {name.replace("_", "-"): entry for name, entry in steps.items()}
    return {**nothing(), "labs": labs or {}, "steps": written}


def entry(done: str | None = None, first: str = FIRST, **more: Any) -> dict[str, Any]:
    return {"first": first, "done": done, "tries": 1, "hints": 0, "solved_by_lab": False, **more}


def test_nothing_done_begins_with_the_first_lab() -> None:
    found = standing(told())
    assert [one.lab for one in found.labs] == list(LABS)
    assert {one.word for one in found.labs} == {""}
    assert found.lab.lab.number == 0
    assert found.next is not None
    assert found.next[0] is found.lab
    assert found.next[1].step is LABS[0].steps[0]
    assert (found.done, found.steps) == (0, sum(len(lab.steps) for lab in LABS))


def test_one_is_at_the_next_step_of_the_lab_that_was_touched_last() -> None:
    later = "2026-05-04T11:00:00+00:00"
    found = standing(told(silence=entry(FIRST), origin=entry(FIRST, later)))
    assert found.next is not None
    assert (found.next[0].lab.name, found.next[1].step.id) == ("deploy", "by-hand")
    assert next(one for one in found.labs if one.lab.name == "agents").word == "begun"


def test_a_lab_that_was_started_or_put_back_is_where_one_is_before_any_step_of_it() -> None:
    later = "2026-05-04T11:00:00+00:00"
    for word in ("started", "reset"):
        found = standing(told({"drift": {word: later}}, silence=entry(later, FIRST)))
        assert found.lab.lab.name == "drift"
    found = standing(told({"drift": {"started": FIRST}}, silence=entry(None, later)))
    assert found.lab.lab.name == "agents", "a step that was begun since"
    found = standing(told({"drift": {"jumped": later}}, silence=entry(None, FIRST)))
    assert found.lab.lab.name == "agents", "what was jumped was not begun"


def test_stretch_steps_come_last_and_then_the_next_lab() -> None:
    agents = lab_named("agents")
    core = {step.id.replace("-", "_"): entry(FIRST) for step in agents.steps if not step.stretch}
    found = standing(told(**core))
    assert found.next is not None
    assert found.next[1].step.id == "powers"
    drift = lab_named("drift")
    assert [one.stretch for one in drift.steps[:4]] == [False, False, True, False]
    two = {step.id.replace("-", "_"): entry(FIRST) for step in drift.steps[:2]}
    found = standing(told(**two))
    assert found.next is not None
    assert found.next[1].step is drift.steps[3], "past the stretch step in between"
    every = {step.id.replace("-", "_"): entry(FIRST) for step in agents.steps}
    found = standing(told(**every))
    assert found.next is not None
    assert found.next[0].lab.name == "model"
    assert found.lab.lab is agents, "one is still in the lab that one has done"
    assert found.lab.next is None
    assert next(one for one in found.labs if one.lab is agents).word == "done"


def test_the_words_tell_who_did_a_step() -> None:
    found = standing(
        told(
            {"agents": {"started": FIRST}},
            silence=entry(FIRST, hints=2),
            first_commit=entry(tries=3),
            instance=entry(FIRST, solved_by_lab=True),
            connected=entry(tries=0, solved_by_lab=True),
        )
    )
    line = next(one for one in found.labs if one.lab.name == "agents")
    words = {one.step.id: one.mark for one in line.steps}
    assert words["silence"] == "done"
    assert words["first-commit"] == "tried"
    assert words["instance"] == "shown"
    assert words["connected"] == "tried", "its solution was run, and its check was not"
    assert words["powers"] == ""
    assert (line.done, line.word) == (2, "begun")
    assert line.steps[0].hints == 2


def test_all_done_is_all_done() -> None:
    every = {step.id.replace("-", "_"): entry(FIRST) for lab in LABS for step in lab.steps}
    assert standing(told(**every)).next is None
    assert "All steps of all labs are done." in standing(told(**every)).text()


def test_the_words_say_where_one_is_and_what_is_next() -> None:
    told_of = told({"deploy": {"started": FIRST}}, by_hand=entry(tries=2))
    told_of["failures"] = {"by-hand": {"found": "no commit yet"}}
    deploy = lab_named("deploy")
    first, second = deploy.steps[:2]
    assert standing(told({"deploy": {"started": FIRST}})).text().splitlines() == [
        f"You are at lab 05 · Deploy through Git: 0 of {len(deploy.steps)} steps are done.",
        f"Next is “{first.title}” (`lab check {first.id}`), in notebooks/05-deploy.ipynb.",
    ]
    done = {**told_of["steps"], first.id: entry(FIRST)}
    text = standing({**told_of, "steps": done}).text()
    assert second.id == "by-hand"
    assert "1 of" in text
    assert text.splitlines()[-1] == "Its last check said: no commit yet"
