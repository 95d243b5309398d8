"""The last resort of a thread that looks at something: a bug of ours ends a look, not the thread.

A thread that ended would leave pages that stay as they are for good, and nobody would be told.
"""

from __future__ import annotations

import sys
import threading
import traceback

from labs.errors import LabError

_printed: set[tuple[str, str, str]] = set()
_printing = threading.Lock()


class Bug(LabError):
    """An error that no code expected: the lab itself is at fault."""


def bug(doing: str, found: Exception) -> Bug:
    """Return an unexpected exception as one of the lab's errors.

    Its traceback goes to stderr, which is a server's log: once, however often it is met.
    """
    frames = traceback.extract_tb(found.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    key = (doing, type(found).__name__, where)
    with _printing:
        news = key not in _printed
        _printed.add(key)
    if news:
        print(f"a bug while {doing}; it is told once:", file=sys.stderr)
        traceback.print_exception(found, file=sys.stderr)
    said = traceback.format_exception_only(found)[-1].strip()
    return Bug(
        f"a bug in the lab while {doing}: {said}",
        expected="code that takes whatever it meets",
        todo="report it, with the traceback in `make logs PART=console`; meanwhile it is retried",
    )
