"""The lab's own images have every module that their code imports: here all of them are there."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.instance import PROJECT
from scripts.supply import catalogue, images

STARTS = {
    "exporter": ("exporter.__main__", "receiver.__main__", "traffic.__main__"),
    "git-server": ("gitops.monitoring.check",),
    "understudy": ("understudy.__main__",),
}
"""By image: which modules of labs/ are started there, or imported by what is no part of labs/."""


@pytest.mark.parametrize("name", STARTS)
def test_what_is_imported_is_in_the_image(name: str, tmp_path: Path) -> None:
    context = tmp_path / "context"
    images.copy_content(catalogue.load().images[name], context)
    packages = (context / "packages").read_text().split()
    known = set(sys.stdlib_module_names) | {
        package.removeprefix("python3-").replace("-", "_").partition(".")[0]
        for package in packages
        if package.startswith("python3-")
    }
    waiting = [f"labs.{module}" for module in STARTS[name]]
    seen, missing = set[str](), list[str]()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        path = module_file(context, module)
        if path is None:
            missing.append(module)
            continue
        imports = at_import(ast.parse(path.read_text()))
        waiting += [own(one) for one in imports if one.partition(".")[0] not in known]
    assert missing == []
    assert len(seen) > len(STARTS[name])


def at_import(tree: ast.Module) -> Iterator[str]:
    """Yield what a module imports when it is imported itself, not in a function, not for types."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def own(imported: str) -> str:
    """Return `a.b.c` where that is a module of ours, else `a.b`, which has c."""
    return imported if module_file(PROJECT, imported) else imported.rpartition(".")[0]


def module_file(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((one for one in candidates if one.exists()), None)
