"""Counts how often Flux put an object right that somebody had changed or deleted by hand.

What counts: the API server notes when Flux's apply last changed an object (managedFields). If that
moves, or another object stands under the name, while the Kustomization that applied it says the
same before and after, no commit explains the change: it undid one made by hand. What it says goes
by the digest that Flux notes of the manifests it has built: most commits are about something else.
While an attempt goes on that digest is not known; what changes meanwhile is judged by its end.

Flux's events would tell it in words, but are not to be counted: after 25 of one Kustomization all
but one in five minutes are dropped, and each reconciliation is one. Not counted here: a correction
while a commit that says something else is rolled out, what happens twice between two looks, kinds
that are not read, and what happened before this process began. So the number is a lower bound. One
kind of commit could be taken for a correction: one that another takes back before the next look,
and whose attempt Flux has broken off for that. It notes nothing of such an attempt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from labs.exporter.cluster import Kustomization, Managed, Name, Touched


@dataclass
class _Since:
    """What was seen of a Kustomization since it was last about one commit alone."""

    says: tuple[str, ...] = ()
    """What it said then; empty where that is not known."""
    tried: set[str] = field(default_factory=set)
    moved: set[Managed] = field(default_factory=set)


class Drift:
    """The corrections that were seen so far, by Kustomization and object."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self._kinds = frozenset(kinds)
        self._seen: dict[Managed, Touched] = {}
        self._since: dict[Name, _Since] = {}
        self.corrected: dict[tuple[Name, Managed], int] = {}
        """From 0 on: a counter that begins with its first correction would hide it."""
        self.unread: dict[Name, int] = {}
        """Objects of each Kustomization of kinds that are not read."""

    @property
    def pending(self) -> set[Managed]:
        """What Flux has changed, and is not judged yet: an attempt goes on."""
        return {managed for since in self._since.values() for managed in since.moved}

    def look(
        self, objects: Mapping[Managed, Touched], found: Iterable[Kustomization]
    ) -> list[tuple[Name, Managed]]:
        """Take in a look, the objects before the Kustomizations; return what was just corrected.

        In this order the commit that changed an object is known at the latest with the change.
        """
        found = list(found)
        just: list[tuple[Name, Managed]] = []
        self._since = {one.name: self._since.get(one.name, _Since()) for one in found}
        for one in found:
            mine = [managed for managed in one.inventory if managed.kind in self._kinds]
            self.unread[one.name] = len(one.inventory) - len(mine)
            since = self._since[one.name]
            since.tried.add(one.attempted)
            for managed in mine:
                before, now = self._seen.get(managed), objects.get(managed)
                self.corrected.setdefault((one.name, managed), 0)
                if before is not None and now is not None and now != before:
                    since.moved.add(managed)
            if one.applied == one.attempted:
                # A commit that was tried in between, and is not the one of now, may have said more.
                if since.says == one.says != () and since.tried == {one.applied}:
                    just += [(one.name, managed) for managed in mine if managed in since.moved]
                self._since[one.name] = _Since(one.says)
        for key in just:
            self.corrected[key] += 1
        self._seen.update(objects)
        known = {(one.name, managed) for one in found for managed in one.inventory}
        for key in self.corrected.keys() - known:
            del self.corrected[key]
        for name in self.unread.keys() - self._since.keys():
            del self.unread[name]
        return just
