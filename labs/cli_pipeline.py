"""The commands `lab app …` and `lab typical …`; labs/cli.py mounts them."""

from __future__ import annotations

from typing import Annotated

import typer

from labs.cli_ci import Commit, Follow, Limit, Number, gitops, print_log, print_runs, queue
from labs.instance import Instance

app = typer.Typer()
app_app = typer.Typer(help="The sample app's versions.", no_args_is_help=True)
typical_app = typer.Typer(
    help="The typical pipeline of lab 04: CI that deploys, and holds a key to the cluster.",
    no_args_is_help=True,
)
app.add_typer(app_app, name="app")
app.add_typer(typical_app, name="typical")


@app_app.command("versions")
def app_versions() -> None:
    """List the app's versions: which are commits, which are images, which Git deploys where."""
    from rich.console import Console
    from rich.table import Table

    from labs.gitops import app_versions

    table = Table(box=None, pad_edge=False)
    for column in ("version", "commit", "by", "image", "Git names it for"):
        table.add_column(column)
    for each in app_versions.states(Instance.current()):
        newest = each.commits[0] if each.commits else None
        table.add_row(
            each.number,
            newest.short if newest else "-",
            newest.author.name if newest else "",
            each.digest[:19] if each.digest else "-",
            ", ".join(each.environments),
        )
    Console(highlight=False, markup=False).print(table)


@app_app.command("commit")
def app_commit(
    version: Annotated[
        str, typer.Argument(help="A version, such as `1.2.0`, or `next`: after the newest image's.")
    ],
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run to its end.")] = False,
) -> None:
    """Have a colleague commit a version of the app, which CI then builds."""
    from labs.gitops import app_versions, ci

    instance = Instance.current()
    version = app_versions.coming(instance) if version == "next" else version
    sha = app_versions.commit(instance, version)
    print(f"{sha[:7]}  version {version} is in the app repo; your clone gets it by `git pull`")
    run = ci.of_commit(instance, sha)
    if run is None:
        queue(gitops(), sha)
        run = ci.newest(instance)
    elif not wait:
        print(f"CI: run {run.number} is {run.state} (`lab ci logs {run.number} --follow`)")
    if wait:
        print_log(gitops(), run.number, follow=True)


@typical_app.command("up")
def typical_up() -> None:
    """Start it: repository, a key to the cluster, and a runner that is given it."""
    from labs.platform import typical
    from labs.platform.up import exclusive

    instance = Instance.current()
    with exclusive(instance):
        typical.up(instance, print)
    print(
        "The typical pipeline is up; a push to its repository deploys. `lab typical down` ends it"
    )


@typical_app.command("down")
def typical_down() -> None:
    """Stop it, and take the key's rights away. The repository and the runs' logs stay."""
    from labs.platform import typical
    from labs.platform.up import exclusive

    instance = Instance.current()
    with exclusive(instance):
        typical.down(instance)
    print("The typical pipeline is down, and its key opens nothing any more.")


@typical_app.command("status")
def typical_status() -> None:
    """Say whether it runs, and what it has deployed."""
    from labs.platform import git_server, typical

    instance = Instance.current()
    for name, state in typical.states(instance).items():
        print(f"{name:<32} {state}")
    if typical.running(instance):
        print(f"{'you push to':<32} {git_server.url(instance, typical.PIPELINE.repo)}")
        print(f"{'it has deployed':<32} {typical.deployed(instance) or 'nothing yet'}")


@typical_app.command("runs")
def typical_runs(limit: Limit = 10) -> None:
    """List its runs, the newest first."""
    from labs.platform.typical import PIPELINE

    print_runs(PIPELINE, limit)


@typical_app.command("logs")
def typical_logs(number: Number = 0, follow: Follow = False) -> None:
    """Print the log of one of its runs."""
    from labs.platform.typical import PIPELINE

    print_log(PIPELINE, number, follow=follow)


@typical_app.command("run")
def typical_run(commit: Commit = "") -> None:
    """Queue a run for a commit that is in its repository already."""
    from labs.platform.typical import PIPELINE

    queue(PIPELINE, commit)
