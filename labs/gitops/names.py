"""Finds a name among the known ones; an unknown one is told with them, and with the nearest."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from labs.errors import LabError


def require(what: str, name: str, known: Iterable[str], todo: str) -> str:
    """Return the name if it is known. Raises LabError with the known ones and the nearest."""
    names = list(known)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; the nearest is {near[0]!r}" if near else ""
    listed = ", ".join(names) or "there is none yet"
    raise LabError(f"no {what} is called {name!r}", expected=f"one of: {listed}{hint}", todo=todo)
