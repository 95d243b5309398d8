"""A seat's progress, as its reader sees it, as a file, and on the instructor's page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from labs import catalogue, lab
from labs.errors import LabError
from labs.instance import Instance
from labs.platform import status
from labs.progress import Progress
from labs.seats import asking, board, export, shown
from labs.seats.summary import standing

STEPS = catalogue.lab_named("deploy").steps
NO = LabError("no commit <yet>", expected="one", todo="push")


@pytest.fixture
def seat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.setenv("LAB_NAME", "tiny")
    here = Instance.current()
    here.root.mkdir()
    return here


@pytest.fixture
def begun(seat: Instance) -> Progress:
    state = Progress(seat)
    state.started("deploy")
    state.tried(STEPS[0].id, passed=True)
    state.tried(STEPS[1].id, passed=False, error=NO)
    state.tried(STEPS[1].id, passed=False, error=NO)
    state.hinted(STEPS[1].id, 3)
    return state


def test_steps_done_and_tried_and_hints_are_counted(begun: Progress) -> None:
    found = standing(begun.read()).labs[5]
    assert (found.done, found.tried, found.hints, found.word) == (1, 1, 1, "begun")
    assert [one.mark for one in found.steps[:3]] == ["done", "tried", ""]
    assert found.minutes == pytest.approx(0.0, abs=0.1)
    at = standing(begun.read()).lab
    assert at.next is not None
    assert (at.lab, at.next.step) == (catalogue.LABS[5], STEPS[1])


def test_the_last_failure_is_kept_until_the_step_passes(begun: Progress) -> None:
    found = begun.read()["failures"][STEPS[1].id]
    assert (found["found"], found["next"], found["count"]) == ("no commit <yet>", "push", 2)
    begun.tried(STEPS[1].id, passed=True)
    assert begun.read()["failures"] == {}


def test_a_file_of_an_earlier_day_is_read(seat: Instance) -> None:
    Progress(seat).path.write_text('{"labs": {}, "steps": {}, "predictions": {}}')
    assert Progress(seat).read()["failures"] == {}


def test_the_table_fits_into_80_columns(begun: Progress) -> None:
    text = shown.text(standing(begun.read()).labs, steps=True)
    assert max(map(len, text.splitlines())) <= shown.WIDTH
    assert f"05  {catalogue.LABS[5].title}" in text
    assert STEPS[1].id in text


def test_a_notebook_gets_a_table_of_its_own(begun: Progress) -> None:
    text = shown.markdown(standing(begun.read()).labs, steps=True)
    assert "| 05 | **Deploy through Git** | begun | 1 of 12 | 1 | 1 | 0 |" in text


def test_the_file_has_no_name_unless_it_is_given(
    begun: Progress, seat: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    where = LabError(f"{seat.root}/work is not clean; {tmp_path}/x", expected="", todo="")
    begun.tried(STEPS[2].id, passed=False, error=where)
    lab.export(tmp_path / "seat.json")
    text = (tmp_path / "seat.json").read_text()
    assert str(tmp_path) not in text
    assert ".lab/work is not clean; ~/x" in text
    first = json.loads(text)
    assert first["name"] == ""
    lab.export(tmp_path / "seat.json", "Ana")
    second = json.loads((tmp_path / "seat.json").read_text())
    assert (second["name"], second["seat"]) == ("Ana", first["seat"])


def test_a_place_that_cannot_be_written_is_told(begun: Progress, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match=r"expected: a file that can be written"):
        lab.export(tmp_path / "file" / "seat.json")


def test_help_puts_the_last_failure_into_the_file(
    begun: Progress, seat: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts(instance: Instance) -> list[status.Part]:
        return [status.Part("cluster", False, "stopped"), status.Part("git", True, "well")]

    monkeypatch.setattr(status, "parts", parts)
    asking.ask(seat)
    found = export.seat(seat)["help"]
    assert (found["lab"], found["step"]) == ("deploy", STEPS[1].id)
    assert found["failure"]["found"] == "no commit <yet>"
    assert found["parts"] == ["cluster: stopped"]
    assert "no clone" in found["commits"][0], "what does not answer is a finding as well"
    begun.tried(STEPS[1].id, passed=True)
    assert export.seat(seat)["help"] == {}, "it is over when the step passes"


def files(folder: Path, *seats: dict[str, Any]) -> list[Path]:
    found = []
    for number, one in enumerate(seats):
        path = folder / f"{number}.json"
        path.write_text(json.dumps(one))
        found.append(path)
    return found


def test_the_page_tells_who_is_where_and_what_fails_most(
    begun: Progress, seat: Instance, tmp_path: Path
) -> None:
    one = export.seat(seat, "Ana & Bo")
    other = {**export.seat(seat), "seat": "ffffff"}
    begun.tried(STEPS[2].id, passed=False, error=LabError("rare", expected="", todo=""))
    third = {**export.seat(seat), "seat": "eeeeee"}
    found = board.read(files(tmp_path, one, other, third))
    worst = board.troubles(found)
    assert [(each.step, each.seats, each.failures) for each in worst] == [
        (STEPS[1].id, 3, 6),
        (STEPS[2].id, 1, 1),
    ]
    assert worst[0].message == "no commit <yet>"
    page = board.page(found, datetime.now(UTC) + timedelta(minutes=30))
    assert "Ana &amp; Bo" in page
    assert "no commit &lt;yet&gt;" in page
    assert page.count(">stuck<") == 3, "failed, and nothing was done for half an hour"
    assert "<script" not in page


def test_the_newest_file_of_a_seat_counts(begun: Progress, seat: Instance, tmp_path: Path) -> None:
    old = {**export.seat(seat), "at": "2026-01-01T00:00:00+00:00", "name": "old"}
    new = {**export.seat(seat), "name": "new"}
    assert [one["name"] for one in board.read(files(tmp_path, new, old))] == ["new"]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 0}', '{"format": 1, "seat": 1, "at": 1}'])
def test_what_is_no_seats_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "no.json").write_text(text)
    with pytest.raises(LabError, match=r"no\.json: .*\nexpected: a file that `lab progress"):
        board.read([tmp_path / "no.json"])
    with pytest.raises(LabError, match="no seat's file"):
        board.read([])
