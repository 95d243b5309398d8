"""`lab ci` in words: what is listed, what is said when there is nothing or nobody answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ci.dispatcher import Service
from ci.intake import Intake
from ci.runs import Runs
from ci.source import Source
from labs.cli import app
from labs.errors import LabError
from labs.gitops import ci
from labs.instance import Instance, write_json


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.setenv("LAB_NAME", "words")
    monkeypatch.setenv("CI_SECRETS", str(tmp_path / "secrets.json"))
    return Instance.current()


@pytest.fixture
def runs(lab: Instance, tmp_path: Path) -> Iterator[Runs]:
    made = Runs(tmp_path / "runs")
    source = Source(str(tmp_path / "none"), tmp_path / "mirror")
    intake = Intake(made, source, "app", "main", tmp_path / "seen")
    service = Service(("127.0.0.1", 0), made, intake)
    write_json(lab.root / "ports.json", {"ci": service.server_address[1]})
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    yield made
    service.shutdown()
    service.server_close()
    thread.join()


def said(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["ci", *words], env={"COLUMNS": "120"})
    assert done.exit_code == code, done.output
    return done.stdout


def test_runs_are_listed_with_what_became_of_them(lab: Instance, runs: Runs) -> None:
    assert "no run yet" in said("runs")
    for name in "abc":
        runs.add("app", "refs/heads/main", name * 40, f"Commit {name}", "attendee", "push")
    runs.take("s", 0)
    runs.report(1, "s", [{"output": {"image": "registry:5000/hello:1.0.0", "digest": "sha256:1"}}])
    runs.end(1, "s", "success", "")
    runs.take("s", 0)
    runs.report(2, "s", [{"stage": {"name": "Lint", "result": "failure", "seconds": 1.5}}])
    runs.end(2, "s", "failure", "Lint failed")
    rows = said("runs").splitlines()[1:]
    assert [row.split()[:3] for row in rows] == [
        ["3", "queued", "cccccccc"],
        ["2", "failure", "bbbbbbbb"],
        ["1", "success", "aaaaaaaa"],
    ]
    assert "Lint failed" in rows[1]
    assert "hello:1.0.0 sha256:1" in rows[2]
    shown = said("show", "2")
    assert "Lint           failure       1.5 s" in shown
    assert "why:    Lint failed" in shown
    assert ci.of_commit(lab, "bbbb") == ci.run(lab, 2)


def test_logs_follow_to_the_end_and_fail_with_the_run(lab: Instance, runs: Runs) -> None:
    runs.add("app", "refs/heads/main", "a" * 40, "Grüße", "attendee", "push")
    runs.take("s", 0)
    runs.report(1, "s", [{"log": "grün"}])
    assert said("logs") == "grün\n"
    runs.end(1, "s", "failure", "Lint failed")
    assert "run 1: failure  Lint failed" in said("logs", "--follow", code=1)


def test_what_is_not_there_is_said_with_what_is(lab: Instance, runs: Runs) -> None:
    with pytest.raises(LabError, match="no run of CI yet"):
        ci.newest(lab)
    with pytest.raises(LabError, match="no run 7"):
        ci.log(lab, 7)
    write_json(lab.root / "ci.json", {"hook": "x", "runner": "y"})
    with pytest.raises(LabError, match="X-Signature"):
        ci.start(lab)
    write_json(lab.root / "ports.json", {"ci": 1})
    with pytest.raises(LabError, match="CI does not answer"):
        ci.runs(lab)
