"""A commit's way as a few lines of text, the same in a notebook, a terminal and a log."""

from __future__ import annotations

from datetime import datetime

from labs.gitops.stages import STAGES, Sync
from labs.platform.flux import Poll

BAR = 20
SAYS = {
    "pushed": "the Git server has it",
    "fetched": "Flux has seen it",
    "applied": "the cluster has been told",
    "live": "the new pods answer",
}


def text(sync: Sync) -> str:
    """Return the stages that were reached with their times, what comes next, and the countdown."""
    lines = [f"{sync.commit.short}  {sync.commit.subject}"]
    before = None
    for stage in STAGES:
        if stage not in sync.reached:
            lines.append(f"  … {stage:<8} {sync.waits_for}")
            break
        found = sync.reached[stage]
        took = "" if before is None else f"+{max(0.0, found.at - before):5.1f} s"
        lines.append(f"  ✓ {stage:<8} {clock(found.at, found.within)} {took:>9}  {SAYS[stage]}")
        before = found.at
    if sync.live:
        lines.append(f"  from push to live: {max(0.0, sync.seconds('live')):.1f} s")
    elif sync.stage == "fetched" and sync.poll is not None:
        lines.append(f"  {countdown(sync.poll, sync.at)}")
    return "\n".join(lines)


def countdown(poll: Poll, now: float) -> str:
    """Return how long it is to Flux's next poll, with a bar that runs empty."""
    left = poll.remaining(now)
    if left == 0.0:
        return f"[{'·' * BAR}] Flux asks the Git server now"
    full = min(BAR, round(BAR * left / poll.interval))
    return f"[{'█' * full}{'·' * (BAR - full)}] Flux asks the Git server again in {left:.0f} s"


def clock(at: float, within: float) -> str:
    """Return a local time; with tenths of a second only where they are known."""
    when = datetime.fromtimestamp(at).astimezone()
    shown = when.strftime("%H:%M:%S")
    return f"{shown}.{when.microsecond // 100_000}" if within < 1.0 else f"{shown}  "
