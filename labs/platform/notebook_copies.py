"""Copies of the project's files that belong to the attendee, kept up to date without loss.

What the attendee changed is never written over: a newer version is laid beside it. What nobody
changed is brought up to date. A record of what was handed out tells the two apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from labs.instance import write_json
from labs.platform import files


class Copies:
    """The files handed out to one folder, with a record of the digests they had then."""

    def __init__(self, folder: Path, record: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._record = record
        self._say = say
        self._given: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}

    def hand_out(self, name: str, content: bytes) -> None:
        """Bring `name` up to date, or lay the new version beside it and say so."""
        new = _digest(name, content)
        old = self._given.get(name)
        found = self._found(name)
        if found == new:
            self._remember(name, new)
        elif found is None or found == old:
            self._write(name, content)
        elif new != old:
            self._offer(name, content)

    def changed(self, name: str) -> bool:
        """Return whether a file is there that is not as it was handed out."""
        return self._found(name) not in (None, self._given.get(name))

    def _offer(self, name: str, content: bytes) -> None:
        new = _digest(name, content)
        stem, dot, suffix = name.rpartition(".")
        number = 1
        while True:
            offered = f"{stem}.new{'' if number == 1 else f'-{number}'}{dot}{suffix}"
            given = self._given.get(offered)
            if given == new:
                return  # offered before; the attendee may have changed it or thrown it away
            if self._found(offered) in (None, given):
                break
            number += 1
        self._write(offered, content)
        self._say(f"{name} has changes of yours and stays; its new version is {offered}")

    def _write(self, name: str, content: bytes) -> None:
        files.write(self._folder / name, content)
        self._remember(name, _digest(name, content))

    def _found(self, name: str) -> str | None:
        path = self._folder / name
        return _digest(name, path.read_bytes()) if path.exists() else None

    def _remember(self, name: str, digest: str) -> None:
        if self._given.get(name) != digest:
            self._given[name] = digest
            write_json(self._record, self._given)


def _digest(name: str, content: bytes) -> str:
    """Return the digest of what a person can have changed.

    JupyterLab writes a notebook's own metadata (the kernel's version) as soon as it is opened, so
    of a notebook only the cells count, with all that is in them.
    """
    if name.endswith(".ipynb"):
        try:
            cells = json.loads(content)["cells"]
            for cell in cells:
                if isinstance(cell["source"], list):  # the same text, in the other form
                    cell["source"] = "".join(cell["source"])
        except (ValueError, KeyError, TypeError):
            pass  # no notebook any more: somebody changed it
        else:
            content = json.dumps(cells, sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()
