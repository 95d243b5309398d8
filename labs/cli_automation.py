"""The commands `lab automation …`; labs/cli.py mounts them."""

from __future__ import annotations

import typer

from labs.instance import Instance

app = typer.Typer()
automation_app = typer.Typer(
    help="Image automation: its files, its ties to the lab, how it is.", no_args_is_help=True
)
app.add_typer(automation_app, name="automation")


@automation_app.command("files")
def automation_files() -> None:
    """Put image automation's files into your clone of the config repo; committing is yours."""
    from labs import cli_files
    from labs.gitops import image_automation

    look = "They are in {path}, uncommitted. Look at them"
    cli_files.lay(image_automation.install, look, "Keep images up to date")


@automation_app.command("connect")
def automation_connect() -> None:
    """Make the bot's Secrets, and have the Git server tell the cluster of each push."""
    from labs.gitops.image_automation import connection

    connection.connect(Instance.current())
    print("The Secrets are in the cluster. Each push to config is told to the receiver in it.")
    print("see it: lab automation status")


@automation_app.command("status")
def automation_status() -> None:
    """Show each part of image automation: whether it is there, and how it is."""
    from rich.console import Console
    from rich.table import Table

    from labs.gitops.image_automation import status

    found = status.parts(Instance.current())
    table = Table(box=None, pad_edge=False)
    for column in ("part", "", "state"):
        table.add_column(column, overflow="fold")
    for part in found:
        table.add_row(part.name, "ok" if part.well else "--", part.state)
    Console(highlight=False, markup=False).print(table)
    if not all(part.well for part in found):
        raise typer.Exit(1)
