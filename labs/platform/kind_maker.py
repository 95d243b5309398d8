"""A process of its own that makes a kind cluster with pytest-kind's KindCluster.

KindCluster lets kind write to whatever terminal it has; here it has none. What a killed `make up`
has left of it is found by its command line, and ended.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from labs.instance import Instance
from labs.platform import processes
from labs.run import run
from scripts.supply import api as supply

MAKER = "labs.platform.kind_maker"
SECONDS = 400.0


def make(instance: Instance, config: Path) -> str:
    """Make the instance's cluster as a kind configuration says; return what kind printed.

    A cluster of that name which is there is taken as it is. Raises CommandFailed.
    """
    return run(
        *(sys.executable, "-m", MAKER, instance.root, config),
        env={
            "LAB_NAME": instance.name,
            "LAB_HOME": str(instance.root.parent),
            "KIND_EXPERIMENTAL_DOCKER_NETWORK": instance.network,
        },
        timeout=SECONDS,
        todo="run `make up` again; `make doctor` names what the host lacks",
    )


def end_strays(instance: Instance) -> None:
    """End what a killed `make up` has left at work: it makes a node that nobody waits for.

    With nobody to read what it says, kind ends at its next word, and the node stays half-made.
    Raises LabError where one of them does not end.
    """
    kind = f"create cluster --name={instance.name} --kubeconfig={instance.kubeconfig} "
    for marker in (f"{MAKER} {instance.root} ", kind):
        for pid in processes.find(marker):
            processes.end(pid, marker)


def _main(config: Path) -> None:
    from pytest_kind import KindCluster  # here: only this process needs it

    instance = Instance.current()
    with contextlib.chdir(instance.root):  # KindCluster keeps a folder where it stands
        KindCluster(
            instance.name,
            kubeconfig=instance.kubeconfig,
            image=supply.node_image(),
            kind_path=supply.tool("kind"),
            kubectl_path=supply.tool("kubectl"),
        ).create(config)


if __name__ == "__main__":
    _main(Path(sys.argv[2]))
