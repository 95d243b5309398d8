"""The lab's command as its user runs it: a process of its own, on the lab of a test."""

from __future__ import annotations

import sys
from pathlib import Path

from labs.instance import PROJECT, Instance
from labs.run import run

SECONDS = 600


def lab(instance: Instance, *words: str, project: Path = PROJECT) -> str:
    """Return what a command says, of this project or of an updated copy; it has to end well."""
    where = {"LAB_NAME": instance.name, "LAB_HOME": str(instance.root.parent)}
    env = {**where, "PYTHONPATH": str(project)}
    argv = (sys.executable, "-m", "labs.cli", *words)
    return run(*argv, cwd=project, env=env, timeout=SECONDS)
