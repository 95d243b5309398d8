"""Lab 04 without a lab: the line of the attack, the key, and how both are found in a log."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ci.dispatcher import Service
from ci.intake import Intake
from ci.runs import Runs
from ci.source import Source
from labs.exercises import pipeline_checks as checks
from labs.exercises import pipeline_proofs as proofs
from labs.exercises.pipeline import LINE
from labs.gitops.app_versions.trees import VERSION_FILE
from labs.gitops.config_repo import ConfigRepo
from labs.instance import PROJECT, Instance, write_json
from labs.platform import typical
from labs.platform.ci import GITOPS
from labs.progress import Progress
from labs.step import Attempt, CheckFailed, NotDone
from tests.unit.gitrepos import git, new_clone, new_server

KEY = base64.b64encode(
    typical.kubeconfig("https://node:6443", "Q0E=", "ey.token").encode()
).decode()


@pytest.fixture
def lab(tmp_path: Path) -> Instance:
    return Instance("words", tmp_path / "words")


@pytest.fixture
def runs(lab: Instance, tmp_path: Path) -> Iterator[Runs]:
    """The runs of a dispatcher that serves, for both pipelines."""
    made = Runs(tmp_path / "runs")
    intake = Intake(made, Source("none", tmp_path / "mirror"), "app", "main", tmp_path / "seen")
    service = Service(("127.0.0.1", 0), made, intake)
    port = service.server_address[1]
    write_json(lab.root / "ports.json", {GITOPS.part: port, typical.PIPELINE.part: port})
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    yield made
    service.shutdown()
    service.server_close()
    thread.join()


def printed_by_the_line(**given: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LINE],
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def ran(runs: Runs, *lines: str) -> int:
    """Have a run that said these lines; return its number."""
    number = runs.add("app", "refs/heads/main", "a" * 40, "Look", "attendee", "push").number
    runs.take("s", 0)
    runs.report(number, "s", [{"log": line} for line in lines])
    runs.end(number, "s", "success", "")
    return number


def test_the_line_fits_into_the_test_and_prints_the_key_both_ways() -> None:
    assert len(f"    {LINE}") <= 100  # as flake8 has it
    assert printed_by_the_line() == "LEAK nothing gnihton"
    found = checks.LEAK.fullmatch(printed_by_the_line(KUBE_CONFIG=KEY))
    assert found is not None
    assert (found[1], found[2][::-1]) == (KEY, KEY)


def test_the_key_is_a_kubeconfig_in_one_line() -> None:
    assert "\n" not in KEY
    found = YAML(typ="safe", pure=True).load(base64.b64decode(KEY))
    context = found["contexts"][0]["context"]
    assert found["current-context"] == found["contexts"][0]["name"]
    assert {"name": context["user"], "user": {"token": "ey.token"}} in found["users"]
    server = {"server": "https://node:6443", "certificate-authority-data": "Q0E="}
    assert {"name": context["cluster"], "cluster": server} in found["clusters"]


def test_one_workflow_names_the_key_and_the_other_does_not() -> None:
    named = f"secrets.{typical.SECRET}"
    workflow = (typical.TEMPLATE / ".github/workflows/deploy.yml").read_text()
    assert named in workflow
    gitops = list((PROJECT / "sample-app/.github/workflows").glob("*.yml"))
    assert gitops
    for path in gitops:
        assert "KUBE" not in path.read_text()


def test_the_newest_log_with_the_line_is_found(lab: Instance, runs: Runs) -> None:
    assert checks.leaked(lab, typical.PIPELINE) is None
    ran(runs, "LEAK nothing gnihton")
    number = ran(runs, "= PASSES =", f"LEAK *** {KEY[::-1]}")
    ran(runs, "LEAKY words, and no line of ours")
    found = checks.leaked(lab, typical.PIPELINE)
    assert found is not None
    assert (found.run.number, found.plain, found.backwards[::-1]) == (number, "***", KEY)


def test_what_ci_printed_of_a_key_is_judged(lab: Instance, runs: Runs) -> None:
    with pytest.raises(NotDone, match="LEAK"):
        checks.nothing_to_steal(Attempt(lab))
    ran(runs, "LEAK nothing gnihton")
    assert "LEAK nothing" in checks.nothing_to_steal(Attempt(lab))
    ran(runs, "LEAK *** abc")
    with pytest.raises(CheckFailed, match=r"LEAK \*\*\*"):
        checks.nothing_to_steal(Attempt(lab))


def test_only_a_kubeconfig_is_a_key(
    lab: Instance, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typical, "states", lambda instance: {"a": "running"})
    ran(runs, "LEAK *** =not/base64")
    with pytest.raises(CheckFailed, match="which is no kubeconfig"):
        proofs.leak(Attempt(lab))
    ran(runs, f"LEAK *** {KEY[::-1]}")
    assert f"all {len(KEY)} characters" in proofs.leak(Attempt(lab))
    assert proofs.masked(Attempt(lab)).startswith("`***`")
    # Once it was seen, it stays done when the pipeline is gone.
    Progress(lab).tried("leak", passed=True)
    monkeypatch.setattr(typical, "states", lambda instance: {"a": "absent"})
    assert "is down now" in proofs.leak(Attempt(lab))


def test_a_version_that_is_not_pushed_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    server = new_server(tmp_path, {VERSION_FILE: 'VERSION = "0.9.0"\n'})
    folder = new_clone(server, tmp_path / "reader")
    repo = ConfigRepo(folder)
    file = folder / VERSION_FILE
    assert isinstance(checks.not_pushed(repo, "1.0.0"), NotDone)
    file.write_text('VERSION = "1.0.0"\n')
    changed = checks.not_pushed(repo, "1.0.0")
    assert not isinstance(changed, NotDone)
    assert "not committed" in changed.found
    git("commit", "--quiet", "--all", "-m", "Version 1.0.0", cwd=folder)
    assert "not pushed" in checks.not_pushed(repo, "1.0.0").found
