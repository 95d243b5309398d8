"""What Flux will apply, applied while Flux itself still starts: what takes long begins at once.

As Flux, from the same files: it finds its own work done, puts its name to it, and goes on from
there. Without it the slowest part, monitoring with its volumes, would begin after Flux, its
source and its root. What is not of use yet is left to Flux: objects whose types come with others.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ruamel.yaml import YAML

from labs.instance import Instance
from labs.platform import flux
from labs.platform.objects import Object
from labs.reset import config_tree
from labs.reset.cluster import AUTOMATION, kustomizations
from labs.reset.following import AGENT
from labs.reset.kubectl import Kubectl
from labs.reset.starts import Start
from labs.run import run
from scripts.supply import api as supply

TYPED = AUTOMATION[0]
"""The Kustomization whose objects have types that another one brings."""


def apply(instance: Instance, start: Start, name: str) -> None:
    """Apply what the Kustomizations of a start will; `name` is the cluster's in the config repo."""
    kubectl = Kubectl(instance)
    with tempfile.TemporaryDirectory(prefix="ahead-") as scratch:
        sheet = config_tree.Sheet()
        config_tree.write_whole(sheet, start, name)
        tree = sheet.lay(Path(scratch))
        found = {
            flux.name(each): (file, each)
            for file in sorted((tree / "clusters" / name).glob("*.yaml"))
            for each in YAML(typ="safe", pure=True).load_all(file)
        }
        # The root is not among them: its file is Flux's own, and all that it would do is these.
        wanted = kustomizations(start) & found.keys() - {TYPED}

        def one(each: str) -> None:
            kubectl.apply(_built(tree, *found[each]), AGENT)

        with ThreadPoolExecutor(len(wanted)) as pool:
            list(pool.map(one, wanted))


def _built(tree: Path, file: Path, kustomization: Object) -> str:
    """Return what Flux makes of a Kustomization's folder, with its own labels."""
    return run(
        *(supply.tool("flux"), "build", "kustomization", flux.name(kustomization)),
        *("--dry-run", f"--kustomization-file={file}"),
        f"--path={tree / kustomization['spec']['path']}",
    )
