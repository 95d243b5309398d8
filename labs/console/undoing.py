"""What takes back what happened: for each event, the safe way, which is another commit."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from labs.console.books import Books
from labs.gitops.history import MOVES, Event
from labs.gitops.workloads import Place


@dataclass(frozen=True)
class Undo:
    """How an event is undone: by one of a workload's buttons, or, where none fits, with git."""

    words: str
    path: str = ""
    """The workload's page, or '' where there is no button for it."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Which of its dialogues, filled in."""
    command: str = ""


def undo(event: Event, events: Sequence[Event], books: Books) -> Undo | None:
    """Return what undoes an event, given all events, newest first; None where nothing is to undo.

    A version is never reverted: a revert would leave the automation at work, which would put the
    version back. Rollback pins it.
    """
    place = Place(event.app, event.environment)
    found = books.workloads.get(place)
    if found is None or event.kind in ("commit", "merge"):
        return _revert(event) if event.commit.parents else None
    path = f"/workloads/{place.environment}/{place.app}"
    now = found.workload
    if event.version and event.kind in MOVES:
        before = _before(event, events)
        if not before or before == now.version:
            return None
        words = f"Roll {place.app} back to {before}, and pin it"
        if now.version != event.version:
            words += f" (it is {now.version} by now)"
        return Undo(words, path, {"do": "rollback", "version": before})
    ways = {
        "lock": ("unlock", "Unlock it", now.locked),
        "unlock": ("lock", "Lock it again", not now.locked),
        "automate": ("deautomate", "Suspend its automation", found.automation.active),
        "deautomate": ("automate", "Resume its automation", not found.automation.active),
        "policy": ("policy", "Change its policy", found.automation.there),
    }
    if event.kind not in ways:
        return _revert(event)
    verb, words, sense = ways[event.kind]
    return Undo(words, path, {"do": verb}) if sense else None


def _before(event: Event, events: Iterable[Event]) -> str:
    """Return the version that a workload had before an event, or ''."""
    seen = False
    for one in events:
        if seen and (one.app, one.environment) == (event.app, event.environment) and one.version:
            return one.version
        seen = seen or one.commit.sha == event.commit.sha
    return ""


def _revert(event: Event) -> Undo:
    mainline = ["--mainline", "1"] * (len(event.commit.parents) > 1)
    words = shlex.join(["git", "revert", "--no-edit", *mainline, event.commit.short])
    return Undo(
        "There is no button for this one: a commit that does the opposite",
        command=f"git pull --rebase && {words} && git push",
    )
