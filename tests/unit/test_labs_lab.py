"""The verbs of a notebook, with steps that need no cluster."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labs import catalogue, cli_labs, lab, readiness, shell, show, solve, watching
from labs.errors import LabError
from labs.instance import Instance
from labs.progress import Progress
from labs.run import CommandFailed
from labs.step import Attempt, CheckFailed, Frame, NotDone, Step
from labs.wait import NotYet, TimedOut


def _flag(attempt: Attempt) -> str:
    if not (attempt.instance.root / "flag").exists():
        raise NotDone("no flag\nat all", expected="a flag", todo="raise it")
    return "the flag is up"


def _sum(attempt: Attempt) -> str:
    if not attempt.answered:
        raise NotDone("no sum", expected="a sum", todo="add")
    if attempt.answer != 4:
        raise LabError(f"{attempt.answer}", expected="2 + 2", todo="add again")
    return "four"


def _never(attempt: Attempt) -> str:
    def condition() -> None:
        raise NotYet("still going")

    attempt.wait(condition, what="an end", todo="wait longer")
    return ""


def _fact(attempt: Attempt) -> str:
    if not (attempt.instance.root / "flag").exists():
        raise NotYet("nothing yet")
    return "it flew"


HINTS = ("what?", "where?", "`there`")
RAISE = 'touch "$LAB_HOME/$LAB_NAME/flag"'
STEPS = (
    Step("flag", "Raise the flag", "terminal", _flag, RAISE, "because", HINTS),
    Step("sum", "Add", "code", _sum, "answer = 4", "because", HINTS),
    Step("slow", "Wait", "code", _never, "pass", "because", HINTS),
    Step("guess", "Will it fly?", "predict", _fact, 'lab.predict("guess", "no")', "because"),
)


@pytest.fixture(autouse=True)
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    """A lab of four small steps, in a folder of its own."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.setenv("LAB_NAME", "tiny")
    one = catalogue.LABS[0]
    monkeypatch.setattr(type(one), "steps", property(lambda it: STEPS if it == one else ()))
    monkeypatch.setattr(lab, "_patience", 0.1)
    catalogue.all_steps.cache_clear()
    here = Instance.current()
    here.root.mkdir()
    yield here
    catalogue.all_steps.cache_clear()


