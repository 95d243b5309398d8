"""The runtime wrapper, run as Docker runs it, with a runc that tells what it was given."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from labs.instance import PROJECT

WRAPPER = PROJECT / "scripts/roles/restricted_host/files/runc-within-bounds"
PROCESS = {
    "args": ["sh"],
    "oomScoreAdj": -500,
    "capabilities": {
        "bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_SYS_ADMIN"],
        "effective": ["CAP_SYS_RESOURCE"],
        "ambient": None,
    },
}
WITHIN = {
    "args": ["sh"],
    "capabilities": {
        "bounding": ["CAP_CHOWN", "CAP_SYS_ADMIN"],
        "effective": [],
        "ambient": [],
    },
}


@pytest.fixture
def wrapper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that calls a runc of the test's own."""
    runc = tmp_path / "runc"
    runc.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    runc.chmod(0o755)
    text = WRAPPER.read_text()
    assert '"/usr/bin/runc"' in text
    copy = tmp_path / "runc-within-bounds"
    copy.write_text(text.replace('"/usr/bin/runc"', repr(str(runc))))
    copy.chmod(0o755)
    return copy


def call(wrapper: Path, *words: str, cwd: Path | None = None) -> list[str]:
    done = subprocess.run(
        [wrapper, *words], capture_output=True, text=True, check=True, cwd=cwd, timeout=60
    )
    return done.stdout.splitlines()


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_a_container_asks_for_no_more_than_the_host_has(wrapper: Path, tmp_path: Path) -> None:
    config = written(tmp_path / "config.json", {"process": PROCESS, "root": {"path": "rootfs"}})
    config.chmod(0o640)
    words = ["--root", "/run/create", "--log=/l", "create", "--bundle", str(tmp_path), "exec"]
    assert call(wrapper, *words) == words
    assert json.loads(config.read_text()) == {"process": WITHIN, "root": {"path": "rootfs"}}
    assert config.stat().st_mode & 0o777 == 0o640


def test_without_a_bundle_option_the_working_directory_is_the_bundle(
    wrapper: Path, tmp_path: Path
) -> None:
    config = written(tmp_path / "config.json", {"process": PROCESS})
    call(wrapper, "run", "-d", "name", cwd=tmp_path)
    assert json.loads(config.read_text())["process"] == WITHIN


@pytest.mark.parametrize("option", [["--process", "{}"], ["--process={}"], ["-p", "{}"]])
def test_an_exec_asks_for_no_more_either(wrapper: Path, tmp_path: Path, option: list[str]) -> None:
    process = written(tmp_path / "process.json", PROCESS)
    words = ["exec", *(word.format(process) for word in option), "--detach", "name"]
    assert call(wrapper, *words) == words
    assert json.loads(process.read_text()) == WITHIN


@pytest.mark.parametrize(
    "words", [["--version"], ["delete", "create"], ["kill", "run", "9"], ["exec", "name", "create"]]
)
def test_everything_else_is_handed_on_untouched(
    wrapper: Path, tmp_path: Path, words: list[str]
) -> None:
    config = written(tmp_path / "config.json", {"process": PROCESS})
    assert call(wrapper, *words, cwd=tmp_path) == words
    assert json.loads(config.read_text())["process"] == PROCESS


def test_a_missing_runc_is_named() -> None:
    module = loaded()
    module.RUNC = ("/nowhere/runc",)  # type: ignore[attr-defined]
    with pytest.raises(SystemExit, match="no runc found at /nowhere/runc"):
        module.main(["--version"])


def loaded() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("runc_within_bounds", str(WRAPPER))
    spec = importlib.util.spec_from_loader("runc_within_bounds", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
