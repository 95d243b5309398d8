"""The commands about dashboards, and `lab monitoring enforce`; labs/cli.py mounts them."""

from __future__ import annotations

from typing import Annotated

import typer

from labs.cli_monitoring import monitoring_app

app = typer.Typer()


@app.command()
def dashboards() -> None:
    """List the dashboards in your clone: title and panels; a notebook draws them."""
    from labs.gitops.monitoring.dashboards import DRAWN
    from labs.instance import Instance
    from labs.metrics import dashboard

    for one in dashboard.listed(Instance.current()):
        board = one.read()
        print(f"{board.name}: {board.title}")
        for panel in board.panels:
            undrawn = "" if panel.kind in DRAWN else ", which Grafana draws and the lab does not"
            print(f"    {panel.title} ({panel.kind}{undrawn})")
    print('\nIn a notebook: lab.dashboard("app")')


@monitoring_app.command("enforce")
def enforce(
    off: Annotated[bool, typer.Option("--off", help="Leave it to `lab lint` again.")] = False,
) -> None:
    """Have the Git server refuse what promtool and amtool refuse, from this commit on."""
    from labs.gitops.config_repo import attendees
    from labs.gitops.monitoring.enforcing import enforce as switch
    from labs.instance import Instance

    print(switch(attendees(Instance.current()), on=not off).commit)


@app.command()
def grafana() -> None:
    """Run Grafana beside the lab with your clone's dashboards, where its image can be pulled."""
    from labs.instance import Instance
    from labs.platform import grafana as platform

    print(f"Grafana, to look and no more: {platform.ensure(Instance.current(), print)}")
