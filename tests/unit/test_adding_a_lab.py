"""A lab, added as docs/adding-a-lab.md says it, is one like the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests import adding

NOTEBOOK = "notebooks/11-team.ipynb"


def test_the_page_adds_a_lab(tmp_path: Path) -> None:
    copy = adding.copy_of_the_project(tmp_path)
    done = adding.follow(copy, live=False)
    assert len(done) == 5, "catalogue, steps, start, notebook, tests"
    assert (copy / NOTEBOOK).exists()
    assert f"[Whose is it?]({NOTEBOOK})" in (copy / "README.md").read_text()
    checked = [sys.executable, "-m", "ruff", "check", "labs/exercises/team.py"]
    assert subprocess.run(checked, cwd=copy, check=False).returncode == 0
