"""Gets parts: finds them in the cache, or makes them and what they need, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from labs.errors import LabError
from scripts.supply.cache import Cache
from scripts.supply.log import Log
from scripts.supply.parts import Part, Plan
from scripts.supply.progress import Progress, duration


class Bench:
    """What a part's `make` is given (parts.Workshop): a folder, a log, the needed parts."""

    def __init__(
        self, folder: Path, log: Log, found: Mapping[str, Path], tell: Callable[[str], None]
    ) -> None:
        self.folder = folder
        self._log = log
        self._found = found
        self._tell = tell

    def of(self, part: Part) -> Path:
        """Return the folder of a part that this one needs."""
        return self._found[part.key]

    def say(self, doing: str) -> None:
        """Tell what is being done, for the terminal, status.json and the log."""
        self._log.write(f"-- {doing}")
        self.tell(doing)

    def tell(self, doing: str) -> None:
        """Tell how far that is, for the terminal and status.json alone."""
        self._tell(doing)

    def run(
        self,
        *argv: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: Path | None = None,
        stdout: Path | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        """Run a program, logged. Raises StepFailed."""
        self._log.run(
            *argv, cwd=cwd, env=env, stdin=stdin, stdout=stdout, on_line=on_line or self.tell
        )


class Maker:
    """Gets the parts of one plan into a cache."""

    def __init__(self, plan: Plan, cache: Cache, say: Callable[[str], None] = print) -> None:
        self.plan = plan
        self.cache = cache
        self._say = say

    def missing(self, wanted: Sequence[Part]) -> list[Part]:
        """Return what has to be made for `wanted`, in the plan's order."""
        keys: set[str] = set()

        def visit(part: Part) -> None:
            if part.key not in keys and self.cache.find(part) is None:
                keys.add(part.key)
                for need in part.needs:
                    visit(need)

        for part in wanted:
            visit(part)
        return [part for part in self.plan.parts if part.key in keys]

    def get(self, wanted: Sequence[Part]) -> None:
        """Make what is missing for `wanted`. Safe to interrupt and to run beside another."""
        todo = self.missing(wanted)
        if todo and self.plan.made_by == "bundle":
            raise LabError(
                f"the bundle has no {', '.join(part.name for part in todo)}",
                expected="a bundle with every part of this project",
                todo="make a new one with `make bundle`, or choose another way (LAB_SUPPLY=source)",
            )
        progress = Progress(self.cache.root, self._say, len(todo))
        for part in todo:
            self._get_one(part, progress)

    def _get_one(self, part: Part, progress: Progress) -> None:
        spoken = False

        def waiting(seconds: float) -> None:
            nonlocal spoken
            if not spoken and seconds > 1:
                spoken = True
                known = duration(progress.durations.expected(part))
                progress.say(f"{part.name}: another process makes it (about {known}); waiting")

        with self.cache.lock(part.name, waiting):
            if self.cache.find(part) is not None:
                progress.skip()
                return
            self.cache.remove(part)
            found = {need.key: self._needed(need, part) for need in part.needs}
            log = Log(self.cache.log_path(part))
            try:
                with (
                    progress.making(part, log.path) as tell,
                    self.cache.filling(part) as folder,
                ):
                    part.make(Bench(folder, log, found, tell))
                    self.cache.store(part, folder)
            finally:
                log.close()

    def _needed(self, need: Part, by: Part) -> Path:
        folder = self.cache.find(need)
        if folder is None:
            raise LabError(
                f"{need.name}, which {by.name} needs, went away meanwhile",
                expected=f"the part {need.key} in {self.cache.parts}",
                todo="run the command again",
            )
        return folder
