"""Builds the flux CLI with the manifests that it embeds and that its Go module lacks.

Upstream generates them from flux2's own `manifests/` and the controllers' releases. The releases
are made from the controllers' `config/{crd,manager}` folders, which their modules hold: so these
stand for the release addresses, and `kubectl kustomize` for kustomize.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from scripts.supply import golang
from scripts.supply.catalogue import Build, Catalogue
from scripts.supply.parts import Part, Workshop, tree_digest

CONTROLLERS = ("source-controller", "kustomize-controller")
"""Those whose modules are to be had; `flux install` reads the manifests of no other."""
MODULE = "kubernetes"
"""The folder of go/ whose go.mod requires the controllers."""


def part(build: Build, catalogue: Catalogue, go: Part, kubernetes: Part) -> Part:
    """Return the part with the program `flux`."""

    def make(bench: Workshop) -> None:
        home = bench.of(go)
        bench.say("copy flux2's module")
        copy = bench.folder / ".flux2"
        golang.writable_copy(golang.module_folder(bench, home, build.module, build.copy_of), copy)
        for controller in CONTROLLERS:
            source = golang.module_folder(bench, home, MODULE, f"github.com/fluxcd/{controller}")
            use_config_of(controller, source, copy)
        kubectl = bench.of(kubernetes) / "kubectl"
        embedded = copy / "cmd/flux/manifests"
        embedded.mkdir()
        for name in (*(f"bases/{controller}" for controller in CONTROLLERS), "rbac", "policies"):
            target = embedded / f"{Path(name).name}.yaml"
            bench.say(f"generate {target.name}")
            bench.run(kubectl, "kustomize", copy / "manifests" / name, stdout=target)
        golang.compile_(bench, home, build, catalogue.arch, copy)
        shutil.rmtree(copy)

    return Part(
        name=build.name,
        stage=build.stage,
        does="build flux",
        recipe={
            "modules": [tree_digest(golang.MODULES / name) for name in (build.module, MODULE)],
            "programs": dict(build.programs),
            "variables": dict(build.variables),
            "controllers": CONTROLLERS,
            "arch": catalogue.arch,
        },
        make=make,
        needs=(go, kubernetes),
        about=build.about,
    )


def use_config_of(controller: str, module: Path, copy: Path) -> None:
    """Put a controller's own config in place of its release's addresses in flux2's manifests."""
    base = copy / "manifests/bases" / controller
    for folder in ("crd", "manager"):
        golang.writable_copy(module / "config" / folder, base / folder)
    kustomization = base / "kustomization.yaml"
    text = kustomization.read_text()
    for kind, folder in (("crds", "crd"), ("deployment", "manager")):
        text, count = re.subn(rf"- https://\S+/{controller}\.{kind}\.yaml", f"- {folder}", text)
        if count != 1:
            raise ValueError(f"{kustomization} has {count} addresses of {controller}.{kind}.yaml")
    kustomization.write_text(text)
