"""Makes the object types of Flux's controllers that cannot be had, from their API modules.

controller-gen is what Flux makes them with as well, so the API server validates the same.
"""

from __future__ import annotations

import os
import shutil

from scripts.supply import golang
from scripts.supply.catalogue import Catalogue
from scripts.supply.parts import Part, Workshop, tree_digest

FILE = "flux-crds.yaml"
MODULE = "crds"
"""The folder of go/ whose go.mod requires controller-gen and the APIs."""
APIS = ("image-automation-controller", "image-reflector-controller", "notification-controller")
TYPES = (
    "image.toolkit.fluxcd.io_imagepolicies",
    "image.toolkit.fluxcd.io_imagerepositories",
    "image.toolkit.fluxcd.io_imageupdateautomations",
    "notification.toolkit.fluxcd.io_receivers",
)
"""Those that the understudy acts on: an object that nobody acts on had better be refused."""


def part(catalogue: Catalogue, go: Part, controller_gen: Part) -> Part:
    """Return the part with the CustomResourceDefinitions, in one file."""

    def make(bench: Workshop) -> None:
        home, out = bench.of(go), bench.folder / ".crds"
        environment = golang.environment(home)
        bench.say("generate the object types")
        bench.run(
            bench.of(controller_gen) / "controller-gen",
            "crd",
            *(f"paths=github.com/fluxcd/{api}/api/..." for api in APIS),
            f"output:crd:dir={out}",
            cwd=golang.MODULES / MODULE,
            env={
                **environment,
                "GOFLAGS": "-mod=readonly",
                "PATH": f"{home / 'go' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            },
        )
        texts = [(out / f"{name}.yaml").read_text() for name in TYPES]
        (bench.folder / FILE).write_text("".join(texts))
        shutil.rmtree(out)

    return Part(
        name="flux-crds",
        stage="flux",
        does="generate Flux's object types for images and receivers",
        recipe={"module": tree_digest(golang.MODULES / MODULE), "types": TYPES, "apis": APIS},
        make=make,
        needs=(go, controller_gen),
        about=5,
    )
