"""Turns pushes into runs. A push that CI was not told of is found later, and that is said."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from ci.runs import Run, Runs
from ci.source import Source, Unknown

NONE = "0" * 40


class Intake:
    """What was seen of the branch that CI builds, kept in a file."""

    def __init__(
        self,
        runs: Runs,
        source: Source,
        repo: str,
        branch: str,
        file: Path,
        command: str = "lab ci",
    ) -> None:
        self.runs, self.source, self.repo, self.branch = runs, source, repo, branch
        self.command = command
        """What a pusher is told to see a log with."""
        self._file = file
        self._lock = threading.Lock()
        self._unheard = ""
        """A new tip of the branch whose push was not told when Git was looked at last."""

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"

    def seen(self) -> str | None:
        """Return the last commit that was seen at the branch's tip; None before the first look."""
        try:
            return str(json.loads(self._file.read_text())["commit"])
        except FileNotFoundError:
            return None

    def pushed(self, event: dict[str, Any]) -> list[str]:
        """Queue a run for each push to the branch; return what the pusher is told."""
        said = []
        for update in event["updates"]:
            ref, old, new = update["ref"], update["old"], update["new"]
            if event["repo"] != self.repo or ref != self.ref:
                said.append(f"CI builds {self.branch} of {self.repo} alone: no run for {ref}")
                continue
            with self._lock:
                seen = self.seen()
                if new == seen and any(run.commit == new for run in self.runs.all()):
                    said.append("CI has found this push already")
                    continue
                if seen is not None and old not in (NONE, seen) and new != seen:
                    said.append(self._queued(self._missed(seen, old, event["pusher"])))
                run = self.runs.add(
                    self.repo, ref, new, update.get("subject", ""), event["pusher"], "push"
                )
                self._see(new)
            said.append(self._queued(run))
        return said

    def catch_up(self) -> Run | None:
        """Queue a run for a push that CI was not told of. Raises Unknown: Git does not answer.

        The first look of all only notes where the branch is: what is there came with the lab. A
        new tip gets its run at the second look that finds it: its push may be being told just now.
        """
        head = self.source.head(self.branch)
        with self._lock:
            seen = self.seen()
            before, self._unheard = self._unheard, ""
            if not head or head == seen:
                return None
            if seen is None:
                self._see(head)
                return None
            if head != before:
                self._unheard = head
                return None
            run = self._missed(seen, head, "somebody")
            self._see(head)
            return run

    def asked(self, word: str, who: str) -> Run:
        """Queue a run for a commit (default: the branch's tip). Raises Unknown."""
        commit, subject = self.source.commit(word or self.branch)
        return self.runs.add(self.repo, self.ref, commit, subject, who, f"asked for by {who}")

    def _missed(self, seen: str, head: str, pusher: str) -> Run:
        try:
            commit, subject = self.source.commit(head)
            count = self.source.between(seen, head)
        except Unknown as trouble:
            commit, subject, count = head, str(trouble), 1
        reason = "pushed, and CI was not told"
        if count > 1:
            reason += f" (the newest of {count} commits; those before it get no run of their own)"
        return self.runs.add(self.repo, self.ref, commit, subject, pusher, reason)

    def _queued(self, run: Run) -> str:
        running = self.runs.running()
        before = [r.number for r in self.runs.queue() if r.number < run.number]
        see = f"(`{self.command} logs {run.number} --follow`)"
        if running is run:
            return f"CI: run {run.number} has begun {see}"
        ahead = ([running.number] if running else []) + before
        wait = f", after {len(ahead)} other(s)" if ahead else ""
        return f"CI: run {run.number} is queued{wait} {see}"

    def _see(self, commit: str) -> None:
        temporary = self._file.with_name(f".{self._file.name}")
        temporary.write_text(json.dumps({"commit": commit}))
        temporary.replace(self._file)
