"""What an attendee wrote survives every update; what nobody touched is brought up to date."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labs.platform.notebook_copies import Copies

NAME = "notebooks/00-welcome.ipynb"


def cells(*sources: str, **metadata: str) -> bytes:
    return json.dumps(
        {
            "cells": [
                {"cell_type": "code", "id": str(i), "metadata": {}, "source": s, "outputs": []}
                for i, s in enumerate(sources)
            ],
            "metadata": metadata,
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    ).encode()


class Seat:
    """A folder that project versions are handed out to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: list[str] = []

    def hand_out(self, content: bytes) -> None:
        Copies(self.root / "work", self.root / "record.json", self.said.append).hand_out(
            NAME, content
        )

    @property
    def path(self) -> Path:
        return self.root / "work" / NAME

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.path.parent.iterdir())


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    return Seat(tmp_path)


def test_a_first_copy_and_an_update_of_an_untouched_one(seat: Seat) -> None:
    seat.hand_out(cells("one"))
    assert seat.path.read_bytes() == cells("one")
    seat.hand_out(cells("two"))
    assert seat.path.read_bytes() == cells("two")
    assert seat.names == ["00-welcome.ipynb"]
    assert seat.said == []


def test_a_changed_one_stays_and_the_new_version_is_beside_it(seat: Seat) -> None:
    seat.hand_out(cells("one"))
    seat.path.write_bytes(cells("mine"))
    seat.hand_out(cells("one"))
    assert seat.names == ["00-welcome.ipynb"]
    seat.hand_out(cells("two"))
    assert seat.path.read_bytes() == cells("mine")
    assert seat.names == ["00-welcome.ipynb", "00-welcome.new.ipynb"]
    assert len(seat.said) == 1
    assert "00-welcome.new.ipynb" in seat.said[0]
    seat.hand_out(cells("two"))
    assert len(seat.said) == 1


def test_the_new_version_is_updated_until_it_is_changed_too(seat: Seat) -> None:
    seat.hand_out(cells("one"))
    seat.path.write_bytes(cells("mine"))
    beside = seat.path.with_name("00-welcome.new.ipynb")
    seat.hand_out(cells("two"))
    seat.hand_out(cells("three"))
    assert beside.read_bytes() == cells("three")
    beside.write_bytes(cells("mine, too"))
    seat.hand_out(cells("four"))
    assert beside.read_bytes() == cells("mine, too")
    assert seat.path.with_name("00-welcome.new-2.ipynb").read_bytes() == cells("four")


def test_a_new_version_that_was_thrown_away_is_not_offered_again(seat: Seat) -> None:
    seat.hand_out(cells("one"))
    seat.path.write_bytes(cells("mine"))
    seat.hand_out(cells("two"))
    seat.path.with_name("00-welcome.new.ipynb").unlink()
    seat.hand_out(cells("two"))
    assert seat.names == ["00-welcome.ipynb"]


def test_a_deleted_one_comes_back(seat: Seat) -> None:
    seat.hand_out(cells("one"))
    seat.path.unlink()
    seat.hand_out(cells("one"))
    assert seat.path.read_bytes() == cells("one")


def test_who_puts_the_new_version_in_place_has_an_untouched_one_again(seat: Seat) -> None:
    seat.hand_out(cells("one"))
    seat.path.write_bytes(cells("mine"))
    seat.hand_out(cells("two"))
    seat.path.with_name("00-welcome.new.ipynb").replace(seat.path)
    seat.hand_out(cells("two"))
    seat.hand_out(cells("three"))
    assert seat.path.read_bytes() == cells("three")


def test_opening_a_notebook_does_not_change_it(seat: Seat) -> None:
    """JupyterLab writes the kernel's version into a notebook that is opened, and nothing else."""
    seat.hand_out(cells("one"))
    opened = json.loads(cells("one", kernel="3.11.7"))
    opened["cells"][0]["source"] = ["one"]
    seat.path.write_text(json.dumps(opened, indent=1))
    seat.hand_out(cells("two"))
    assert seat.path.read_bytes() == cells("two")


def test_what_is_no_notebook_any_more_is_somebodys_work(seat: Seat) -> None:
    seat.hand_out(cells("one"))
    seat.path.write_text("my notes")
    seat.hand_out(cells("two"))
    assert seat.path.read_text() == "my notes"


def test_a_lost_record_loses_nobodys_work(seat: Seat) -> None:
    seat.hand_out(cells("one"))
    seat.path.write_bytes(cells("mine"))
    (seat.root / "record.json").unlink()
    seat.hand_out(cells("two"))
    assert seat.path.read_bytes() == cells("mine")
    assert seat.path.with_name("00-welcome.new.ipynb").read_bytes() == cells("two")
