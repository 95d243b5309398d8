"""Files that a configuration names: those of the folder alone.

What the tools cannot read they quote. On the Git server, where they judge what anybody pushes, a
name that leads elsewhere would let its own files be read.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import Path

from labs.gitops import yaml_places
from labs.gitops.monitoring import FOLDER
from labs.gitops.yaml_places import Unreadable


def problems(root: Path, files: Sequence[Path], key: str) -> list[str]:
    """Return a line for each name in the list `key` that leads out of monitoring/."""
    found = []
    for path in files:
        name, text = path.relative_to(root).as_posix(), path.read_text(errors="replace")
        try:
            documents = yaml_places.load(text)
        except Unreadable as wrong:
            found.append(f"{name}: {wrong.found}")
            continue
        told = [one.get(key) for one in documents if isinstance(one, dict)]
        for one in (str(each) for listed in told if isinstance(listed, list) for each in listed):
            where = posixpath.normpath(posixpath.join(posixpath.dirname(name), one))
            if not where.startswith(f"{FOLDER}/"):
                line = next((n for n, row in enumerate(text.splitlines(), 1) if one in row), 0)
                found.append(f"{name}:{line}: {one} in {key} leads out of {FOLDER}/")
    return found
