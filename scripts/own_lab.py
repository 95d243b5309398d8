"""Tests and benches have a lab of their own: they delete it at the end."""

from __future__ import annotations

import os
from collections.abc import Callable

from labs.errors import LabError
from labs.instance import DEFAULT_NAME, Instance
from labs.platform import docker
from labs.platform import up as platform
from labs.platform.steps import Steps


def require(name: str) -> None:
    """Have LAB_NAME be `name` by default. Raises LabError where it names the reader's lab."""
    if os.environ.setdefault("LAB_NAME", name) == DEFAULT_NAME:
        raise LabError(
            f"LAB_NAME={DEFAULT_NAME}",
            expected="a lab of its own: it is deleted at the end",
            todo=f"leave LAB_NAME out (it is then {name}), or choose another",
        )


def sweep(say: Callable[[str], None]) -> list[str]:
    """Delete what an earlier run that was cut off has left: its lab and those beside it.

    They carry LAB_NAME, or begin with it and a hyphen. Their containers start again with the
    engine, and would be at work beside the tests that this run measures. With LAB_KEEP=1 they stay.
    """
    if os.environ.get("LAB_KEEP") == "1":
        return []
    own = Instance.current()

    def ours(name: str) -> bool:
        return name == own.name or name.startswith(f"{own.name}-")

    left = sorted(filter(ours, docker.labs()))
    for name in left:
        say(f"an earlier run's lab {name!r} is deleted")
        lab = Instance(name, own.root.with_name(name))
        platform.clean(lab, Steps(lab.durations))
    for name in filter(ours, docker.containers()):
        say(f"an earlier run's container {name!r} is deleted")
        docker.remove_container(name)
        left.append(name)
    return left
