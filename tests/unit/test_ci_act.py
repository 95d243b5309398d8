"""What act says turned into log, stages and outputs; and what holds for the workflow."""

from __future__ import annotations

import json
import os
import pty
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ci.act import READ, STEPS, clean, command, events
from labs.instance import PROJECT

WORKFLOWS = PROJECT / "sample-app/.github/workflows"


def entry(msg: str, **more: object) -> str:
    told = {"job": "image/image", "level": "info", "msg": msg, "step": "Lint", "stage": "Main"}
    return json.dumps({**told, **more}) + "\n"


def test_a_step_is_a_stage_with_its_log() -> None:
    lines = [
        entry("\u2b50 Run Main Lint"),
        entry("\u001b[32mgood\u001b[0m\n", raw_output=True),
        entry(
            "  \u2705  Success - Main Lint [1.5s]", executionTime=1500000000, stepResult="success"
        ),
    ]
    assert list(events(lines, Path())) == [
        {"stage": {"name": "Lint", "result": "running", "seconds": None}},
        {"log": "== Lint"},
        {"log": "good"},
        {"stage": {"name": "Lint", "result": "success", "seconds": 1.5}},
        {"log": "   Lint: success, 1.5 s"},
    ]


def test_outputs_are_kept_and_environment_is_not_shown() -> None:
    output = entry("::set-output::", command="set-output", name="digest", arg="sha256:1")
    variable = entry("::set-env::", command="set-env", name="TOOL", arg="buildah")
    assert list(events([output, variable], Path())) == [{"output": {"digest": "sha256:1"}}]


def test_errors_are_shown_wherever_they_come_from() -> None:
    no_step = json.dumps({"level": "error", "msg": "workflow is not valid", "time": "now"})
    noise = json.dumps({"level": "warning", "msg": "Couldn't get a valid docker connection"})
    plain = "Error: Job 'image' failed\n"
    assert list(events([no_step, noise, plain, "\n"], Path())) == [
        {"log": "workflow is not valid"},
        {"log": "Error: Job 'image' failed"},
    ]


@pytest.mark.parametrize(
    ("raw", "text"),
    [("\x1b[1A\x1b[Jx\r\n", "x"), ("50%\r100%", "50%100%"), ("a\tb\x00", "a\tb"), ("é…", "é…")],
)
def test_a_log_is_text(raw: str, text: str) -> None:
    assert clean(raw) == text


def test_the_password_is_in_no_argument(tmp_path: Path) -> None:
    job: dict[str, object] = {
        **dict.fromkeys(("repo", "ref", "pusher"), "x"),
        **dict.fromkeys(("number", "attempt"), 1),
    }
    words = command(tmp_path, job, tmp_path / "secrets", {"REGISTRY": "registry:5000"})
    assert words[:4] == ["nice", "-n", "10", "act"]
    assert "--var=REGISTRY=registry:5000" in words
    assert words[words.index("--secret-file") + 1] == str(tmp_path / "secrets")


def workflows() -> list[tuple[str, dict[str, Any]]]:
    found = [(path.name, YAML().load(path)) for path in sorted(WORKFLOWS.glob("*.yml"))]
    assert found
    return found


@pytest.mark.parametrize(("name", "workflow"), workflows())
def test_the_workflow_uses_checkout_and_shell_alone(name: str, workflow: dict[str, Any]) -> None:
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(r"actions/checkout@[0-9a-f]{40}", action), name
    assert all("uses" in step or "run" in step for step in steps)
    assert "secrets" not in json.dumps([step.get("run") for step in steps])


@pytest.mark.parametrize(("name", "workflow"), workflows())
def test_the_tests_come_before_the_image(name: str, workflow: dict[str, Any]) -> None:
    names = [step["name"] for step in workflow["jobs"]["image"]["steps"]]
    order = [names.index(x) for x in ("Lint", "Unit tests", "Build image", "Push image")]
    assert order == sorted(order)
    steps = workflow["jobs"]["image"]["steps"]
    assert not any("if" in step or "continue-on-error" in step for step in steps), name


def test_a_step_that_failed_ends_when_all_of_it_was_read(tmp_path: Path) -> None:
    read = tmp_path / READ
    read.mkdir()
    environment = {"PATH": os.environ["PATH"], "CI_READ": str(read)}
    script = "echo the reason; exit 3"
    words = [str(STEPS / "bash"), "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]
    step, terminal = pty.fork()
    if step == 0:
        os.execve(words[0], words, environment)  # noqa: S606 - its terminal is the point
    with os.fdopen(terminal) as lines:
        said = [lines.readline(), lines.readline()]
        assert os.waitpid(step, os.WNOHANG) == (0, 0)
        log = events((entry(line, raw_output=True) for line in said), tmp_path)
        assert list(log) == [{"log": "the reason"}]
        assert os.waitstatus_to_exitcode(os.waitpid(step, 0)[1]) == 3
    assert [one.name for one in read.iterdir()] == [str(step)]
