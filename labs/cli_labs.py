"""The labs on the command line: the same functions that a notebook calls.

Each command imports what it calls, so that none waits for what another needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Work on the labs.")

Name = Annotated[str, typer.Argument(help="A lab's name or number, such as `welcome` or `0`.")]
StepId = Annotated[str, typer.Argument(help="A step's id; `lab progress` lists them.")]


@app.command()
def labs() -> None:
    """List the labs in their order."""
    from labs import lab

    lab.labs()


@app.command()
def start(name: Name) -> None:
    """Open a lab: what it is, what it changes, what it waits for. Resets nothing."""
    from labs import lab

    lab.start(name)


@app.command()
def check(
    step: StepId,
    answer: Annotated[
        str | None, typer.Argument(help="What a code step's cell would hand over.")
    ] = None,
) -> None:
    """Check a step: one line if it is done; if not, what was found, expected, and is next."""
    from labs import lab

    if answer is None:
        lab.check(step)
    else:
        lab.check(step, answer)


@app.command()
def hint(step: StepId) -> None:
    """Show a step's next hint: two ask, the third tells."""
    from labs import lab

    lab.hint(step)


@app.command()
def solve(step: StepId) -> None:
    """Show what a step's solution does and why, and do it."""
    from labs import lab

    lab.solve(step)


@app.command()
def predict(step: StepId, answer: str) -> None:
    """Record what you expect to happen."""
    from labs import lab

    lab.predict(step, answer)


@app.command()
def compare(step: StepId) -> None:
    """Show your prediction beside what happened."""
    from labs import lab

    lab.compare(step)


@app.command()
def watch(name: str) -> None:
    """Show something as it changes, until it is done."""
    from labs import lab

    lab.follow(name)


@app.command()
def progress(
    name: Annotated[str | None, typer.Argument(help="One lab; without it, all of them.")] = None,
    export: Annotated[str, typer.Option(help="Write it into this file, for `make board`.")] = "",
    who: Annotated[str, typer.Option("--name", help="A name in that file; else none.")] = "",
) -> None:
    """Show which steps are done and tried, the time spent, the hints taken."""
    from labs import lab

    if export:
        lab.export(export, who)
    else:
        lab.progress(name)


@app.command("help")
def ask_for_help() -> None:
    """Note your last failure, and what is needed to understand it, in your seat's file."""
    from labs import lab

    lab.help()


@app.command()
def board(
    files: Annotated[list[Path], typer.Argument(help="Files of `lab progress --export`.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("board.html"),
) -> None:
    """Make the instructor's page of seats' files: who is where, which step fails most."""
    from labs.seats import board as pages

    count = pages.write(files, out)
    print(f"{count} seat{'' if count == 1 else 's'}: {out.absolute()}")
