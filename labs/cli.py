"""The `lab` command. The Makefile's targets call it; every command is a function of a module."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from labs import (
    cli_automation,
    cli_ci,
    cli_dashboards,
    cli_demo,
    cli_engine,
    cli_gitops,
    cli_labs,
    cli_monitoring,
    cli_pause,
    cli_pipeline,
    cli_reset,
)
from labs.errors import LabError
from labs.instance import Instance

app = typer.Typer(
    name="lab",
    help="GitOps Hackfest: a workshop lab on your own computer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
AREAS = (
    cli_labs,
    cli_gitops,
    cli_engine,
    cli_automation,
    cli_ci,
    cli_pipeline,
    cli_monitoring,
    cli_dashboards,
    cli_demo,
    cli_reset,
    cli_pause,
)
for area in (module.app for module in AREAS):
    app.registered_commands += area.registered_commands
    app.registered_groups += area.registered_groups


@app.command()
def up() -> None:
    """Bring the lab up, or back to life; prints JupyterLab's address last."""
    from labs.platform import console
    from labs.platform import up as platform
    from labs.platform.steps import Steps
    from labs.reset import lost

    instance = Instance.current()
    steps = Steps(instance.durations)
    address = platform.up(instance, steps)
    print(f"\nThe lab {instance.name!r} is up, after {steps.seconds:.0f} s. The console:\n")
    print(f"  {console.address(instance)}\n\nJupyterLab, with lab 00:\n\n  {address}\n")
    if words := lost.told(instance):
        print(f"{words}\n")


@app.command()
def down() -> None:
    """Stop the lab and delete nothing; `lab up` brings it back where it was."""
    from labs.platform import up as platform
    from labs.platform.steps import Steps

    instance = Instance.current()
    platform.down(instance, Steps(instance.durations))
    print(f"The lab {instance.name!r} is stopped. `make up` brings it back.")


@app.command()
def clean() -> None:
    """Delete the lab: cluster, containers, volumes, state. Your own work is set aside."""
    from labs.platform import up as platform
    from labs.platform.steps import Steps

    instance = Instance.current()
    kept = platform.clean(instance, Steps(instance.durations))
    if kept:
        print(f"Your notebooks and clones are kept in {kept}")
    print(f"The lab {instance.name!r} is gone. The caches stay: see docs/machine.md.")


@app.command()
def status() -> None:
    """Show each part of the lab: its state, and where it answers."""
    from labs.platform import status as platform

    instance = Instance.current()
    parts = platform.parts(instance)
    platform.show(instance, parts)
    if not all(part.well for part in parts):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Check what the lab stands on: found, needed, remedy."""
    from labs.platform import doctor as platform

    raise typer.Exit(platform.main())


@app.command()
def logs(
    part: Annotated[str, typer.Argument(help="the part; none lists them")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", help="how many lines")] = 50,
) -> None:
    """Show the last lines of a part's log."""
    from labs.platform import status as platform

    print(platform.logs(Instance.current(), part, lines), end="")


@app.command()
def jupyter() -> None:
    """Start JupyterLab if it is not running, and print its address."""
    from labs.platform import jupyter as platform
    from labs.platform import workspace

    instance = Instance.current()
    workspace.ensure_notebooks(instance)
    print(platform.ensure(instance))


@app.command()
def console() -> None:
    """Start the console if it is not running, and print its address."""
    from labs.platform import console as platform

    print(platform.ensure(Instance.current()))


def main() -> None:
    """Run the command; a LabError becomes three lines and exit code 1."""
    try:
        app()
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("\nstopped; run the same command again, it goes on from here", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
