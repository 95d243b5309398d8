"""What pages list, from where it is defined: docs/commands.md, and the README's table of labs.

A unit test holds the page to this, so that neither can be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from labs import catalogue
from labs.cli import app
from labs.errors import LabError
from labs.instance import PROJECT

PAGE = PROJECT / "docs" / "commands.md"
MAKEFILE = PROJECT / "Makefile"
README = PROJECT / "README.md"
HEAD = """\
# Every command

<!-- Made by `python -m scripts.docs commands`, from the Makefile and the `lab` command. -->

`make help` and `lab --help` print the same. `lab` is on the PATH of the lab's terminal; elsewhere
it is `.venv/bin/lab`. Options that it does not know end with exit code 2, anything else that fails
with 1 and three lines: found, expected, next.

"""


def page() -> str:
    """Return the page as Markdown."""
    return HEAD + "\n".join([*_make(MAKEFILE.read_text()), *_lab()]).lstrip() + "\n"


def write() -> None:
    """Write the page."""
    PAGE.write_text(page())


def write_labs() -> None:
    """Put the catalogue's table between the README's marks. Raises LabError without them."""
    text = README.read_text()
    mark = re.search(r"<!-- labs:.*?-->\n(.*?)\n<!-- /labs -->", text, re.S)
    if mark is None:
        raise LabError(
            f"{README.name} has no place for the labs",
            expected="the marks `<!-- labs: … -->` and `<!-- /labs -->`",
            todo="put them back",
        )
    README.write_text(text[: mark.start(1)] + catalogue.table() + text[mark.end(1) :])


def _make(makefile: str) -> Iterator[str]:
    """Tell each target by its `##` line, below the heading that `make help` prints."""
    for line in makefile.splitlines():
        if line.startswith("##@"):
            yield from ("", f"## make: {line[3:].strip()}", "")
            yield from ("| target | what it does |", "|---|---|")
        elif found := re.fullmatch(r"([a-z-]+):.*?## (.+)", line):
            yield f"| `make {found[1]}` | {_cell(found[2])} |"


def _lab() -> Iterator[str]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    yield from ("", "## lab", "", "| command | what it does | options |", "|---|---|---|")
    for words, command in _commands(group, ("lab",)):
        yield f"| `{_usage(words, command)}` | {_cell(_first(command))} | {_options(command)} |"


def _commands(
    group: TyperGroup, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], TyperCommand | TyperGroup]]:
    for name, command in group.commands.items():
        assert isinstance(command, TyperCommand | TyperGroup)
        here = (*words, name)
        if isinstance(command, TyperGroup):
            if command.invoke_without_command:
                yield here, command
            yield from _commands(command, here)
        else:
            yield here, command


def _usage(words: tuple[str, ...], command: TyperCommand | TyperGroup) -> str:
    shown = [
        (name if one.required else f"[{name}]") + ("…" if one.nargs == -1 else "")
        for one in command.params
        if isinstance(one, TyperArgument)
        for name in [(one.metavar or one.name or "").upper()]
    ]
    return " ".join([*words, *shown])


def _options(command: TyperCommand | TyperGroup) -> str:
    options = [one for one in command.params if isinstance(one, TyperOption) and not one.hidden]
    return "<br>".join(
        f"`{max(one.opts, key=len)}{'' if one.is_flag else ' …'}` {_help(one)}".strip()
        for one in options
    )


def _help(one: TyperOption) -> str:
    return _cell(one.help or "").rstrip(".")


def _first(command: TyperCommand | TyperGroup) -> str:
    return (command.help or "").strip().split("\n\n")[0].replace("\n", " ").rstrip(".")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
