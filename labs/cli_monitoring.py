"""The commands `lab monitoring …`; labs/cli.py mounts them."""

from __future__ import annotations

import typer

app = typer.Typer()
monitoring_app = typer.Typer(help="Prometheus and Alertmanager: their files.", no_args_is_help=True)
app.add_typer(monitoring_app, name="monitoring")


@monitoring_app.callback()
def monitoring() -> None:
    """Prometheus and Alertmanager, which come into the cluster through the config repo."""


@monitoring_app.command("files")
def monitoring_files() -> None:
    """Put monitoring into your clone of the config repo, bound in; committing is yours."""
    from labs import cli_files
    from labs.gitops import monitoring

    look = "Uncommitted, in {path}. Look at it, and at the folder monitoring/"
    cli_files.lay(monitoring.install, look, "Watch the cluster")
