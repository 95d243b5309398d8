"""A change that is not yet a commit: made on a commit's tree, beside the working folder."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labs.errors import LabError

FILE_MODE = "100644"


class Draft:
    """The files of a commit, and what is to become of them."""

    def __init__(self, git: Any, base: str) -> None:
        self._git = git  # GitPython's command object of a clone
        self.base = base
        self._changes: dict[str, str | None] = {}
        self._files: dict[str, str] | None = None
        self._texts: dict[str, str] = {}

    @property
    def touched(self) -> set[str]:
        """The files that the change really alters."""
        return {path for path, text in self._changes.items() if text != self._before(path)}

    def files(self, folder: str = "") -> list[str]:
        """Return the paths of all files, or of those below a folder."""
        start = f"{folder.rstrip('/')}/" if folder else ""
        known = {path for path in self._base_files() if self._changes.get(path, "") is not None}
        known |= {path for path, text in self._changes.items() if text is not None}
        return sorted(path for path in known if path.startswith(start))

    def read(self, path: str) -> str:
        """Return a file's text. Raises LabError with the nearest names where it is not there."""
        text = self._changes[path] if path in self._changes else self._before(path)
        if text is None:
            near = difflib.get_close_matches(path, self.files(), n=3, cutoff=0.4)
            raise LabError(
                f"no file {path!r} in the commit {self.base[:7]}",
                expected="a file of the repository" + (f", such as {near}" if near else ""),
                todo="see `git ls-files` for those that are there",
            )
        return text

    def write(self, path: str, text: str) -> None:
        """Give a file this text; it need not be there."""
        self._changes[path] = text

    def delete(self, path: str) -> None:
        """Remove a file. Raises LabError where it is not there."""
        self.read(path)
        self._changes[path] = None

    def replace(self, path: str, old: str, new: str) -> None:
        """Change one place of a file. Raises LabError unless `old` is there exactly once."""
        text = self.read(path)
        if text.count(old) != 1:
            raise LabError(
                f"{old!r} is {text.count(old)} times in {path}",
                expected="exactly once",
                todo=f"see `git log -p -- {path}` for what changed it",
            )
        self.write(path, text.replace(old, new))

    def diff(self) -> str:
        """Return the change as `git diff` shows one."""
        out: list[str] = []
        for path in sorted(self.touched):
            before, after = self._before(path), self._changes[path]
            out += difflib.unified_diff(
                (before or "").splitlines(keepends=True),
                (after or "").splitlines(keepends=True),
                f"a/{path}" if before is not None else "/dev/null",
                f"b/{path}" if after is not None else "/dev/null",
            )
        return "".join(out)

    def against(self, folder: Path) -> tuple[dict[str, str], list[str]]:
        """Return what a working folder lacks of the change, and the files that are in its way.

        Those are neither as they were nor as they are to be: somebody is at work on them.
        """
        lacks: dict[str, str] = {}
        theirs = []
        for path in sorted(self.touched):
            wanted, file = self._changes[path], folder / path
            there = file.read_text() if file.is_file() else None
            if wanted is None or there == wanted:
                continue
            if there != self._before(path):
                theirs.append(path)
            lacks[path] = wanted
        return lacks, theirs

    def commit(self, message: str, environment: Mapping[str, str]) -> str:
        """Make a commit of it on top of its base; return its name. No branch and no file moves."""
        with scratch_index() as index:
            env = {**environment, "GIT_INDEX_FILE": str(index)}
            self._git.read_tree(self.base, env=env)
            for path in sorted(self.touched):
                text = self._changes[path]
                if text is None:
                    self._git.update_index("--force-remove", "--", path, env=env)
                    continue
                mode = self._base_files().get(path, FILE_MODE)
                self._git.update_index(
                    "--add", "--cacheinfo", f"{mode},{self._store(text)},{path}", env=env
                )
            tree = self._git.write_tree(env=env)
            return str(self._git.commit_tree(tree, "-p", self.base, "-m", message, env=env))

    def _store(self, text: str) -> str:
        with tempfile.TemporaryFile() as content:
            content.write(text.encode())
            content.seek(0)
            return str(self._git.hash_object("-w", "--stdin", istream=content))

    def _before(self, path: str) -> str | None:
        if path not in self._base_files():
            return None
        if path not in self._texts:
            # GitPython strips a last newline unless told not to; a YAML file ends with one.
            shown = self._git.show(f"{self.base}:{path}", strip_newline_in_stdout=False)
            self._texts[path] = str(shown)
        return self._texts[path]

    def _base_files(self) -> dict[str, str]:
        if self._files is None:
            listed = str(self._git.ls_tree("-r", "-z", self.base)).split("\0")
            entries = [entry.partition("\t") for entry in listed if entry]
            self._files = {path: head.split()[0] for head, _, path in entries}
        return self._files


@contextmanager
def scratch_index() -> Iterator[Path]:
    """An index of its own, so that the reader's staged changes stay as they are."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "index"