def test_a_check_that_passes_prints_one_line(
    instance: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    (instance.root / "flag").touch()
    lab.check("flag")
    assert capsys.readouterr().out == "✓ Raise the flag: the flag is up\n"
    assert Progress(instance).done("flag")


def test_a_check_that_fails_is_three_lines_and_no_traceback() -> None:
    with pytest.raises(NotDone) as caught:
        lab.check("flag")
    assert caught.value._render_traceback_() == [
        "found:    no flag | at all",
        "expected: a flag",
        "next:     raise it",
    ]
    with pytest.raises(CheckFailed, match="found:    5") as wrong:
        lab.check("sum", 5)
    assert not isinstance(wrong.value, NotDone)
    assert len(wrong.value._render_traceback_()) == 3


def test_what_is_under_way_fails_with_the_last_state() -> None:
    with pytest.raises(CheckFailed, match="still going") as late:
        lab.check("slow")
    assert isinstance(late.value.__cause__, TimedOut)


def test_progress_counts_tries_and_hints(
    instance: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotDone):
        lab.check("sum")
    for _ in range(4):
        lab.hint("sum")
    lab.check("sum", 4)
    told = capsys.readouterr().out
    assert [told.count(f"Hint {n} of 3") for n in (1, 2, 3)] == [1, 1, 2]
    entry = Progress(instance).read()["steps"]["sum"]
    assert (entry["tries"], entry["hints"], entry["solved_by_lab"]) == (2, 3, False)
    lab.progress("welcome")
    shown = capsys.readouterr().out.splitlines()
    assert "    sum                   Add                           done       2     3" in shown


def test_a_prediction_never_fails_and_is_shown_beside_the_fact(
    instance: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.predict("guess", ...)
    assert "No guess yet" in capsys.readouterr().out
    lab.check("guess")
    assert "(you made no guess)" in capsys.readouterr().out
    lab.predict("guess", "no")
    (instance.root / "flag").touch()
    lab.check("guess")
    told = capsys.readouterr().out
    assert "| you expected | what happened |" in told
    assert "| no | it flew |" in told


def test_solve_shows_and_does_it(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    lab.solve("flag")
    told = capsys.readouterr().out
    assert 'touch "$LAB_HOME/$LAB_NAME/flag"' in told
    lab.check("flag")
    assert Progress(instance).read()["steps"]["flag"]["solved_by_lab"] is True


def test_a_solution_in_a_cell_defines_what_its_check_is_handed(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Shell:
        user_ns: dict[str, object]

    shell_here = Shell()
    shell_here.user_ns = {}
    monkeypatch.setattr(show, "notebook", lambda: shell_here)
    solve._run_cell(instance, STEPS[1])
    assert shell_here.user_ns["answer"] == 4


def test_a_cell_is_solved_where_the_notebooks_are(instance: Instance) -> None:
    notebooks = instance.work / "notebooks"
    notebooks.mkdir(parents=True)
    before = Path.cwd()
    solve._run_cell(instance, replace(STEPS[1], solution="import os\nos.mkdir('here')\n"))
    assert (notebooks / "here").is_dir()
    assert Path.cwd() == before


@pytest.mark.parametrize(("call", "near"), [(lab.check, "flag"), (lab.hint, "flag")])
def test_an_unknown_step_lists_the_known_and_the_nearest(call: object, near: str) -> None:
    assert callable(call)
    with pytest.raises(LabError, match="flag, sum, slow, guess") as unknown:
        call("falg")
    assert unknown.value.todo == f"did you mean {near!r}?"


def test_an_unknown_lab_lists_the_known_and_the_nearest() -> None:
    with pytest.raises(LabError, match="welcome, your-cluster") as unknown:
        lab.start("your-clustr")
    assert "did you mean 'your-cluster'?" in str(unknown.value)


def test_start_again_resets_nothing(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    lab.start("welcome")
    assert "You are back" not in capsys.readouterr().out
    lab.check("sum", 4)
    before = Progress(instance).read()
    lab.start(0)
    assert "1 of 4 steps done; next is “Raise the flag”" in capsys.readouterr().out
    assert Progress(instance).read() == before


def test_damaged_progress_is_named(instance: Instance) -> None:
    Progress(instance).path.write_text("{")
    with pytest.raises(LabError, match="damaged"):
        lab.check("sum", 4)


def test_two_writers_lose_nothing(instance: Instance) -> None:
    def many(step: str) -> None:
        for _ in range(25):
            Progress(instance).tried(step, passed=False)

    threads = [threading.Thread(target=many, args=(step,)) for step in ("sum", "flag")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps = Progress(instance).read()["steps"]
    assert [steps[name]["tries"] for name in ("sum", "flag")] == [25, 25]


def test_sh_shows_what_is_printed_and_raises(capsys: pytest.CaptureFixture[str]) -> None:
    lab.sh("echo out; echo err >&2")
    assert capsys.readouterr().out == "out\nerr\n"
    with pytest.raises(CommandFailed, match="ended with 3"):
        lab.sh("echo before; (exit 3); echo after")
    assert "after" not in capsys.readouterr().out
    with pytest.raises(CommandFailed, match="no end after"):
        lab.sh("read never < <(tail -f /dev/null)", timeout=0.3)


def test_sh_works_in_the_clone_with_the_attendees_environment(
    instance: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    clone = instance.work / "config-repo"
    clone.mkdir(parents=True)
    lab.sh('pwd; echo "$KUBECONFIG"; echo "${PATH%%:*}"')
    assert capsys.readouterr().out.splitlines() == [
        str(clone),
        str(instance.kubeconfig),
        str(instance.bin),
    ]
    assert shell.folder(instance) == clone


def test_follow_shows_each_state_until_it_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = iter([Frame("one"), Frame("two"), Frame("three", done=True)])
    monkeypatch.setattr(catalogue, "view_named", lambda name: lambda instance: next(frames))
    monkeypatch.setattr(watching, "INTERVAL", 0.01)
    lab.follow("any")
    assert capsys.readouterr().out.split() == ["one", "two", "three"]


def test_watch_does_not_hold_up_its_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = threading.Event()
    seen = threading.Event()

    def view(instance: Instance) -> Frame:
        passed = gate.is_set()  # asked once: it may be set at any moment
        if passed:
            seen.set()
        return Frame("after" if passed else "before", done=passed)

    monkeypatch.setattr(catalogue, "view_named", lambda name: view)
    monkeypatch.setattr(watching, "INTERVAL", 0.01)
    lab.watch("gate")  # returns, or the next line would never be reached
    gate.set()
    assert seen.wait(5)
    for thread in threading.enumerate():
        if thread.name == "watch-gate":
            thread.join(5)
    assert capsys.readouterr().out.split() == ["before", "after"]


def test_start_says_what_it_waits_for_and_for_how_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [
        readiness.Missing("kubelet", "compiling", True, 100.0),
        *(readiness.Missing(f"next-{n}", "wait") for n in range(6)),
    ]
    monkeypatch.setattr(readiness, "missing", lambda instance, needs: parts)
    lab.start("your-cluster")
    told = capsys.readouterr().out
    assert "7 parts still being made, about 2 min in all" in told
    assert "- kubelet: compiling, about 2 min more\n- next-0: wait\n" in told
    assert "next-3: wait\n- and 2 more" in told


def test_the_commands_do_what_the_notebook_does(instance: Instance) -> None:
    runner = CliRunner()
    assert "Raise the flag" in runner.invoke(cli_labs.app, ["solve", "flag"]).output
    assert "✓ Raise the flag" in runner.invoke(cli_labs.app, ["check", "flag"]).output
    assert "Hint 1 of 3" in runner.invoke(cli_labs.app, ["hint", "flag"]).output
    assert json.loads(Progress(instance).path.read_text())["steps"]["flag"]["done"]
    failed = runner.invoke(cli_labs.app, ["check", "sum"])
    assert isinstance(failed.exception, NotDone)
