"""A lab beside that of the tests, of which a few servers alone are to come up."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from labs.instance import Instance
from labs.platform import docker
from labs.platform.up import reserve_ports
from tests.streams import LAB_NAME


@contextmanager
def lab_beside(suffix: str) -> Iterator[Instance]:
    """Yield it with ports, before anything of it is up; what comes up is gone at the end.

    Its folder is beside those of the streams' labs: each keeps off the ports of all others, also of
    those whose containers are stopped for a moment.
    """
    name = f"{LAB_NAME}-{suffix}"
    made = Instance(name, Instance.current().root.with_name(name))
    _remove(made)
    reserve_ports(made, print)
    yield made
    _remove(made)


def _remove(made: Instance) -> None:
    docker.remove_all(made)
    shutil.rmtree(made.root, ignore_errors=True)
