"""The commands `lab demo` and `lab bench release|ci`; labs/cli.py mounts them."""

from __future__ import annotations

from typing import Annotated

import typer

from labs.cli_gitops import bench_app
from labs.instance import Instance

app = typer.Typer()


@app.command()
def demo(
    step: Annotated[bool, typer.Option("--step", help="Wait for a key between stages.")] = False,
) -> None:
    """Tell the whole story, from a commit to a lock, on a lab that it leaves as it was."""
    from labs.demo.play import play

    play(step)


@bench_app.command("release")
def bench_release(
    runs: Annotated[int, typer.Option(help="How many times by each way.", min=1)] = 20,
) -> None:
    """Time releases through Git beside `kubectl set image`, on one Deployment, taking turns."""
    from labs.gitops import bench_release

    done = bench_release.rounds(Instance.current(), runs, print)
    print(f"\n{bench_release.report(Instance.current(), done)}")


@bench_app.command("ci")
def bench_ci(
    runs: Annotated[int, typer.Option(help="How many commits of the app.", min=1)] = 5,
) -> None:
    """Time commits of the app: push to image, image to policy, to the bot's commit, to live."""
    from labs.gitops import bench_ci

    done = bench_ci.runs(Instance.current(), runs, print)
    print(f"\n{bench_ci.table(Instance.current(), done)}")
