"""How a commit's way is shown."""

from __future__ import annotations

from datetime import UTC, datetime

from labs.gitops.commits import Commit, Identity
from labs.gitops.stages import Reached, Sync
from labs.gitops.sync_text import countdown, text
from labs.platform.flux import Poll

COMMIT = Commit(
    "1a2b3c4" + "0" * 33,
    "Paint production green",
    "",
    Identity("Attendee", "attendee@hackfest.local"),
    datetime(2019, 6, 27, 10, tzinfo=UTC),
    (),
    {},
)


def test_a_commit_that_waits_for_the_poll_shows_the_countdown() -> None:
    seen = Sync(COMMIT, {"pushed": Reached(100.0, 0.1)}, "nothing new", Poll(98.0, 10.0), 103.0)
    shown = text(seen)
    assert shown.splitlines()[0] == "1a2b3c4  Paint production green"
    assert "✓ pushed" in shown
    assert "… fetched  nothing new" in shown
    assert shown.splitlines()[-1].endswith("Flux asks the Git server again in 5 s")
    assert not seen.live


def test_a_live_commit_shows_each_stage_and_the_sum() -> None:
    times = {"pushed": 100.0, "fetched": 106.5, "applied": 107.0, "live": 110.25}
    seen = Sync(COMMIT, {name: Reached(at, 0.2) for name, at in times.items()}, "", None, 111.0)
    assert seen.live
    assert "+  6.5 s" in text(seen)
    assert text(seen).splitlines()[-1] == "  from push to live: 10.2 s"
    assert seen.seconds("live", "applied") == 3.25


def test_the_bar_runs_empty() -> None:
    assert countdown(Poll(0.0, 10.0), 0.0).startswith("[████████████████████]")
    assert countdown(Poll(0.0, 10.0), 5.0).startswith("[██████████··········]")
    assert countdown(Poll(0.0, 10.0), 12.0).endswith("Flux asks the Git server now")
