"""`lab.watch(promql=…)`: a picture in place, drawn anew, that holds up nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs import show, watching
from labs.errors import LabError
from labs.instance import write_json
from labs.metrics import live
from labs.platform.prometheus import BadQuery
from tests.unit.prometheus_server import Served, serving


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("LAB_NAME", "demo")
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    with serving(tmp_path) as found:
        yield found


def test_it_is_a_picture_and_the_same_in_words(served: Served) -> None:
    found = live.view("up", "Who answers", 5)(served.lab)
    assert found.drawing.startswith('<svg role="img" aria-label="Who answers; ')
    assert found.text.startswith("Who answers; a:8080: from 0 to ")
    # There is no clone here to read deploys from: the picture comes all the same, and says so.
    assert "Drawn without deploys" in found.text
    assert not found.done
    asked = served.forms[-1]
    assert float(asked["end"]) - float(asked["start"]) == pytest.approx(300)


def test_no_value_yet_is_no_failure(served: Served) -> None:
    found = live.view("none", "", 5)(served.lab)
    assert (found.text, found.drawing) == ("none: no series has a value yet", "")


def test_a_query_that_cannot_be_read_fails_its_cell(served: Served) -> None:
    with pytest.raises(BadQuery, match="unexpected end of input"):
        watching.watch(promql="up{")


def test_prometheus_may_go_once_it_was_there(served: Served) -> None:
    looks = live.view("up", "", 5)
    assert looks(served.lab).drawing
    write_json(served.lab.root / "ports.json", {"prometheus": 1})
    assert "Prometheus is not to be asked" in looks(served.lab).text
    with pytest.raises(LabError, match="not to be asked"):
        live.view("up", "", 5)(served.lab)


def test_what_cannot_be_meant_is_told() -> None:
    with pytest.raises(LabError, match="nothing to watch"):
        watching.watch()
    with pytest.raises(LabError, match="a view and a query at once"):
        watching.watch("drift", promql="up")
    with pytest.raises(LabError, match="minutes=0"):
        watching.watch(promql="up", minutes=0)


def test_it_is_drawn_anew_beside_its_cell_and_ends(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    enough = threading.Event()

    class Live:
        def __init__(self, text: str, drawing: str = "") -> None:
            drawn.append(drawing)

        def update(self, text: str, drawing: str = "") -> None:
            drawn.append(drawing)
            if len(drawn) >= 2:
                enough.set()

    monkeypatch.setattr(show, "Live", Live)
    monkeypatch.setattr(watching, "DRAW_INTERVAL", 0.01)
    watching.watch(promql="up", title="a rollout", minutes=0.05)
    assert enough.wait(20)
    for thread in threading.enumerate():
        if thread.name == "watch-a rollout":
            thread.join(20)
            assert not thread.is_alive()
    assert all(one.startswith("<svg") for one in drawn), "the last picture stays"
