"""What a clone knows of its history beyond the messages: which file was which text, and notes.

Git is asked a few times in all, not once for each commit, so that a long history is told at once.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from labs.gitops.commits import FORMAT, Commit, parsed

OVERRIDES = "refs/notes/overrides"
"""Where the Git server notes which commits it let through, for whom and why."""
RAW = re.compile(r":\d+ \d+ ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) [A-Z]\d*\t(.*)")
BEGIN = "\x1d"


@dataclass(frozen=True)
class FileChange:
    """A file that differs between two commits: its text's name in Git before and after, or ''."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Step:
    """A commit, and what it changed; a merge, against the branch that it was made on."""

    commit: Commit
    changes: tuple[FileChange, ...]

    @property
    def is_merge(self) -> bool:
        return len(self.commit.parents) > 1


class Record:
    """The history of a clone, read with its Git."""

    def __init__(self, git: Any) -> None:
        self._git = git  # GitPython's command object of a clone

    def steps(self, revision: str, path: str = "") -> list[Step]:
        """Return the commits up to a revision, newest first.

        With a path: only those that changed it as the branch itself saw it (first parents).
        """
        words = ["--date-order", revision, "--", *([path] * bool(path))]
        if path:
            words.insert(0, "--first-parent")
        commits = parsed(str(self._git.log("-z", f"--format={FORMAT}", *words)))
        shape = ("--raw", "--no-abbrev", "--no-renames", "--root", "--diff-merges=first-parent")
        raw = str(self._git.log(*shape, f"--format={BEGIN}%H", *words))
        entries = (entry.partition("\n") for entry in raw.split(BEGIN)[1:])
        changes = {sha: _changes(lines) for sha, _, lines in entries}
        return [Step(commit, changes.get(commit.sha, ())) for commit in commits]

    def texts(self, blobs: Iterable[str]) -> dict[str, str]:
        """Return the texts of these names; what is no text is told with replacement characters."""
        wanted = sorted(set(blobs))
        if not wanted:
            return {}
        with tempfile.TemporaryFile() as names:
            names.write("".join(f"{blob}\n" for blob in wanted).encode())
            names.seek(0)
            out: bytes = self._git.cat_file(
                "--batch", istream=names, stdout_as_string=False, strip_newline_in_stdout=False
            )
        found = {}
        place = 0
        for blob in wanted:
            head = out.index(b"\n", place)
            size = int(out[place:head].split()[-1])
            found[blob] = out[head + 1 : head + 1 + size].decode(errors="replace")
            place = head + 1 + size + 1
        return found

    def overrides(self) -> dict[str, str]:
        """Return the notes of what the Git server let through, by commit."""
        listed = str(self._git.notes(f"--ref={OVERRIDES}", "list")).split()
        notes = dict(zip(listed[1::2], listed[::2], strict=True))
        texts = self.texts(notes.values())
        return {sha: texts[blob].strip() for sha, blob in notes.items()}


def _changes(lines: str) -> tuple[FileChange, ...]:
    found = (RAW.fullmatch(line) for line in lines.split("\n"))
    return tuple(
        FileChange(match[3], *(blob if blob.strip("0") else "" for blob in match.groups()[:2]))
        for match in found
        if match
    )
