"""The commands `lab reset`, `lab catchup` and `lab bench reset`; labs/cli.py mounts them."""

from __future__ import annotations

from typing import Annotated

import typer

from labs.cli_gitops import bench_app
from labs.instance import Instance

app = typer.Typer()


@app.command()
def reset(
    name: Annotated[
        str, typer.Argument(metavar="[LAB]", help="A lab's name or number; none: the one begun.")
    ] = "",
) -> None:
    """Put everything back to the start of a lab, as if those before it had been done."""
    from labs import catalogue
    from labs.platform.steps import Steps
    from labs.reset import again

    instance = Instance.current()
    lab = catalogue.lab_named(name) if name else again.current_lab(instance)
    report = again.reset(instance, lab, Steps(instance.durations))
    print(f"\n{report.text()}")


@app.command()
def catchup(
    name: Annotated[
        str, typer.Argument(metavar="[LAB]", help="A lab's name or number; none: the one begun.")
    ] = "",
) -> None:
    """Do the steps of a lab that are left, one by one, with its solutions; each is shown."""
    from labs import catalogue, solve
    from labs.reset import again

    lab = catalogue.lab_named(name) if name else again.current_lab(Instance.current())
    solve.catch_up(lab)


@bench_app.command("reset")
def bench_reset(
    runs: Annotated[int, typer.Option(help="How many times to each lab.", min=1)] = 5,
    deleted: Annotated[bool, typer.Option(help="Delete the cluster before each.")] = False,
    labs: Annotated[str, typer.Option(help="Numbers of labs, such as 3,7; none: all.")] = "",
) -> None:
    """Time resets to each lab: median, fastest, slowest. The lab's own state is lost."""
    from labs.reset import bench

    bench.measure(Instance.current(), runs, deleted=deleted, labs=labs)
