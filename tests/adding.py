"""Follows docs/adding-a-lab.md in a copy of the project: the page's own blocks, as it says."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from labs.instance import PROJECT
from labs.run import run

PAGE = PROJECT / "docs" / "adding-a-lab.md"
BLOCK = re.compile(r"^<!-- (.+?) -->\n```\w+\n(.*?)^```$", re.M | re.S)
LEFT_OUT = (".git", ".lab", ".venv", "build", "*.egg-info", "__pycache__", ".*_cache")


def copy_of_the_project(folder: Path) -> Path:
    """Return a copy that has the project's own Python environment."""
    copy = folder / "project"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (copy / ".venv").symlink_to(PROJECT / ".venv")
    return copy


def follow(copy: Path, *, live: bool) -> list[str]:
    """Do what the page says: what needs a live lab, or what does not; return what was done."""
    done = []
    for where, block in BLOCK.findall(PAGE.read_text()):
        if where.startswith("run with bash") and where.endswith(", on a live lab") != live:
            continue
        if found := re.fullmatch(r"the new file (\S+)", where):
            assert not (copy / found[1]).exists(), found[1]
            (copy / found[1]).write_text(block)
        elif found := re.fullmatch(r"at the end of (\w+) in (\S+)", where):
            _append(copy / found[2], found[1], block)
        elif where == "run with Python":
            run(sys.executable, "-", cwd=copy, stdin=block)
        elif where.startswith("run with bash"):
            # The page's own project, wherever the environment's was installed from.
            run("bash", "-euc", block, cwd=copy, env={"PYTHONPATH": str(copy)}, timeout=300)
        else:
            raise ValueError(f"{PAGE.name}: what is to be done with {where!r}?")
        done.append(where)
    return done


def _append(path: Path, name: str, block: str) -> None:
    text = path.read_text()
    head, found, rest = text.partition(f"\n{name} = (\n")
    assert found, f"{path.name} has no {name}"
    body, end, tail = rest.partition("\n)\n")
    assert end
    path.write_text(head + found + body + "\n" + block.rstrip("\n") + end + tail)
