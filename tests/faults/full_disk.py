"""A disk that is full for one container alone: a small volume, and a file that takes its room."""

from __future__ import annotations

import pytest

from labs.errors import LabError
from labs.instance import Instance
from labs.platform import docker, engine
from scripts.supply import api as supply

FILLER = "filler"


def bounded_volume(instance: Instance, part: str, megabytes: int) -> None:
    """Make a part's volume before the lab does: in memory, and with so much room alone."""
    name = instance.volume(part)
    size = f"size={megabytes}m,uid=1000,gid=1000,mode=0755"
    engine.docker(
        *("volume", "create", *engine.label_options(instance.labels), "--driver=local"),
        *("--opt=type=tmpfs", "--opt=device=tmpfs", f"--opt=o={size}", name),
    )
    image = supply.image("git-server")
    supply.load(image)
    engine.docker(
        *("run", "--detach", f"--name={instance.container(f'{part}-holder')}", "--network=none"),
        *(*engine.label_options(instance.labels), "--pull=never", "--user=0"),
        *(f"--volume={name}:/held", "--entrypoint=/bin/sleep", image, "infinity"),
    )


def fill(instance: Instance, part: str) -> None:
    """Take all the room of a part's volume."""
    holder = instance.container(f"{part}-holder")
    words = ("dd", "if=/dev/zero", f"of=/held/{FILLER}", "bs=4k")
    with pytest.raises(LabError, match="o space left on device"):
        docker.exec_in(holder, *words)


def make_room(instance: Instance, part: str) -> None:
    """Give the room back."""
    docker.exec_in(instance.container(f"{part}-holder"), "rm", f"/held/{FILLER}")
