"""The commands about monitoring, traffic and alerts; labs/cli.py mounts them."""

from __future__ import annotations

from typing import Annotated

import typer

from labs.cli_engine import AsUser, DryRun, NoWait, Reason

app = typer.Typer()
monitoring_app = typer.Typer(help="Prometheus and Alertmanager: their files.", no_args_is_help=True)
traffic_app = typer.Typer(help="Visitors for the app, by a commit.", no_args_is_help=True)
app.add_typer(monitoring_app, name="monitoring")
app.add_typer(traffic_app, name="traffic")


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


@traffic_app.callback()
def traffic() -> None:
    """Visitors for the app: requests at a steady rate, switched on and off by a commit."""


@traffic_app.command("on")
def traffic_on(
    rate: Annotated[
        float | None, typer.Option("--rate", help="Requests a second; else as Git has it.")
    ] = None,
    reason: Reason = "",
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    as_user: AsUser = "",
) -> None:
    """Have visitors come: one commit, which is followed until it is live."""
    from labs.gitops import verbs

    verbs.traffic(True, rate, reason=reason, dry_run=dry_run, wait=not no_wait, as_user=as_user)


@traffic_app.command("off")
def traffic_off(
    reason: Reason = "", dry_run: DryRun = False, no_wait: NoWait = False, as_user: AsUser = ""
) -> None:
    """Have no visitors come any more."""
    from labs.gitops import verbs

    verbs.traffic(False, reason=reason, dry_run=dry_run, wait=not no_wait, as_user=as_user)


@app.command()
def alerts() -> None:
    """List the alerts that fire, and the silences that hold."""
    from labs import alerting

    alerting.alerts()


@app.command()
def silence(
    alert: Annotated[str, typer.Argument(help="An alert's name, such as `AppSlow`.")],
    span: Annotated[str, typer.Option("--for", help="How long, such as 10m.")] = "10m",
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why, for whoever wonders.")] = "",
    labels: Annotated[str, typer.Option("--labels", help="Narrows it: `app=hello`.")] = "",
) -> None:
    """Have nobody told of an alert for a while."""
    from labs import alerting

    alerting.silence(alert, span, reason, labels=labels)


@app.command()
def unsilence(
    ident: Annotated[str, typer.Argument(metavar="ID", help="As `lab alerts` lists it.")],
) -> None:
    """End a silence now."""
    from labs import alerting

    alerting.unsilence(ident)
