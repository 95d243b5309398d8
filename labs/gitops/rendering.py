"""The cluster as a function of the repository: a folder of files in, a list of objects out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from labs.run import run


def render(root: Path, path: str, kubectl: str | Path) -> list[dict[str, Any]]:
    """Return the objects that a folder below `root` stands for, as kustomize builds it.

    Raises CommandFailed with kustomize's words where the folder does not build.
    """
    todo = f"mend what the last line names; `kubectl kustomize {path}` tries again"
    text = run(kubectl, "kustomize", path, cwd=root, timeout=60, todo=todo)
    return [dict(found) for found in YAML(typ="safe", pure=True).load_all(text) if found]
