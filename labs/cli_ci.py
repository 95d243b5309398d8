"""The commands `lab ci …`; labs/cli.py mounts them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from labs.instance import Instance

if TYPE_CHECKING:
    from labs.gitops.ci import CiRun

app = typer.Typer()
ci_app = typer.Typer(help="CI: what was built of your commits, and how.", no_args_is_help=True)
app.add_typer(ci_app, name="ci")


@ci_app.command("runs")
def ci_runs(
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many.", min=1)] = 10,
) -> None:
    """List the runs, the newest first: what, for which commit, how long, how it went."""
    from rich.console import Console
    from rich.table import Table

    from labs.gitops import ci

    found = ci.runs(Instance.current(), limit)
    if not found:
        print("no run yet: each push to the app repo starts one, and so does `lab ci run`")
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


@ci_app.command("logs")
def ci_logs(
    number: Annotated[int, typer.Argument(help="The run; without it, the newest.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until it has ended.")] = False,
) -> None:
    """Print a run's log."""
    from labs.gitops import ci

    instance = Instance.current()
    chosen = number or ci.newest(instance).number
    if not follow:
        print(ci.log(instance, chosen), end="")
        return
    for part in ci.follow(instance, chosen):
        print(part, end="", flush=True)
    ended = ci.run(instance, chosen)
    print(f"\nrun {chosen}: {ended.state}  {_outcome(ended)}")
    if ended.state != "success":
        raise typer.Exit(1)


@ci_app.command("run")
def ci_run(
    commit: Annotated[str, typer.Argument(help="A commit of the app repo; else the newest.")] = "",
) -> None:
    """Queue a run for a commit that is in the app repo already."""
    from labs.gitops import ci

    queued = ci.start(Instance.current(), commit)
    print(f"run {queued.number} is queued: {queued.commit[:8]} {queued.subject}")
    print(f"see it: lab ci logs {queued.number} --follow")


@ci_app.command("show")
def ci_show(
    number: Annotated[int, typer.Argument(help="The run; without it, the newest.")] = 0,
) -> None:
    """Show one run: its stages with their times, and the image that it made."""
    from labs.gitops import ci

    instance = Instance.current()
    one = ci.run(instance, number) if number else ci.newest(instance)
    print(f"run {one.number}: {one.state}  {one.commit[:8]} {one.subject} ({one.pusher})")
    print(f"because: {one.reason}")
    for stage in one.stages:
        took = f"{stage.seconds:6.1f} s" if stage.seconds is not None else ""
        print(f"  {stage.name:14} {stage.result:10} {took}")
    if one.image:
        print(f"image:  {one.image}\ndigest: {one.digest}")
    if one.why:
        print(f"why:    {one.why}" + (f"; run {one.again} repeats it" if one.again else ""))


def _outcome(one: CiRun) -> str:
    if one.state == "success":
        return f"{one.image.rpartition('/')[2]} {one.digest[:19]}"
    if one.state == "interrupted":
        return f"{one.why}; run {one.again} repeats it"
    return one.why or one.stage or (one.reason if one.reason != "push" else "")
