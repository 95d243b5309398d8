"""The stages of a commit's way, and when each was reached: known to all commands alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from labs.gitops.commits import Commit
from labs.instance import Instance, write_json
from labs.platform.flux import Poll

STAGES = ("pushed", "fetched", "applied", "live")


@dataclass(frozen=True)
class Reached:
    """When a stage was reached, in Unix seconds, and how exactly that is known, in seconds."""

    at: float
    within: float


@dataclass(frozen=True)
class Sync:
    """One look at a commit's way."""

    commit: Commit
    reached: dict[str, Reached]
    waits_for: str
    poll: Poll | None
    at: float

    @property
    def live(self) -> bool:
        return len(self.reached) == len(STAGES)

    @property
    def stage(self) -> str:
        """The stage that comes next, or `live` when all are reached."""
        return STAGES[min(len(self.reached), len(STAGES) - 1)]

    def seconds(self, stage: str, since: str = "pushed") -> float:
        """Return the seconds from one stage to another."""
        return self.reached[stage].at - self.reached[since].at


def kept(instance: Instance, sha: str) -> tuple[float, dict[str, Reached]]:
    """Return when a commit was last looked at, in Unix seconds, and what was found until then."""
    path = _path(instance, sha)
    if not path.exists():
        return 0.0, {}
    found = json.loads(path.read_text())
    return found["seen"], {stage: Reached(*each) for stage, each in found["reached"].items()}


def keep(
    instance: Instance, sha: str, now: float, reached: dict[str, Reached]
) -> dict[str, Reached]:
    """Write down what a look has found; return it together with what others found meanwhile."""
    both = reached | kept(instance, sha)[1]  # who saw a stage first is right
    entries = {stage: (each.at, each.within) for stage, each in both.items()}
    write_json(_path(instance, sha), {"seen": now, "reached": entries})
    return both


def _path(instance: Instance, sha: str) -> Path:
    return instance.root / "sync" / f"{sha}.json"
