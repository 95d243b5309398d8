"""Every make target and `lab` command is documented, from where it is defined."""

from __future__ import annotations

import re

import pytest
import typer.main
from typer.core import TyperGroup

from labs.cli import app
from labs.instance import PROJECT
from scripts.docs import cheats, commands

TREE = typer.main.get_command(app)
PAGES = sorted((PROJECT / "docs").glob("*.md"))


def known(words: list[str]) -> bool:
    """Say whether `lab` has the command that these words begin with."""
    group = TREE
    while isinstance(group, TyperGroup) and not (group.invoke_without_command and not words):
        if not words or words[0] not in group.commands:
            return False
        group, words = group.commands[words[0]], words[1:]
    return True


def test_the_page_is_what_makefile_and_commands_say() -> None:
    assert commands.PAGE.read_text() == commands.page(), "`python -m scripts.docs commands`"


def test_the_page_has_every_target_and_command() -> None:
    page = commands.page()
    targets = re.findall(r"^([a-z-]+):", commands.MAKEFILE.read_text(), re.M)
    assert len(targets) > 10
    assert [name for name in targets if f"| `make {name}` |" not in page] == []
    assert isinstance(TREE, TyperGroup)
    assert [name for name in TREE.commands if not re.search(rf"`lab {name}[ `]", page)] == []
    assert "`lab release NAME VERSION` |" in page
    assert "`--reason …` Why" in page
    assert "| `lab ci show" in page, "a command of a group"


@pytest.mark.parametrize(
    "line", [line for row in cheats.ROWS for line in row.lab], ids=lambda line: line
)
def test_a_command_of_the_cheat_sheet_exists(line: str) -> None:
    words = line.split()
    assert words[0] == "lab"
    assert known(words[1:])


@pytest.mark.parametrize("page", [PROJECT / "README.md", *PAGES], ids=lambda path: path.name)
def test_a_page_names_no_command_that_is_not_there(page: str) -> None:
    text = (PROJECT / page).read_text()
    targets = set(re.findall(r"^([a-z-]+):", commands.MAKEFILE.read_text(), re.M))
    named = re.findall(r"`make ([a-z-]+)", text)
    assert [name for name in named if name not in targets] == []
    lab = re.findall(r"`lab ([a-z]+(?: [a-z]+)?)", text)
    assert [words for words in lab if not known(words.split())] == []


def test_known_tells_what_is_not_there() -> None:
    assert known(["ci", "runs"])
    assert known(["instance"])
    assert not known(["ci", "walks"])
    assert not known(["releese", "hello"])
