"""What `lab pause` and `lab resume` say; the rest of them needs a lab."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labs.cli_pause import paused_words, resumed_words
from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.platform import console, docker, jupyter, memory
from labs.platform import pause as platform
from labs.platform import up as whole
from labs.platform.pause import Pause, Resumed
from labs.platform.steps import Steps

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MADE = Pause("2026-05-04T11:00:00+00:00", 2145, {"production": 2})


@pytest.fixture
def tiny(tmp_path: Path) -> Instance:
    return Instance("tiny", tmp_path / "tiny")


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path / "durations.json")


@pytest.fixture
def stopped(tiny: Instance, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """A lab that was up once, and of which nothing runs."""
    write_json(tiny.root / "ports.json", {})
    monkeypatch.setattr(docker, "engine_answers", lambda: False)
    for part in (jupyter, console):
        monkeypatch.setattr(part, "running", lambda instance: False)
    return tiny


def test_what_never_was_is_neither_paused_nor_resumed(tiny: Instance, steps: Steps) -> None:
    for command in (platform.pause, platform.resume):
        with pytest.raises(LabError, match=r"no lab 'tiny'\nexpected: .*\nnext: .*make up"):
            command(tiny, steps)
    assert not tiny.root.exists()


def test_what_is_stopped_is_not_stopped_again(stopped: Instance, steps: Steps) -> None:
    assert platform.pause(stopped, steps) == (None, True)
    write_json(whole.paused(stopped), vars(MADE))
    assert platform.pause(stopped, steps) == (MADE, True)


def test_a_pause_that_was_cut_off_keeps_what_ran_before_it(
    stopped: Instance, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(whole.paused(stopped), vars(MADE))
    monkeypatch.setattr(jupyter, "running", lambda instance: True)
    monkeypatch.setattr(jupyter, "pid", lambda instance: None)
    monkeypatch.setattr(console, "pid", lambda instance: None)
    made, before = platform.pause(stopped, steps)
    assert made is not None
    assert (dict(made.ready), made.freed, before) == ({"production": 2}, 2145, False)
    assert made.at > MADE.at
    assert platform.known(stopped) == made


def test_the_words_of_a_pause(tiny: Instance) -> None:
    def said(made: Pause | None, *, before: bool, hours: float = 0) -> str:
        return paused_words(tiny, made, before=before, now=NOW + timedelta(hours=hours))

    assert (
        said(MADE, before=False) == "The lab 'tiny' is paused: 2145 MiB of memory are free again."
    )
    assert said(MADE, before=True) == "The lab 'tiny' is paused already, for 1 h."
    assert said(MADE, before=True, hours=48.5).endswith("for 2 d 1 h 30 min.")
    assert said(MADE, before=True, hours=-1.0).endswith("for less than a minute.")
    assert "stopped already, by `make down`" in said(None, before=True)


def test_the_words_of_a_resume(tiny: Instance) -> None:
    def said(pause: Pause | None, *, ran: bool = False, unready: tuple[str, ...] = ()) -> str:
        return resumed_words(tiny, Resumed("http://", pause, ran, unready), 21.4, now=NOW)

    assert said(MADE) == "The lab 'tiny' goes on, after 21 s; it was paused for 1 h."
    assert "was running; every part" in said(None, ran=True)
    assert "had been stopped, not by a pause" in said(None)
    assert said(MADE, unready=("production: 1 of 2",)).splitlines()[1] == (
        "Not all pods are ready again (production: 1 of 2); `make status` shows each part."
    )


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        *(("1.5GiB ", 1536.0), ("612MiB", 612.0), ("512KiB", 0.5), ("0B", 0.0)),
        *(("1.049MB (virtual 2GB)", 1.0), ("1049kB", 1.0)),
    ],
)
def test_amounts_as_docker_writes_them(text: str, amount: float) -> None:
    assert memory.mib(text) == pytest.approx(amount, rel=0.001)


def test_an_amount_that_is_not_known_is_told() -> None:
    with pytest.raises(ValueError, match="1furlong"):
        memory.mib("1furlong")
