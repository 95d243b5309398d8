"""The sample app becomes the attendee's own repository: it has to stand by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labs.instance import PROJECT

APP = PROJECT / "sample-app"


@pytest.fixture
def app_repo(tmp_path: Path) -> Path:
    """What an attendee gets: the folder alone, somewhere else."""
    kept = shutil.ignore_patterns("__pycache__", ".*_cache")
    return shutil.copytree(APP, tmp_path / "app-repo", ignore=kept)


def in_folder(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_its_own_tests_pass_without_the_project_around_it(app_repo: Path) -> None:
    ended = in_folder(app_repo, "pytest", "--quiet", "-p", "no:cacheprovider")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout


def test_its_own_lint_and_the_types_hold(app_repo: Path, tmp_path: Path) -> None:
    for words in (
        ("ruff", "check", "--no-cache"),
        ("ruff", "format", "--check", "--no-cache"),
        # The cache is kept from run to run: the libraries' types do not change.
        ("mypy", "--strict", f"--cache-dir={PROJECT / '.mypy_cache' / 'sample-app'}", "hello"),
    ):
        ended = in_folder(app_repo, *words)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_it_knows_nothing_of_the_project() -> None:
    modules = list(APP.rglob("*.py"))
    assert modules
    for module in modules:
        words = module.read_text()
        assert "import labs" not in words, module
        assert "from labs" not in words, module


def test_its_version_is_the_one_that_the_config_repo_starts_with() -> None:
    scope: dict[str, str] = {}
    exec((APP / "hello/version.py").read_text(), scope)  # noqa: S102 - four constants of ours
    production = PROJECT / "config-repo-template/apps/production/hello.yaml"
    assert f"image: registry:5000/hello:{scope['VERSION']}\n" in production.read_text()
