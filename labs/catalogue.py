"""The labs, in their order: the one place that says which there are and how long each takes.

A lab's name is its notebook's: `your-cluster` is notebooks/01-your-cluster.ipynb and
labs/exercises/your_cluster.py. A step's id is unique across all labs, so that `lab.check("id")`
needs to know no more, in a notebook whose kernel was restarted as on the command line.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import cast

from labs.errors import LabError
from labs.instance import PROJECT
from labs.step import Step, View


@dataclass(frozen=True)
class Lab:
    """One lab: where it stands in the order, and what it needs and changes."""

    number: int
    name: str
    title: str
    minutes: int
    """A person's time, for planning."""
    changes: str
    """What it changes, told before it begins."""
    needs: tuple[str, ...] = ()
    """The stages of the supply that it stands on; see scripts.supply.api.STAGES."""

    @property
    def module(self) -> str:
        return f"labs.exercises.{self.name.replace('-', '_')}"

    @property
    def notebook(self) -> str:
        return f"{self.number:02d}-{self.name}.ipynb"

    @property
    def heading(self) -> str:
        return f"{self.number:02d} · {self.title}"

    @property
    def steps(self) -> tuple[Step, ...]:
        return cast(tuple[Step, ...], import_module(self.module).STEPS)

    @property
    def views(self) -> Mapping[str, View]:
        """What `lab.watch` can show, by name: the module's VIEWS, if it has any."""
        return cast(Mapping[str, View], getattr(import_module(self.module), "VIEWS", {}))


LABS = (
    Lab(
        0,
        "welcome",
        "Welcome",
        10,
        changes="nothing: you look round, and the lab comes up while you read",
    ),
    Lab(
        1,
        "your-cluster",
        "Your cluster",
        15,
        changes="one pod of the cluster is deleted, and you find out who brings it back",
        needs=("servers", "cluster"),
    ),
    Lab(
        2,
        "agents",
        "Install the agents",
        15,
        changes="Flux is installed in the cluster and follows your config repo",
        needs=("servers", "cluster", "flux"),
    ),
    Lab(
        3,
        "model",
        "The GitOps model",
        35,
        changes="your commits change what runs in the cluster",
        needs=("servers", "cluster", "flux", "app"),
    ),
    Lab(
        4,
        "pipeline",
        "CI builds versions",
        40,
        changes="CI makes images of your commits; a second pipeline comes, is robbed, and goes",
        needs=("servers", "cluster", "flux", "app", "ci"),
    ),
    Lab(
        5,
        "deploy",
        "Deploy through Git",
        30,
        changes="production runs your versions; two commits of yours break, and are mended",
        needs=("servers", "cluster", "flux", "app"),
    ),
    Lab(
        6,
        "automate",
        "Automate",
        25,
        changes="image automation comes in; new versions deploy themselves, the last a bad one",
        needs=("servers", "cluster", "flux", "app", "ci"),
    ),
    Lab(
        7,
        "rollback",
        "Rollback and lock",
        25,
        changes="a bad version is undone for good; the app is locked, and unlocked again",
        needs=("servers", "cluster", "flux", "app"),
    ),
    Lab(
        8,
        "drift",
        "Drift",
        25,
        changes="production is changed by hand, suspended, deleted; in the end it is as Git says",
        needs=("servers", "cluster", "flux", "app"),
    ),
    Lab(
        9,
        "monitoring",
        "Monitoring through Git",
        45,
        changes="Prometheus comes by a commit, learns from three more, and is deleted, twice",
        needs=("servers", "cluster", "flux", "app", "monitoring"),
    ),
    Lab(
        10,
        "incident",
        "A release goes wrong",
        60,
        changes="visitors come to the app, a release fails them, and is taken back for good",
        needs=("servers", "cluster", "flux", "app", "ci", "monitoring"),
    ),
)


def notebooks_folder() -> Path:
    """Return the folder of the notebooks as they are shipped; readers work in copies."""
    return PROJECT / "notebooks"


def lab_named(name: str | int) -> Lab:
    """Return the lab of a name or number. Raises LabError with the known and the nearest."""
    text = str(name).removesuffix(".ipynb")
    for lab in LABS:
        if text in (lab.name, lab.notebook.removesuffix(".ipynb")) or (
            text.isdigit() and int(text) == lab.number
        ):
            return lab
    raise _unknown("lab", text, [lab.name for lab in LABS])


def labs_named(text: str) -> tuple[Lab, ...]:
    """Return the labs of names or numbers parted by commas, in their order; '': all of them.

    Raises LabError as `lab_named` does.
    """
    chosen = {lab_named(one.strip()) for one in text.split(",") if one.strip()}
    return tuple(lab for lab in LABS if lab in chosen or not chosen)


@cache
def all_steps() -> Mapping[str, tuple[Lab, Step]]:
    """Return every step by its id, in order. Raises ValueError if two labs use the same id."""
    found: dict[str, tuple[Lab, Step]] = {}
    for lab in LABS:
        for step in lab.steps:
            if step.id in found:
                raise ValueError(f"step id {step.id!r} is used twice")
            found[step.id] = (lab, step)
    return found


def step_named(step_id: str) -> tuple[Lab, Step]:
    """Return a step and its lab. Raises LabError with the known and the nearest."""
    steps = all_steps()
    if step_id not in steps:
        raise _unknown("step", step_id, list(steps))
    return steps[step_id]


def view_named(name: str) -> View:
    """Return what `lab.watch(name)` shows. Raises LabError with the known and the nearest."""
    views = {known: view for lab in LABS for known, view in lab.views.items()}
    if name not in views:
        raise _unknown("view", name, list(views))
    return views[name]


def table() -> str:
    """Return the labs as a Markdown table, as the README shows it."""
    rows = [
        f"| {lab.number:02d} | [{lab.title}](notebooks/{lab.notebook}) | {lab.minutes} | "
        f"{steps_told(lab)} | {lab.changes} |"
        for lab in LABS
    ]
    return "\n".join(["| | Lab | Minutes | Steps | It changes |", "|---|---|---|---|---|", *rows])


def steps_told(lab: Lab) -> str:
    """Return how many steps a lab has, in words: `6 and 1 stretch`."""
    stretch = sum(step.stretch for step in lab.steps)
    core = len(lab.steps) - stretch
    return f"{core} and {stretch} stretch" if stretch else f"{core}"


def _unknown(what: str, name: str, known: list[str]) -> LabError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return LabError(
        f"no {what} is called {name!r}",
        expected=f"one of: {', '.join(known)}",
        todo=f"did you mean {near[0]!r}?" if near else f"choose a {what} of that list",
    )
