"""Counts how often Flux put an object right that somebody had changed or deleted by hand.

What counts: the API server notes when Flux's apply last changed an object (managedFields). If that
moves, or another object stands under the name, while the Kustomization that applied it works on
the same commit before and after, no commit explains the change: it undid one made by hand.

Flux's events would tell it in words, but are not to be counted: after 25 of one Kustomization all
but one in five minutes are dropped, and each reconciliation is one. Not counted here: a correction
while a commit is rolled out, what happens twice between two looks, kinds that are not read, and
what happened before this process began. So the number is a lower bound, and never a commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labs.exporter.cluster import Kustomization, Managed, Name, Touched


class Drift:
    """The corrections that were seen so far, by Kustomization and object."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self._kinds = frozenset(kinds)
        self._seen: dict[Managed, Touched] = {}
        self._commits: dict[Name, str] = {}
        self.corrected: dict[tuple[Name, Managed], int] = {}
        """From 0 on: a counter that begins with its first correction would hide it."""
        self.unread: dict[Name, int] = {}
        """Objects of each Kustomization of kinds that are not read."""

    def look(
        self, objects: Mapping[Managed, Touched], found: Iterable[Kustomization]
    ) -> list[tuple[Name, Managed]]:
        """Take in a look, the objects before the Kustomizations; return what was just corrected.

        In this order the commit that changed an object is known at the latest with the change.
        """
        found = list(found)
        just: list[tuple[Name, Managed]] = []
        for one in found:
            steady = _settled(one) != "" and self._commits.get(one.name) == _settled(one)
            mine = [managed for managed in one.inventory if managed.kind in self._kinds]
            self.unread[one.name] = len(one.inventory) - len(mine)
            for managed in mine:
                before, now = self._seen.get(managed), objects.get(managed)
                key = (one.name, managed)
                self.corrected.setdefault(key, 0)
                if steady and before is not None and now is not None and now != before:
                    self.corrected[key] += 1
                    just.append(key)
        self._seen.update(objects)
        self._commits = {one.name: _settled(one) for one in found}
        known = {(one.name, managed) for one in found for managed in one.inventory}
        for key in self.corrected.keys() - known:
            del self.corrected[key]
        for name in self.unread.keys() - self._commits.keys():
            del self.unread[name]
        return just


def _settled(one: Kustomization) -> str:
    """Return the only commit that the Kustomization is about, or '' while there are two."""
    return one.applied if one.applied == one.attempted else ""
