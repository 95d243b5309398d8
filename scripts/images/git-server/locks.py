"""Locks: an app that is locked in a commit has the same version in the next, or that is refused.

A lock is two annotations on the app's Deployment in `apps/<environment>/<app>.yaml`. Every commit
that a push adds to main is judged against each of its parents. So it takes one commit to unlock and
another to move, and a merge brings in no version past a lock.
"""

from __future__ import annotations

import posixpath
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from refusal import Refused, git, one_line

if TYPE_CHECKING:
    from wiring import Workload

LOCKED_BY = "gitops-hackfest/locked-by"
REASON = "gitops-hackfest/lock-reason"
FILE = re.compile(r"apps/([^/]+)/[^/]+\.ya?ml")
NO_ENVIRONMENT = "base"
AT_ONCE = 200
"""Commits that one git process is asked for."""


@dataclass(frozen=True)
class Lock:
    """Who locked which app, and why."""

    workload: Workload
    by: str
    reason: str

    def __str__(self) -> str:
        return f"locked by {self.by}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class Break:
    """A commit that moves an app although it is locked in the commit's parent."""

    commit: str
    lock: Lock
    how: str


def breaks(old: str, new: str) -> list[Break]:
    """Return what a push of main from one commit to another does to locked apps, oldest first."""
    listing = git("rev-list", "--topo-order", "--reverse", "--parents", new, f"^{old}")
    family = {line.split()[0]: line.split()[1:] for line in listing.splitlines()}
    parents = sorted({parent for each in family.values() for parent in each})
    holding = _holding(parents)
    if not holding:
        return []
    found = []
    for commit, its_parents in family.items():
        for parent in its_parents:
            for lock in locks(parent) if parent in holding else []:
                how = _moved(parent, commit, lock.workload)
                if how and not _is_others_work(commit, parent, its_parents, lock):
                    found.append(Break(commit, lock, how))
    return list({(each.commit, each.lock.workload): each for each in found}.values())


def refusal(found: Sequence[Break], user: str) -> Refused:
    """Return what the pusher reads of the first of them."""
    first, more = found[0], len({each.commit for each in found}) - 1
    workload = first.lock.workload
    unlock = f"`lab unlock {workload.app} --env {workload.env}`"
    subject = one_line(git("log", "-1", "--format=%s", first.commit), 60)
    also = f" (and {more} more commit(s) move what is locked)" if more else ""
    override = ", or `git push -o override=WHY`" if user == "instructor" else ""
    return Refused(
        f"{workload} is {first.lock}; commit {first.commit[:8]} ({subject}) moves it: "
        f"{one_line(first.how)}{also}",
        f"{workload} keeps its version until it is unlocked; all else may change",
        f"{unlock}, a commit of its own, then `git pull --rebase` and push again{override}",
    )


@cache
def locks(commit: str) -> tuple[Lock, ...]:
    """Return the locks of a commit."""
    return tuple(lock for path in _holding([commit]).get(commit, []) for lock in _in(commit, path))


def _holding(commits: Sequence[str]) -> dict[str, list[str]]:
    """Return the files that speak of locks, by commit: quick, since most often there is none."""
    found: dict[str, list[str]] = {}
    for start in range(0, len(commits), AT_ONCE):
        words = ["git", "grep", "-l", "-z", "-F", "-e", LOCKED_BY]
        some = commits[start : start + AT_ONCE]
        done = subprocess.run([*words, *some, "--", "apps"], check=False, stdout=subprocess.PIPE)
        if done.returncode not in (0, 1):
            raise subprocess.CalledProcessError(done.returncode, words)
        for entry in done.stdout.decode(errors="surrogateescape").split("\0"):
            commit, _, path = entry.partition(":")
            match = FILE.fullmatch(path)
            if match and match[1] != NO_ENVIRONMENT:
                found.setdefault(commit, []).append(path)
    return found


def _in(commit: str, path: str) -> list[Lock]:
    # Read only where there are locks: YAML's library is half of what a hook takes to start.
    from entries import kind_of, meta_of
    from tree import Unreadable, tree
    from wiring import Workload

    match = FILE.fullmatch(path)
    assert match is not None
    files = tree(commit)
    try:
        docs = files.docs(path)
    except Unreadable:
        lines = files.text(path).splitlines()
        said = {key: _value(lines, key) for key in (LOCKED_BY, REASON)}
        app = posixpath.splitext(posixpath.basename(path))[0]
        return [Lock(Workload(match[1], app, path), said[LOCKED_BY] or "somebody", said[REASON])]
    found = []
    for doc in docs:
        notes = meta_of(doc).get("annotations")
        if kind_of(doc) == "Deployment" and isinstance(notes, dict) and LOCKED_BY in notes:
            workload = Workload(match[1], str(meta_of(doc).get("name")), path)
            by = one_line(notes[LOCKED_BY] or "somebody", 60)
            found.append(Lock(workload, by, one_line(notes.get(REASON) or "")))
    return found


def _value(lines: Sequence[str], key: str) -> str:
    """Return what a broken file says of a lock, as far as a line tells it."""
    for line in lines:
        name, _, value = line.strip().partition(":")
        if name.strip("\"'") == key:
            return one_line(value.strip().strip("\"'"))
    return ""


@cache
def _moved(before: str, after: str, workload: Workload) -> str:
    """Return how a workload's version differs between two commits, or ''."""
    from tree import Unreadable, tree
    from wiring import strays, version

    changed = git("diff-tree", "-r", "-z", "--name-only", "--no-renames", before, after)
    paths = [path for path in changed.split("\0") if path]
    if not paths:
        return ""
    try:
        was, now = (
            [*version(tree(commit), workload), *strays(tree(commit), workload, paths, tree(before))]
            for commit in (before, after)
        )
    except Unreadable as wrong:
        return f"it cannot be read ({wrong})"
    if was == now:
        return ""
    gone = [str(each) for each in was if each not in now and str(each) not in "()"]
    new = [str(each) for each in now if each not in was and str(each) not in "()"]
    if gone and new:
        return f"{gone[0]}, becomes {new[0]}" if gone[0] != new[0] else f"{new[0]}, is another"
    if new:
        return f"{new[0]}, is new"
    return f"{gone[0]}, is gone" if gone else "what sets its version stands in another order"


def _is_others_work(commit: str, parent: str, parents: Sequence[str], lock: Lock) -> bool:
    """Return whether a merge only takes over what was unlocked and moved on another parent's side.

    So it is where this parent says of the app what both sides began with: then the other side
    counts, whose own commits are judged one by one.
    """
    others = [each for each in parents if each != parent]
    for other in others:
        bases = git("merge-base", "--all", parent, other).split() if _related(parent, other) else []
        if (
            bases
            and not _moved(other, commit, lock.workload)
            and all(lock in locks(base) for base in bases)
            and not any(_moved(base, parent, lock.workload) for base in bases)
        ):
            return True
    return False


def _related(one: str, other: str) -> bool:
    words = ["git", "merge-base", one, other]
    return subprocess.run(words, check=False, stdout=subprocess.DEVNULL).returncode == 0
