"""The command `lab dashboards`; labs/cli.py mounts it."""

from __future__ import annotations

import typer

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
