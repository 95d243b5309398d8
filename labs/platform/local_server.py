"""A server on this machine, one per lab: started detached, found again, healed, stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.platform import environment, processes
from labs.wait import NotYet, TimedOut, wait_for

START_TIMEOUT = 180.0
"""Seconds; long, since a first `make up` may be compiling on every core meanwhile."""
HUNG_AFTER = 30.0
"""Seconds without an answer, after which a server that is there counts as hung."""
TAKEN = ("is already in use", "address already in use")


@dataclass(frozen=True)
class LocalServer:
    """How a server is started, and by what it is known."""

    instance: Instance
    part: str
    """Its name among the lab's ports and logs."""
    title: str
    home: Path
    """The folder of what it keeps; `server.json` says which process it is."""
    marker: str
    """The word of the command line that only this lab's server has."""
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    answers: Callable[[], None]
    """Asks it something. Raises NotYet while it does not answer as it should."""

    @property
    def log(self) -> Path:
        return self.instance.logs / f"{self.part}.log"

    def ensure(self, fingerprint: str, say: Callable[[str], None]) -> None:
        """Have the one server run, started if need be.

        A server that hangs, or that was started with another fingerprint, is replaced, and `say`
        is told. Raises LabError with the end of the log if it does not come up.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        with FileLock(self.home / "lock", timeout=START_TIMEOUT):
            server = self.pid()
            if server is not None:
                if self._state().get("fingerprint") != fingerprint:
                    say(f"{self.title}'s settings have changed: it is started anew")
                elif self._answers_within(server, HUNG_AFTER):
                    return
                else:
                    say(f"{self.title} (process {server}) does not answer: it is started anew")
                processes.end(server, self.marker)
            self._start(fingerprint)

    def pid(self) -> int | None:
        """Return the process number of this lab's server, or None if it is not there.

        The number that was written down is believed only if that process is our server; if it is
        not, the server is looked for, as the file may be lost and the server still there.
        """
        known = self._state().get("pid")
        if isinstance(known, int) and self.marker in (processes.command_line(known) or ""):
            return known
        found = processes.find(self.marker)
        return found[0] if found else None

    def stop(self) -> None:
        """End the server, and what it started. Does nothing if it is not there."""
        for server in processes.find(self.marker):
            processes.end(server, self.marker)
        self._state_file.unlink(missing_ok=True)

    def _start(self, fingerprint: str) -> None:
        self.cwd.mkdir(parents=True, exist_ok=True)
        foreign = [name for name in environment.unwanted() if name not in self.env]
        without = [word for name in foreign for word in ("-u", name)]
        server = processes.start_detached(
            ["env", *without, *self.argv], log=self.log, env=self.env, cwd=self.cwd
        )
        write_json(self._state_file, {"pid": server, "fingerprint": fingerprint})
        try:
            wait_for(
                lambda: self._answer(server), what=f"{self.title} answers", timeout=START_TIMEOUT
            )
        except TimedOut as late:
            raise self._failed(late.found) from late

    def _answer(self, server: int) -> None:
        """Return if the server answers. Raises NotYet, or LabError if it has ended."""
        if self.marker not in (processes.command_line(server) or ""):
            if processes.alive(server):
                raise NotYet(f"process {server} is not {self.title} yet")
            raise self._failed(f"{self.title} (process {server}) ended while starting")
        self.answers()

    def _answers_within(self, server: int, seconds: float) -> bool:
        try:
            what = f"{self.title} answers"
            wait_for(lambda: self._answer(server), what=what, timeout=seconds)
        except LabError:
            return False
        return True

    def _failed(self, found: str) -> LabError:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        taken = any(words in line for line in lines[-12:] for words in TAKEN)
        return LabError(
            "\n".join([found, *(f"    {line}" for line in lines[-12:])]),
            expected=f"{self.title} on port {self.instance.port(self.part)} of this machine",
            todo="run `make up`: it takes another port" if taken else f"read {self.log}, `make up`",
        )

    @property
    def _state_file(self) -> Path:
        return self.home / "server.json"

    def _state(self) -> dict[str, object]:
        path = self._state_file
        state: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
        return state
