"""Tests and benches have a lab of their own: they delete it at the end."""

from __future__ import annotations

import os

from labs.errors import LabError
from labs.instance import DEFAULT_NAME


def require(name: str) -> None:
    """Have LAB_NAME be `name` by default. Raises LabError where it names the reader's lab."""
    if os.environ.setdefault("LAB_NAME", name) == DEFAULT_NAME:
        raise LabError(
            f"LAB_NAME={DEFAULT_NAME}",
            expected="a lab of its own: it is deleted at the end",
            todo=f"leave LAB_NAME out (it is then {name}), or choose another",
        )
