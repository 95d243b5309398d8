"""The commands `lab monitoring …`; labs/cli.py mounts them."""

from __future__ import annotations

import typer

from labs.instance import Instance

app = typer.Typer()
monitoring_app = typer.Typer(help="Prometheus and Alertmanager: their files.", no_args_is_help=True)
app.add_typer(monitoring_app, name="monitoring")


@monitoring_app.callback()
def monitoring() -> None:
    """Prometheus and Alertmanager, which come into the cluster through the config repo."""


@monitoring_app.command("files")
def monitoring_files() -> None:
    """Put monitoring into your clone of the config repo, bound in; committing is yours."""
    from labs.gitops import instances, monitoring
    from labs.gitops.config_repo import attendees

    instance = Instance.current()
    repo, folder = attendees(instance), instances.folder(instance)
    laid = repo.lay(lambda draft: monitoring.install(draft, folder))
    if not laid:
        print("your clone has them all")
        return
    print("\n".join(laid))
    print(f"\nUncommitted, in {repo.path}. Look at it, and at the folder monitoring/, then:\n")
    print('  git add --all && git commit -m "Watch the cluster" && git push')
