"""What the config repo says of its workloads, read from a bare clone without credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labs.exporter.fields import fields_in_git
from labs.gitops import workloads
from labs.gitops.workloads import Found
from labs.understudy.clone import Clone

BRANCH = "main"


@dataclass(frozen=True)
class Workload:
    """A workload as Git has it, the namespace that it runs in, and what its file says."""

    found: Found
    namespace: str
    fields: Mapping[str, str]
    """The values that its environment sets, by the field's name; see labs.exporter.fields."""


class Repo:
    """The config repo's newest commit, and its workloads; read anew only where it moved."""

    def __init__(self, clone: Clone) -> None:
        self._clone = clone
        self.head = ""
        self.committed = 0.0
        """The newest commit's time, in Unix seconds."""
        self.workloads: list[Workload] = []

    def look(self) -> None:
        """Take in the branch's newest commit. Raises GitFailed."""
        head = self._clone.head(BRANCH)
        if head is None or head == self.head:
            return
        head = self._clone.fetch(BRANCH)
        tree = _Tree(self._clone, head)
        self.workloads = [
            Workload(found, workloads.namespace(tree, environment), fields_in_git(tree, found))
            for environment in workloads.environments(tree)
            for found in workloads.each(tree, environment)
        ]
        self.committed = self._clone.times(head, most=1)[0]
        self.head = head

    def times(self, before: str, after: str) -> list[float]:
        """Return the times of the commits after one, up to another. Raises GitFailed."""
        return self._clone.times(f"{before}..{after}")


class _Tree:
    """A commit's files, as `labs.gitops.workloads` reads them."""

    def __init__(self, clone: Clone, commit: str) -> None:
        self._clone = clone
        self._commit = commit
        self._files = clone.files(commit)

    def files(self, folder: str = "") -> list[str]:
        return [path for path in self._files if not folder or path.startswith(f"{folder}/")]

    def read(self, path: str) -> str:
        return self._clone.read(self._commit, path).decode(errors="replace")
