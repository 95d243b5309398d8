"""The commands `lab ci …`; labs/cli.py mounts them. What each does, it does for any pipeline."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from labs.instance import Instance

if TYPE_CHECKING:
    from labs.gitops.ci import CiRun
    from labs.platform.ci import Pipeline

app = typer.Typer()
ci_app = typer.Typer(help="CI: what was built of your commits, and how.", no_args_is_help=True)
app.add_typer(ci_app, name="ci")

Limit = Annotated[int, typer.Option("--limit", "-n", help="How many.", min=1)]
Number = Annotated[int, typer.Argument(help="The run; without it, the newest.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Until it has ended.")]
Commit = Annotated[str, typer.Argument(help="A commit of the repo; without it, the newest.")]


@ci_app.command("runs")
def ci_runs(limit: Limit = 10) -> None:
    """List the runs, the newest first: what, for which commit, how long, how it went."""
    print_runs(gitops(), limit)


@ci_app.command("logs")
def ci_logs(number: Number = 0, follow: Follow = False) -> None:
    """Print a run's log."""
    print_log(gitops(), number, follow=follow)


@ci_app.command("run")
def ci_run(commit: Commit = "") -> None:
    """Queue a run for a commit that is in the app repo already."""
    queue(gitops(), commit)


@ci_app.command("show")
def ci_show(number: Number = 0) -> None:
    """Show one run: its stages with their times, and the image that it made."""
    print_run(gitops(), number)


def gitops() -> Pipeline:
    """Return the workshop's own pipeline."""
    from labs.platform.ci import GITOPS

    return GITOPS


def print_runs(pipeline: Pipeline, limit: int) -> None:
    """Print the newest runs as a table."""
    from rich.console import Console
    from rich.table import Table

    from labs.gitops import ci

    found = ci.runs(Instance.current(), limit, pipeline)
    if not found:
        said = f"each push to the repo {pipeline.repo} starts one, and so does"
        print(f"no run yet: {said} `{pipeline.command} run`")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("run", justify="right")
    table.add_column("state")
    table.add_column("commit")
    table.add_column("by")
    table.add_column("queued")
    table.add_column("took", justify="right")
    table.add_column("image, or what became of it", overflow="fold")
    for one in found:
        took = f"{one.seconds:.0f} s" if one.seconds is not None else ""
        queued = f"{datetime.fromtimestamp(one.queued).astimezone():%H:%M:%S}"
        cells = (str(one.number), one.state, one.commit[:8], one.pusher, queued, took)
        table.add_row(*cells, _outcome(one))
    Console(highlight=False, markup=False).print(table)


def print_log(pipeline: Pipeline, number: int, *, follow: bool) -> None:
    """Print a run's log (0: the newest's). Raises typer.Exit if a run that is followed fails."""
    from labs.gitops import ci

    instance = Instance.current()
    chosen = number or ci.newest(instance, pipeline).number
    if not follow:
        print(ci.log(instance, chosen, pipeline), end="")
        return
    for part in ci.follow(instance, chosen, pipeline):
        print(part, end="", flush=True)
    ended = ci.run(instance, chosen, pipeline)
    print(f"\nrun {chosen}: {ended.state}  {_outcome(ended)}")
    if ended.state != "success":
        raise typer.Exit(1)


def queue(pipeline: Pipeline, commit: str) -> None:
    """Queue a run, and say how to see it."""
    from labs.gitops import ci

    queued = ci.start(Instance.current(), commit, pipeline=pipeline)
    print(f"run {queued.number} is queued: {queued.commit[:8]} {queued.subject}")
    print(f"see it: {pipeline.command} logs {queued.number} --follow")


def print_run(pipeline: Pipeline, number: int) -> None:
    """Print one run (0: the newest)."""
    from labs.gitops import ci

    instance = Instance.current()
    one = ci.run(instance, number, pipeline) if number else ci.newest(instance, pipeline)
    print(f"run {one.number}: {one.state}  {one.commit[:8]} {one.subject} ({one.pusher})")
    print(f"because: {one.reason}")
    for stage in one.stages:
        took = f"{stage.seconds:6.1f} s" if stage.seconds is not None else ""
        print(f"  {stage.name:14} {stage.result:10} {took}")
    if one.image:
        print(f"image:  {one.image}" + (f"\ndigest: {one.digest}" if one.digest else ""))
    if one.why:
        print(f"why:    {one.why}" + (f"; run {one.again} repeats it" if one.again else ""))


def _outcome(one: CiRun) -> str:
    if one.state == "success":
        return f"{one.image.rpartition('/')[2]} {one.digest[:19]}".rstrip()
    if one.state == "interrupted":
        return f"{one.why}; run {one.again} repeats it"
    return one.why or one.stage or (one.reason if one.reason != "push" else "")
