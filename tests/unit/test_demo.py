"""The demo's telling: readable at 80 columns, with and without a terminal; and its versions."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from labs.demo import scene as scenes
from labs.demo import telling
from labs.demo.scene import OffScript, Scene
from labs.demo.story import STAGES, Stage
from labs.demo.telling import Teller
from labs.gitops import spare_versions
from labs.instance import Instance
from labs.platform import registry
from labs.run import CommandFailed
from labs.understudy import semver

FACTS = {"good_commit": "1" * 40, "bot_commit": "2" * 40, "rollback": "3" * 40}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    lab = Instance("test", tmp_path / "test")
    good = "1.4.0-demo.10"
    return Scene(lab, lambda text: None, good, spare_versions.after(good), dict(FACTS))


def teller(*, terminal: bool = False, step: bool = False, stages: int = 2) -> Teller:
    console = Console(
        file=io.StringIO(), width=80, force_terminal=terminal, highlight=False, markup=False
    )
    return Teller(stages, step, console)


def told(by: Teller) -> str:
    assert isinstance(by.console.file, io.StringIO)
    return by.console.file.getvalue()


def test_every_stage_fits_and_its_command_names_what_was_found(scene: Scene) -> None:
    by = teller(stages=len(STAGES))
    for stage in STAGES:
        told_only = Stage(stage.title, stage.says, stage.command, lambda _: "it was done, " * 8)
        by.stage(told_only, scene)
    by.table()
    text = told(by)
    assert "{" not in text
    assert f"lab release hello {scene.good}" in text
    assert "git revert --no-edit 2222222" in text
    commands = [line for line in text.splitlines() if line.startswith("   $ ")]
    assert len(commands) >= len(STAGES)
    others = [line for line in text.splitlines() if line not in commands]
    assert max(map(len, others)) <= 80
    assert max(map(len, commands)) <= 100


def test_the_table_has_each_stage_with_its_outcome_and_seconds(scene: Scene) -> None:
    by = teller()
    by.stage(Stage("The first", "Words.", "ls", lambda _: "well done"), scene)
    by.stage(Stage("The second", "Words.", "ls", lambda _: "done, too"), scene)
    assert [one.outcome for one in by.told] == ["well done", "done, too"]
    by.table()
    rows = told(by).splitlines()[-2:]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert "The first" in rows[0]
    assert "well done" in rows[0]


def test_a_key_is_waited_for_between_the_stages_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []
    monkeypatch.setattr(telling, "read_key", lambda: keys.append("x"))
    by = teller(terminal=True, step=True, stages=3)
    for title in "abc":
        by.stage(Stage(title, "Words.", "ls", lambda _: "done"), scene)
    assert len(keys) == 2


def test_without_a_terminal_no_key_is_waited_for_and_that_is_said(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "read_key", lambda: pytest.fail("it waits for a key"))
    by = teller(step=True)
    by.stage(Stage("a", "Words.", "ls", lambda _: "done"), scene)
    assert "no terminal" in told(by)
    assert "\x1b" not in told(by), "a log has no use for colours"


def test_a_stage_that_fails_is_not_told_as_done(scene: Scene) -> None:
    def fail(_: Scene) -> str:
        raise OffScript("it went otherwise", "as told")

    by = teller()
    with pytest.raises(OffScript):
        by.stage(Stage("a", "Words.", "ls", fail), scene)
    assert by.told == []


def test_what_is_not_refused_is_off_the_script() -> None:
    with pytest.raises(OffScript, match="went through"):
        scenes.refusal(lambda: None)


def test_a_refusal_is_told_in_the_servers_words() -> None:
    said = "remote: \nremote: found:    hello is locked by attendee\nremote: expected: no move\n"

    def push() -> None:
        raise CommandFailed(["git", "push"], 1, "", said, "")

    assert scenes.refusal(push) == "hello is locked by attendee"


# --- versions that nobody else uses ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "version"),
    [
        ([], "1.4.0-demo.1"),
        (["1.4.0", "1.2.0", "latest"], "1.4.0-demo.1"),
        (["1.4.0-demo.2", "1.4.0-demo.10", "1.4.0-demo.x"], "1.4.0-demo.11"),
    ],
)
def test_a_spare_version_is_one_that_no_image_has(
    tags: list[str], version: str, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "tags", lambda lab, repo: tags)
    assert spare_versions.next_version(scene.instance) == version


def test_no_policy_of_a_reader_chooses_a_spare_version_and_the_demos_chooses_no_other() -> None:
    spare = [semver.parse(f"1.4.0-demo.{number}") for number in (1, 9, 10)]
    others = [semver.parse(text) for text in ("0.9.0", "1.2.0", "1.3.0", "1.4.0", "2.1.0")]
    assert all(spare)
    own = semver.Range.parse(spare_versions.RANGE)
    assert [own.allows(one) for one in spare if one] == [True] * 3
    assert [own.allows(one) for one in others if one] == [False] * 5
    for text in (">=1.0.0", ">=1.0.0, !=1.3.0", "^1", "~1.4", "*"):
        theirs = semver.Range.parse(text)
        assert [theirs.allows(one) for one in spare if one] == [False] * 3, text
    assert sorted(one for one in spare if one) == spare, "10 comes after 9"
