#!/usr/bin/python3
"""The Git server's pre-receive hook: judges a push as a whole, before anything of it counts.

A branch only grows, a tag never moves, and a commit's author is the one who pushed it: otherwise
the history, from which every audit of the lab is read, could be forged. On main of the config repo
locks hold (locks.py), the bot does no more than it may (bot.py), and monitoring is as its own tools
take it, where that is switched on (checks.py). Pushes to a repository come one after the other (see
cgi/serve), so what is seen here is what holds when git goes on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import checks
import locks
import override
from refusal import Refused, git, holds, one_line

DOMAIN = "hackfest.local"
READERS = {"ci": "CI builds images; what runs is decided by the commits of people and of Flux"}
"""Users who may read, and why they may not push."""
CONFIG = "config"
MAIN = "refs/heads/main"
BOT = "flux"
SHOWN = 5
"""Commits that a message names; the others are counted."""


@dataclass(frozen=True)
class Update:
    """One line of a push: a ref goes from one object to another; all zeros mean none."""

    old: str
    new: str
    ref: str

    @property
    def name(self) -> str:
        """What people call the ref: `main`."""
        return self.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")

    @property
    def creates(self) -> bool:
        return not self.old.strip("0")

    @property
    def deletes(self) -> bool:
        return not self.new.strip("0")


@dataclass(frozen=True)
class Commit:
    """A commit as far as the hook judges it."""

    id: str
    author: str
    committer: str
    subject: str


FIELDS = len(fields(Commit))


def judge(updates: Iterable[Update], user: str, repo: str) -> None:
    """Raise Refused for the first thing in the push that is not allowed.

    Commits that the push may take past a lock or a check get their notes last, when all else is
    judged.
    """
    if not user:
        raise Refused(
            "a push without a user",
            "credentials of a user of this lab",
            "push through the server's address, with the credentials of your clone",
        )
    if user in READERS:
        raise Refused(
            f"a push with the credentials of {user!r}",
            f"a user who may write; {READERS[user]}",
            "push as yourself, with your own credentials",
        )
    overridden: dict[str, list[str]] = {}
    for update in updates:
        if user == BOT and (repo, update.ref) != (CONFIG, MAIN):
            raise Refused(
                f"a push of the bot {BOT!r} to {update.name!r} of {repo}",
                f"the bot writes to main of {CONFIG}, and nowhere else",
                "push as yourself, with your own credentials",
            )
        judge_ref(update)
        judge_commits(update, user)
        if (repo, update.ref) == (CONFIG, MAIN) and not update.creates:
            overridden |= judge_config(update, user)
    if overridden:
        override.note(overridden, user, override.reason(user))


def judge_config(update: Update, user: str) -> dict[str, list[str]]:
    """Return what goes past locks and checks with an override, by commit.

    Raises Refused for what does so without.
    """
    why = override.reason(user)
    found = locks.breaks(update.old, update.new)
    if found and not why:
        raise locks.refusal(found, user)
    if user == BOT:
        import bot  # it reads YAML in any case, which others need only where there are locks

        bot.judge(update.old, update.new)
    wrong = checks.judge(update.old, update.new, why)
    overridden: dict[str, list[str]] = {}
    for each in found:
        lines = overridden.setdefault(each.commit, [])
        lines.append(f"Overridden-Lock: {each.lock.workload}, {each.lock}")
    for line in wrong:
        lines = overridden.setdefault(update.new, [])
        lines.append(f"Overridden-Check: {one_line(line)}")
    return overridden


def judge_ref(update: Update) -> None:
    """Raise Refused if a branch is removed or loses commits, or a tag moves."""
    kind = "tag" if update.ref.startswith("refs/tags/") else "branch"
    if not update.ref.startswith(("refs/heads/", "refs/tags/")):
        raise Refused(
            f"a push to {update.ref}",
            "branches (refs/heads/…) and tags (refs/tags/…) only",
            "push to a branch: `git push origin HEAD:main`",
        )
    if update.deletes:
        raise Refused(
            f"the deletion of the {kind} {update.name!r}",
            "branches and tags that stay: the cluster follows them, the audit reads them",
            "leave it; to undo what a commit did, `git revert` it and push",
        )
    current = "" if update.creates else update.old
    if holds("show-ref", "--verify", "--quiet", update.ref):
        now = git("rev-parse", "--verify", update.ref)
    else:
        now = ""
    if now != current:
        raise Refused(
            f"{update.name!r} moved on the server while you pushed (now at {now[:8] or 'nothing'})",
            f"a push that starts from what is there (yours starts at {current[:8] or 'nothing'})",
            "`git pull --rebase`, then `git push` again",
        )
    if update.creates:
        return
    if kind == "tag":
        raise Refused(
            f"the tag {update.name!r} moved from {update.old[:8]} to {update.new[:8]}",
            "a tag that means the same for ever",
            "make a new tag with a higher version",
        )
    if not holds("merge-base", "--is-ancestor", update.old, update.new):
        lost = git("rev-list", "--count", f"{update.new}..{update.old}")
        raise Refused(
            f"a force push: it would take {lost} commit(s) off {update.name!r}",
            "a push that only adds: history is the record of what ran",
            "`git pull --rebase`, then `git push`; to undo a commit, `git revert` it",
        )


def judge_commits(update: Update, user: str) -> None:
    """Raise Refused if one of the push's new commits (or its tag) bears another's address."""
    mine = f"{user}@{DOMAIN}"
    commits = new_commits(update.new)
    foreign = [c for c in commits if {c.author, c.committer} != {mine}]
    if foreign:
        shown = [
            f"{c.id[:8]} {wrong(c, mine)} ({one_line(c.subject, 40)})" for c in foreign[:SHOWN]
        ]
        if len(foreign) > SHOWN:
            shown.append(f"and {len(foreign) - SHOWN} more")
        raise Refused(
            f"{len(foreign)} of {len(commits)} new commit(s) on {update.name!r} of somebody else:"
            + "".join(f"\n            {line}" for line in shown),
            f"author and committer {mine}, since you pushed as {user!r}",
            f"`git config user.email {mine}`, then "
            + mend(commits, only_last=len(foreign) == 1 and foreign[0] == commits[0]),
        )
    if git("cat-file", "-t", update.new) == "tag":
        tagger = tagger_of(update.new)
        if tagger != mine:
            raise Refused(
                f"the tag {update.name!r} was made by {tagger}",
                f"tagger {mine}, since you pushed as {user!r}",
                f"`git config user.email {mine}`, then `git tag -f -a {update.name}`",
            )


def wrong(commit: Commit, mine: str) -> str:
    """Return which of the commit's two addresses is not `mine`."""
    if commit.author != mine:
        return f"author {commit.author or 'without an address'}"
    return f"committer {commit.committer or 'without an address'}"


