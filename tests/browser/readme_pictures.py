"""The README's pictures: taken by the tests, and put in place where LAB_PICTURE=1 asks for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from labs.instance import PROJECT

FOLDER = PROJECT / "docs" / "images"
LIMIT = 250_000
"""Bytes that a picture may have: the README is read on slow lines, too."""


def into_readme(taken: Path) -> None:
    """Hold a picture to its size; put it into the README's folder, if that is wanted."""
    assert taken.stat().st_size < LIMIT
    if os.environ.get("LAB_PICTURE") == "1":
        FOLDER.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(taken, FOLDER / taken.name)
