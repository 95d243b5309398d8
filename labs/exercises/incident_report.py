"""The check of lab `incident` on the post-mortem: a file in Git that names what history knows."""

from __future__ import annotations

import re

from labs.exercises.evidence import live
from labs.exercises.incident_evidence import BAD, released, rolled_back
from labs.exercises.monitoring_evidence import bringer, refuse_kept_back, texts
from labs.exercises.releases import Move, fetched
from labs.step import Attempt, CheckFailed, NotDone

FOLDER = "post-mortems"
FILE = f"{FOLDER}/hello-2.1.0.md"
SECTIONS = ("What happened", "Cause", "What we do about it")
LEAST = 40
"""Characters that a section has at least: a sentence."""
CLOCK = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b")


def post_mortem(attempt: Attempt) -> str:
    """Judge the post-mortem that a pushed commit has brought, by what history says itself."""
    repo = fetched(attempt.instance)
    found = texts(repo, FOLDER)
    if not found:
        refuse_kept_back("the post-mortem", lambda revision: bool(texts(repo, FOLDER, revision)))
        raise NotDone(
            f"no file in {FOLDER}/: in a month nobody knows any more what happened",
            expected=f"{FILE}, in a pushed commit of yours",
            todo="`lab history hello -n 8` has what to write there: commits, times, who and why",
        )
    bad, back = released(repo, BAD), rolled_back(repo)
    if not bad or not back:
        raise NotDone(
            f"a post-mortem, and nothing of {BAD} in history that was rolled back",
            expected="a release and a rollback to write about",
            todo="do the steps before this one first",
        )
    lacks = {path: lacking(text, bad, back) for path, text in found.items()}
    path = min(lacks, key=lambda one: len(lacks[one]))
    if lacks[path]:
        raise CheckFailed(
            f"{path} lacks {lacks[path][0]}",
            expected=f"both commits, their times, and the sections {', '.join(SECTIONS)}",
            todo="`lab history hello -n 8`; write it down, commit, push",
        )
    commit = bringer(repo, path, lambda sha: not lacking(repo.text(path, sha), bad, back))
    assert commit is not None
    live(attempt, commit)
    return f"{commit} by {commit.author.name}: {path} names both commits, when, why and what now"


def lacking(text: str, bad: list[Move], back: list[Move]) -> list[str]:
    """Return what a post-mortem does not say, in words."""
    times = {f"{int(hour):02d}:{minute}" for hour, minute in CLOCK.findall(text)}
    missing = [
        f"the commit {what}"
        for what, moves in ((f"that brought {BAD}", bad), ("that took it back", back))
        if not any(move.commit.short in text for move in moves)
    ]
    missing += [
        f"the time at which {what}"
        for what, moves in ((f"{BAD} came", bad), ("it was rolled back", back))
        if not any(f"{move.commit.when.astimezone():%H:%M}" in times for move in moves)
    ]
    return missing + [
        f"a sentence below `## {title}`" for title in SECTIONS if len(_section(text, title)) < LEAST
    ]


def _section(text: str, title: str) -> str:
    """Return what stands below a heading of a text of Markdown, up to the next one."""
    found = re.search(
        rf"^##+ +{re.escape(title)}\s*$(.*?)(?=^##* |\Z)", text, re.MULTILINE | re.DOTALL
    )
    return found[1].strip() if found else ""
