"""Is what is applied what Git says? Each Kustomization, and since when; the workloads: runs.py.

Pure of HTTP: plain objects made of what Git has at a commit and of the cluster's objects.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from labs.platform import flux
from labs.platform.flux import moment
from labs.platform.objects import Object

Mood = Literal["good", "act", "warn", "bad", "quiet"]


@dataclass(frozen=True)
class State:
    """How something stands: its mood, in words, and since when (Unix seconds; None: not known)."""

    mood: Mood
    words: str
    why: str = ""
    since: float | None = None


@dataclass(frozen=True)
class Applied:
    """A Kustomization beside the newest commit of what it reads."""

    name: str
    path: str
    source: str
    depends: tuple[str, ...]
    commit: str
    """The commit that it has applied last, or ''."""
    has_newest: bool
    state: State


class Since:
    """Since when something is as it is, as far as it was looked at."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._now = now

    def of(self, name: str, state: object, told: float | None = None) -> float:
        """Return since when `name` has this state, in Unix seconds.

        `told` is what the objects themselves say, if they do; otherwise it is when the state was
        first seen. It cannot have begun before another state was last seen.
        """
        now = self._now()
        with self._lock:
            known = self._known.get(name)
            if known is None or known.state != state:
                since = now if told is None else told
                since = since if known is None else max(since, known.seen)
            else:
                since = known.since
            self._known[name] = _Known(state, since, now)
            return since


@dataclass(frozen=True)
class _Known:
    state: object
    since: float
    seen: float


def applied(found: Object, newest: str, came: float | None, since: Since) -> Applied:
    """Return a Kustomization beside its source's newest commit, which came at `came`.

    `newest` is '' where it is not known; then what Flux says of itself has to do.
    """
    name = flux.name(found)
    commit = flux.applied(found)
    behind = bool(newest) and commit != newest
    state = _kustomization(found, behind=behind, came=came)
    told = since.of(f"kustomization {name}", (state.words, commit), state.since)
    spec = found["spec"]
    return Applied(
        name,
        str(spec.get("path", "")),
        str(spec["sourceRef"]["name"]),
        tuple(str(one["name"]) for one in spec.get("dependsOn") or ()),
        commit,
        bool(newest) and not behind,
        replace(state, since=told),
    )


def _kustomization(found: Object, *, behind: bool, came: float | None) -> State:
    status = found.get("status", {})
    ready: Object = next(
        (one for one in status.get("conditions", []) if one["type"] == "Ready"), {}
    )
    at = moment(ready["lastTransitionTime"]) if ready else None
    message = str(ready.get("message", "")).strip()
    if flux.suspended(found):
        words = "suspended, and behind" if behind else "suspended"
        return State("warn", words, "Flux was told to leave it alone")
    if ready.get("status") == "False" and ready.get("reason") != flux.CANCELED:
        if ready.get("reason") == "DependencyNotReady":
            return State("act", "waits for another", message, at)
        return State("bad", "failing", message, at)
    if behind:
        return State("act", "on its way", message, came)
    done = flux.sha(status.get("lastAppliedRevision"))
    if not done or done != flux.applied(found):
        return State("act", "applied, not ready yet", message, at)
    # Flux's own moment moves with each comparison; that of the commit, or of what it was made to
    # first, does not.
    first = [
        moment(one["firstReconciled"])
        for one in status.get("history") or ()
        if flux.sha((one.get("metadata") or {}).get("revision")) == done
    ]
    return State("good", "in sync", "", max([*first, *([came] if came else [])], default=at))
