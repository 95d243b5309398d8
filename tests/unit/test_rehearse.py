"""What a rehearsal says, and that its lab is gone however it ends; the labs are small ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labs import catalogue, rehearse, solve
from labs.catalogue import Lab, labs_named
from labs.cli import app
from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.platform import up as platform
from labs.platform.steps import Steps
from labs.progress import Progress
from labs.rehearse import Trouble, Verdict
from labs.reset import again

DONE: list[str] = []


@pytest.fixture(autouse=True)
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    """A reader's lab, and a platform that notes what is asked of it."""
    for name, value in {"LAB_HOME": str(tmp_path), "LAB_NAME": "tiny"}.items():
        monkeypatch.setenv(name, value)
    DONE.clear()

    def up(instance: Instance, steps: Steps) -> str:
        DONE.append(f"up {instance.name}")
        (instance.work / "notebooks").mkdir(parents=True)
        return ""

    def clean(instance: Instance, steps: Steps) -> None:
        assert not instance.work.exists(), "a rehearsal's work is not set aside"
        DONE.append(f"clean {instance.name}")
        (instance.root / rehearse.MARK).unlink()
        for file in instance.root.iterdir():
            file.unlink()
        instance.root.rmdir()

    def reset(instance: Instance, lab: Lab, steps: Steps) -> None:
        DONE.append(f"reset {lab.name}")

    monkeypatch.setattr(platform, "up", up)
    monkeypatch.setattr(platform, "clean", clean)
    monkeypatch.setattr(again, "reset", reset)
    monkeypatch.setattr(solve, "catch_up", solved())
    environment = dict(os.environ)
    yield Instance.current()
    os.environ.clear()
    os.environ.update(environment)


def solved(**failing: BaseException) -> Callable[[Lab], None]:
    """Return what does labs; those that are named raise something, at their second step."""

    def catch_up(lab: Lab) -> None:
        DONE.append(lab.name)
        print(f"the words of {lab.name}")
        state = Progress(Instance.current())
        state.started(lab.name)
        state.tried(lab.steps[0].id, passed=True)
        if lab.name in failing:
            raise failing[lab.name]

    return catch_up


def test_labs_are_done_in_their_order_on_a_lab_that_is_gone_afterwards(
    reader: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = rehearse.rehearse(labs_named("3, 0,4,1"))
    assert verdict.fit
    assert [one for one in DONE if one != "up tiny-rehearsal"] == [
        *("welcome", "your-cluster", "reset model", "model", "pipeline"),
        "clean tiny-rehearsal",
    ]
    said = capsys.readouterr().out
    assert "✓ Lab 03 · The GitOps model" in said
    assert "first time" in said
    assert "the words of" not in said, "they are in a file"
    logs = reader.root.parent / "rehearsals" / "tiny"
    assert (logs / "03-model.log").read_text() == "the words of model\n"
    assert not reader.root.exists()
    assert not reader.root.with_name("tiny-rehearsal").exists()


def test_what_fails_is_named_and_the_rest_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    no = LabError("no image\n  yet", expected="one", todo="push")
    monkeypatch.setattr(solve, "catch_up", solved(model=no, deploy=KeyError("kind")))
    verdict = rehearse.rehearse(labs_named("3,4,5"))
    second, last = (catalogue.lab_named(name).steps[1].id for name in ("model", "deploy"))
    assert verdict.text() == (
        f"Not fit: lab 03 · The GitOps model, step {second}: no image | yet; "
        f"lab 05 · Deploy through Git, step {last}: KeyError: 'kind'"
    )
    assert "reset pipeline" in DONE, "what a lab that failed has left is nobody's start"


def test_a_lab_that_does_not_come_up_is_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def up(instance: Instance, steps: Steps) -> str:
        raise LabError("no engine", expected="one", todo="install it")

    monkeypatch.setattr(platform, "up", up)
    ended = CliRunner().invoke(app, ["rehearse", "--labs", "0"])
    assert ended.exit_code == 1
    assert ended.output.splitlines()[-1] == "Not fit: `make up`: no engine"
    assert DONE == ["clean tiny-rehearsal"]


def test_the_last_line_says_fit() -> None:
    ended = CliRunner().invoke(app, ["rehearse", "--labs", "7"])
    assert ended.exit_code == 0
    count = len(catalogue.lab_named(7).steps)
    assert ended.output.splitlines()[-1].startswith(f"Fit: 1 lab, {count} steps, in ")


def test_interrupted_it_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "catch_up", solved(model=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        rehearse.rehearse(labs_named("3"))
    assert DONE[-1] == "clean tiny-rehearsal"


def test_a_lab_of_that_name_that_is_somebodys_own_is_not_touched(reader: Instance) -> None:
    own = reader.root.with_name("tiny-rehearsal")
    (own / "work").mkdir(parents=True)
    with pytest.raises(LabError, match="no rehearsal has made"):
        rehearse.rehearse(labs_named("0"))
    assert (own / "work").exists()
    assert DONE == []


def test_what_an_earlier_one_left_is_deleted_first(reader: Instance) -> None:
    own = reader.root.with_name("tiny-rehearsal")
    write_json(own / rehearse.MARK, {})
    assert rehearse.rehearse(labs_named("0")).fit
    assert DONE[:2] == ["clean tiny-rehearsal", "up tiny-rehearsal"]


def test_two_at_once_the_second_is_told(reader: Instance) -> None:
    own = Instance("tiny-rehearsal", reader.root.with_name("tiny-rehearsal"))
    with (
        platform.exclusive(own, lock="tiny-rehearsal.rehearsal"),
        pytest.raises(LabError, match="another `make rehearse` of lab 'tiny-rehearsal' is at work"),
    ):
        rehearse.rehearse(labs_named("0"))
    assert DONE == []


def test_labs_are_named_by_number_or_name_and_none_means_all() -> None:
    assert labs_named("") == catalogue.LABS
    assert [lab.number for lab in labs_named("7,model,07")] == [3, 7]
    with pytest.raises(LabError, match="no lab is called '12'"):
        labs_named("3,12")


def test_a_verdict_of_several_is_one_line() -> None:
    two = [Trouble("lab a", "x"), Trouble("lab b", "y")]
    assert Verdict(catalogue.LABS, 1.0, two).text() == "Not fit: lab a: x; lab b: y"
