"""What goes into .venv is pinned; one that is interrupted, damaged or foreign is made anew."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import PROJECT
from scripts import bootstrap, environment

PINNED = ("requirements.txt", "requirements-dev.txt")


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with one package in it, as pip leaves it, and its stamp."""
    root = tmp_path / ".venv"
    monkeypatch.setattr(environment, "PROJECT", tmp_path)
    monkeypatch.setattr(environment, "VENV", root)
    monkeypatch.setattr(environment, "STAMP", root / "stamp.json")
    monkeypatch.setattr(environment, "LOG", tmp_path / "bootstrap.log")
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "python").symlink_to(sys.executable)
    site = root / "lib" / "python3.11" / "site-packages"
    (site / "tool-1.dist-info").mkdir(parents=True)
    (site / "tool.py").write_text("x = 1\n")
    (site / "tool-1.dist-info" / "RECORD").write_text(
        "tool.py,sha256=abc,6\ntool-1.dist-info/RECORD,,\n__pycache__/tool.cpython-311.pyc,,\n"
    )
    (root / "stamp.json").write_text(json.dumps(stamp(tmp_path)))
    return root


def stamp(project: Path) -> dict[str, str]:
    return {"python": f"{sys.version_info[0]}.{sys.version_info[1]}", "project": str(project)}


def test_a_whole_environment_is_left_alone(venv: Path) -> None:
    assert environment.why_anew(environment.read_stamp()) == ""


def test_one_without_a_stamp_was_interrupted(venv: Path) -> None:
    environment.STAMP.unlink()
    assert "interrupted" in environment.why_anew(environment.read_stamp())
    environment.STAMP.write_text('{"python": ')
    assert "interrupted" in environment.why_anew(environment.read_stamp())


@pytest.mark.parametrize("content", ["", "x = 12345\n"])
def test_a_damaged_file_is_noticed(venv: Path, content: str) -> None:
    (venv / "lib/python3.11/site-packages/tool.py").write_text(content)
    assert environment.why_anew(environment.read_stamp()) == "tool.py is missing or damaged"


def test_a_missing_file_is_noticed(venv: Path) -> None:
    (venv / "lib/python3.11/site-packages/tool.py").unlink()
    assert environment.why_anew(environment.read_stamp()) == "tool.py is missing or damaged"


def test_a_python_that_is_gone_is_noticed(venv: Path) -> None:
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python3")
    assert "its Python is gone" in environment.why_anew(environment.read_stamp())


def test_a_copied_project_gets_its_own(venv: Path) -> None:
    environment.STAMP.write_text(json.dumps(stamp(Path("/somewhere/else"))))
    assert "/somewhere/else" in environment.why_anew(environment.read_stamp())


def test_a_failure_shows_the_last_lines_and_where_the_rest_is(venv: Path) -> None:
    with pytest.raises(LabError) as told:
        environment.logged(["sh", "-c", "echo no room left; exit 4"], "get it")
    assert "no room left" in told.value.found
    assert "ended with 4" in told.value.found
    assert str(environment.LOG) in told.value.todo
    assert "no room left" in environment.LOG.read_text()


@pytest.mark.parametrize("name", PINNED)
def test_requirements_are_pinned_hashed_and_name_no_index(name: str) -> None:
    text = (PROJECT / name).read_text()
    pins = re.findall(r"^[\w.-]+==\S+.*?(?=^\S|\Z)", text, re.M | re.S)
    assert len(pins) > 40
    assert all("--hash=sha256:" in pin for pin in pins)
    assert "://" not in text
    assert "index" not in text
    others = [line for line in text.splitlines() if re.match(r"\S", line)]
    assert all("==" in line or line.startswith("#") for line in others)


def normal(name: str) -> str:
    """A package's name as indexes compare it: ruamel.yaml is ruamel-yaml."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_everything_that_is_named_is_pinned() -> None:
    for name in PINNED:
        wanted = [
            normal(re.split(r"[<>=]", line)[0])
            for line in (PROJECT / name.replace(".txt", ".in")).read_text().splitlines()
            if line and not line.startswith(("#", "-"))
        ]
        pinned = re.findall(r"^([\w.-]+)==", (PROJECT / name).read_text(), re.M)
        assert wanted
        assert set(wanted) <= {normal(pin) for pin in pinned}


def test_an_old_python_can_read_the_bootstrap_and_is_told(tmp_path: Path) -> None:
    """Python 3.7's grammar, and the message where no newer one is on PATH."""
    import ast

    text = (PROJECT / "scripts" / "bootstrap.py").read_text()
    ast.parse(text, feature_version=(3, 7))
    script = tmp_path / "old.py"
    script.write_text(
        "import sys\n"
        "sys.version_info = (3, 9, 6)\n"
        f"sys.path.insert(0, {str(PROJECT / 'scripts')!r})\n"
        "import bootstrap\n"
        "bootstrap.use_new_python()\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "found:    Python 3.9.6" in done.stderr
    assert "make PYTHON=/path/to/python3" in done.stderr


def test_what_a_command_compiles_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, str] = {}

    def become(_: str, __: list[str], variables: dict[str, str]) -> None:
        told.update(variables)

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(environment, "ensure_venv", lambda _: None)
    monkeypatch.setattr("os.execvpe", become)
    monkeypatch.setattr(sys, "path", list(sys.path))
    bootstrap.main(["lab", "status"])
    assert told["VIRTUAL_ENV"].endswith(".venv")
    assert "PYTHONDONTWRITEBYTECODE" not in told