def mend(commits: list[Commit], *, only_last: bool) -> str:
    """Return the command that makes the new commits (newest first) the pusher's own."""
    amend = "git commit --amend --reset-author --no-edit"
    if only_last:
        return f"`{amend}`, then push again"
    before = f"{commits[-1].id[:12]}^"
    start = before if holds("rev-parse", "--verify", "--quiet", before) else "--root"
    return f"`git rebase {start} --exec '{amend}'`, then push again"


def new_commits(tip: str) -> list[Commit]:
    """Return the commits that the push brings, newest first; those that are there already not."""
    listing = git("log", "-z", "--format=%H%x00%ae%x00%ce%x00%s", tip, "--not", "--all")
    # Told apart by NUL alone, which no commit can hold: a subject may have all other characters.
    cells = listing.split("\0")
    return [Commit(*cells[at : at + FIELDS]) for at in range(0, len(cells) - FIELDS + 1, FIELDS)]


def tagger_of(tag: str) -> str:
    """Return the address in a tag object's header; empty if there is none."""
    for line in git("cat-file", "tag", tag).split("\n"):  # the tag's name may hold other breaks
        if line.startswith("tagger "):
            return line.partition("<")[2].partition(">")[0]
        if not line:
            break
    return ""


def main() -> int:
    """Read git's list of updates from stdin; return 0 if the push may go on."""
    user = os.environ.get("REMOTE_USER", "")
    updates = [Update(*line.rstrip("\n").split(" ", 2)) for line in sys.stdin]
    repo = Path.cwd().name.removesuffix(".git")
    try:
        judge(updates, user, repo)
    except Refused as refused:
        print("\nThe Git server did not take this push.", *refused.lines, sep="\n", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failure:
        print(
            "\nThe Git server could not judge this push.",
            f"found:    `{' '.join(failure.cmd)}` ended with {failure.returncode}",
            "expected: objects that git can read",
            "next:     `git fsck` in your clone; `make logs` shows the server's side",
            sep="\n",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
