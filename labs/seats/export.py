"""A seat's progress as one file for the instructor: without a name, unless one is given."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.progress import Progress
from labs.seats.summary import standing

FORMAT = 1


def seat(instance: Instance, name: str = "") -> dict[str, Any]:
    """Return what a seat's file holds. Raises LabError where the progress is damaged."""
    state = Progress(instance).read()
    where = standing(state)
    at = where.lab
    found: dict[str, Any] = {
        "format": FORMAT,
        "seat": seat_id(instance),
        "name": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "lab": at.lab.name,
        "step": at.next.step.id if at.next else "",
        "labs": [
            {
                "lab": one.lab.name,
                "number": one.lab.number,
                "title": one.lab.title,
                "word": one.word,
                "minutes": None if one.minutes is None else round(one.minutes, 1),
                "last": one.last.isoformat(timespec="seconds") if one.last else None,
                "steps": [
                    {
                        "id": each.step.id,
                        "title": each.step.title,
                        "mark": each.mark,
                        "tries": each.tries,
                        "hints": each.hints,
                        "failure": each.failure,
                    }
                    for each in one.steps
                ],
            }
            for one in where.labs
        ],
        "help": state["asked"],
    }
    return dict(json.loads(scrubbed(instance, json.dumps(found))))


def write(instance: Instance, path: Path, name: str = "") -> None:
    """Write a seat's file. Raises LabError where that is not possible."""
    try:
        write_json(path, seat(instance, name))
    except OSError as refused:
        raise LabError(
            f"{path}: {refused.strerror}",
            expected="a file that can be written",
            todo="choose another place: `lab progress --export seat.json`",
        ) from refused


def seat_id(instance: Instance) -> str:
    """Return what stands for this seat: made at random, once, and kept as long as the lab is."""
    path = instance.root / "seat.json"
    if not path.exists():
        write_json(path, {"seat": secrets.token_hex(3)})
    return str(json.loads(path.read_text())["seat"])


def scrubbed(instance: Instance, text: str) -> str:
    """Return a text without the folders of this machine: they may have a person's name in them."""
    for path, word in ((instance.root, ".lab"), (Path.cwd(), "."), (Path.home(), "~")):
        if len(path.parts) > 1:
            text = text.replace(json.dumps(str(path))[1:-1], word)
    return text
