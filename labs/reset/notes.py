"""What a lab has found out of the app's versions: their commits and images, while the recipe holds.

Both follow from the project's files alone. Reckoning them takes a second or two; a reset that
finds them noted, and what they name where it belongs, does without.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from labs.gitops.app_versions import trees
from labs.instance import PROJECT, Instance, write_json


class Notes:
    """A file of the lab; another recipe, or none that can be read, makes it a blank one."""

    def __init__(self, instance: Instance) -> None:
        self._path = instance.root / "versions.json"
        self._key = recipe()
        self._known: dict[str, Any] = {}
        if self._path.exists():
            try:
                found = json.loads(self._path.read_text())
                self._known = dict(found["known"]) if found["recipe"] == self._key else {}
            except (ValueError, KeyError, TypeError):
                self._known = {}

    def get(self, what: str) -> str:
        """Return what is noted, or ''."""
        return str(self._known.get(what, ""))

    def put(self, what: str, value: str) -> None:
        """Note something, now."""
        self._known[what] = value
        write_json(self._path, {"recipe": self._key, "known": self._known})


def recipe() -> str:
    """Return a digest of all that the app's commits and images follow from."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    app = PROJECT / "sample-app"
    left_out = ("__pycache__", ".venv", ".git")
    paths = [
        *(path for path in sorted(app.rglob("*")) if not set(left_out) & set(path.parts)),
        *sorted(trees.PATCHES.glob("*")),
        *(here / name for name in ("app_history.py", "app_images.py")),
    ]
    for path in paths:
        if path.is_file() and "_cache" not in str(path.relative_to(path.anchor)):
            digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
