"""The commands `lab pause`, `lab resume` and `lab rehearse`; labs/cli.py mounts them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from labs.instance import Instance

if TYPE_CHECKING:
    from labs.platform.pause import Pause, Resumed

app = typer.Typer()


@app.command()
def pause() -> None:
    """Stop the lab, say what memory that frees and where you are; nothing is lost."""
    from labs.platform import pause as platform
    from labs.platform.steps import Steps

    instance = Instance.current()
    made, before = platform.pause(instance, Steps(instance.durations))
    print(f"\n{paused_words(instance, made, before=before, now=datetime.now(UTC))}")
    print(f"{_where(instance)}\n\n`make resume` brings it back.")


@app.command()
def resume() -> None:
    """Bring the lab back after a pause, a restart, a sleep, an update, and say where you were."""
    from labs.platform import console
    from labs.platform import pause as platform
    from labs.platform.steps import Steps
    from labs.reset import lost

    instance = Instance.current()
    steps = Steps(instance.durations)
    done = platform.resume(instance, steps)
    words = resumed_words(instance, done, steps.seconds, now=datetime.now(UTC))
    print(f"\n{words}\n{_where(instance)}\n\nThe console:\n\n  {console.address(instance)}")
    print(f"\nJupyterLab:\n\n  {done.address}\n")
    if words := lost.told(instance):
        print(f"{words}\n")


@app.command()
def rehearse(
    labs: Annotated[str, typer.Option(help="Numbers of labs, such as 3,7; none: all.")] = "",
) -> None:
    """Do every lab with its solutions, on a lab that is made for it and deleted; say if it is fit.

    Your own lab is beside it, and stays as it is.
    """
    from labs import catalogue
    from labs import rehearse as night_before

    verdict = night_before.rehearse(catalogue.labs_named(labs))
    print(f"\n{verdict.text()}")
    if not verdict.fit:
        raise typer.Exit(1)


def paused_words(instance: Instance, made: Pause | None, *, before: bool, now: datetime) -> str:
    """Return what `lab pause` says of the lab itself."""
    if made is None:
        return f"The lab {instance.name!r} is stopped already, by `make down` or a restart."
    if before:
        return f"The lab {instance.name!r} is paused already, for {_ago(made, now)}."
    return f"The lab {instance.name!r} is paused: {made.freed} MiB of memory are free again."


def resumed_words(instance: Instance, done: Resumed, seconds: float, *, now: datetime) -> str:
    """Return what `lab resume` says of the lab itself."""
    name, took = f"The lab {instance.name!r}", f"after {seconds:.0f} s"
    if done.pause:
        first = f"{name} goes on, {took}; it was paused for {_ago(done.pause, now)}."
    elif done.ran:
        first = f"{name} was running; every part of it was looked at, {took}."
    else:
        first = f"{name} goes on, {took}; it had been stopped, not by a pause."
    if not done.unready:
        return first
    pods = ", ".join(done.unready)
    return f"{first}\nNot all pods are ready again ({pods}); `make status` shows each part."


def _ago(made: Pause, now: datetime) -> str:
    minutes = round((now - datetime.fromisoformat(made.at)).total_seconds() / 60)
    hours, minutes = divmod(max(0, minutes), 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "less than a minute"


def _where(instance: Instance) -> str:
    from labs.progress import Progress
    from labs.seats.summary import standing

    return standing(Progress(instance).read()).text()
