"""`make help` tells every target, and each target's command exists; test_commands has the page."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labs.cli import app
from labs.instance import PROJECT

MAKEFILE = PROJECT / "Makefile"
TARGETS = re.findall(r"^([a-z-]+):", MAKEFILE.read_text(), re.M)
NEEDED = {"up", "down", "clean", "status", "doctor", "logs", "lab", "test", "check", "help"}


def make(*words: str, **variables: str) -> str:
    done = subprocess.run(
        ["make", *words],
        cwd=PROJECT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def test_help_is_the_default_and_tells_every_target() -> None:
    text = make()
    assert set(TARGETS) >= NEEDED
    assert re.findall(r"^  make ([a-z-]+) ", text, re.M) == TARGETS
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_phony(target: str) -> None:
    [phony] = re.findall(r"^\.PHONY: (.+)$", MAKEFILE.read_text(), re.M)
    assert target in phony.split()


def test_the_command_of_each_target_exists() -> None:
    lab = CliRunner().invoke(app, ["--help"]).output
    for target in sorted(set(TARGETS) - {"help"}):
        command = make("--dry-run", target).split("scripts/bootstrap.py", 1)[1].split()
        words = [word for word in command if word not in ("--dev", "env") and "=" not in word]
        if words[0] == "lab":
            assert re.search(rf"^  {words[1]} ", lab, re.M), target
        else:
            assert words[:2] == ["python", "-m"]
            assert importlib.util.find_spec(words[2]) is not None, target


def test_variables_reach_the_command(tmp_path: Path) -> None:
    echo = tmp_path / "python3"
    echo.write_text('#!/bin/sh\necho "$LAB_NAME $LAB_SUPPLY $LAB_BUNDLE $*"\n')
    echo.chmod(0o755)
    told = make(
        "up", f"PYTHON={echo}", "LAB_NAME=rehearsal", "LAB_SUPPLY=bundle", "BUNDLE=a.bundle"
    )
    assert told.split() == [
        *("rehearsal", "bundle", str(PROJECT / "a.bundle")),
        *("scripts/bootstrap.py", "lab", "up"),
    ]


def test_ci_runs_the_whole_suite() -> None:
    script = PROJECT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make test"
