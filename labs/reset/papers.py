"""What a lab notes of its reader, at a reset: notebooks, progress, records. Nothing is lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from labs import catalogue
from labs.catalogue import Lab
from labs.gitops import horizon, instances
from labs.gitops.image_automation import connection
from labs.instance import Instance, write_json
from labs.platform import git_server, workspace
from labs.platform.notebook_copies import Copies
from labs.progress import Progress
from labs.reset.starts import Start

RECORDS = {"keyless.json": 3, "bet.json": 6}
"""Records of what a lab's reader did once, and the number of the lab that makes them."""


def notebooks(instance: Instance, lab: Lab, aside: Path) -> list[str]:
    """Set aside this and later labs' notebooks that the reader changed; lay fresh ones."""
    copies = Copies(instance.work, instance.root / "handed-out.json", lambda line: None)
    moved = []
    for one in catalogue.LABS:
        name = f"notebooks/{one.notebook}"
        path = instance.work / name
        if one.number >= lab.number and copies.changed(name):
            target = aside / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
            moved.append(one.notebook)
    workspace.ensure_notebooks(instance, lambda line: None)
    return moved


def progress(instance: Instance, lab: Lab, stamp: str, aside: Path) -> None:
    """Begin anew from a lab on; labs before it count as they were, and say if they were jumped."""
    state = Progress(instance)
    if state.path.exists():
        aside.mkdir(parents=True, exist_ok=True)
        shutil.copy2(state.path, aside / "progress.json")
    before = [one for one in catalogue.LABS if one.number < lab.number]
    state.put_back(
        {one.name: [step.id for step in one.steps] for one in before}, at=lab.name, stamp=stamp
    )


def records(instance: Instance, lab: Lab, start: Start) -> str:
    """Bring the lab's own records to the start; return the cluster's name in the config repo."""
    for name, number in RECORDS.items():
        if lab.number <= number:
            (instance.root / name).unlink(missing_ok=True)
    known = instance.root / "instance.json"
    name = instances.DEFAULT
    if known.exists():
        name = str(json.loads(known.read_text())["name"])
    if not start.agents:
        known.unlink(missing_ok=True)
        return instances.DEFAULT
    if not known.exists():
        instances.note(instance, name)
    return name


def untie(instance: Instance) -> None:
    """Have the Git server tell the cluster of no push; lab 06 has it do so again."""
    told = git_server.listener(instance, connection.LISTENER)
    if connection.is_connected(instance) or told.get("repos"):
        git_server.notify(instance, connection.LISTENER, [], "http://127.0.0.1/", "")
        connection.record(instance).unlink(missing_ok=True)


def note(instance: Instance, lab: Lab, at: float) -> None:
    """Write down where the lab was put and when: what CI ran before that is no evidence."""
    write_json(horizon.record(instance), {"lab": lab.name, "at": at})
