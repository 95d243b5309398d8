"""Builds Prometheus with its web UI, of which its Go module holds the sources alone.

Upstream builds the UI with pnpm, compresses it and embeds it (`make assets`, then
scripts/compress_assets.sh): the same is done here, in a writable copy of the module.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from scripts.supply import golang, nodejs
from scripts.supply.catalogue import Build, Catalogue
from scripts.supply.parts import Part, Workshop, tree_digest

UI = "web/ui"
ASSETS = "static"
"""The folder below UI whose files are embedded, each compressed."""


def parts(build: Build, catalogue: Catalogue, go: Part) -> tuple[Part, Part, Part]:
    """Return Node, the UI, and the part with the programs `prometheus` and `promtool`."""
    node = nodejs.toolchain(catalogue)
    assets = ui_part(build, go, node)

    def make(bench: Workshop) -> None:
        home = bench.of(go)
        bench.say("copy Prometheus' module")
        copy = bench.folder / ".prometheus"
        golang.writable_copy(golang.module_folder(bench, home, build.module, build.copy_of), copy)
        shutil.copytree(bench.of(assets) / ASSETS, copy / UI / ASSETS)
        embed(copy / UI)
        golang.compile_(bench, home, build, catalogue.arch, copy)
        shutil.rmtree(copy)

    return (
        node,
        assets,
        Part(
            name=build.name,
            stage=build.stage,
            does="build Prometheus and promtool",
            recipe=golang.recipe(build, catalogue),
            make=make,
            needs=(go, assets),
            about=build.about,
        ),
    )


def ui_part(build: Build, go: Part, node: Part) -> Part:
    """Return the part with the UI's files, compressed, in the folder `static`."""

    def make(bench: Workshop) -> None:
        source = golang.module_folder(bench, bench.of(go), build.module, build.copy_of)
        copy = bench.folder / ".ui"
        golang.writable_copy(source / UI, copy)
        env = nodejs.environment(bench.of(node))
        bench.say("get the npm packages of Prometheus' web UI")
        bench.run("pnpm", "install", "--frozen-lockfile", cwd=copy, env=env)
        bench.say("build Prometheus' web UI")
        bench.run("pnpm", "run", "build:mantine-ui", cwd=copy, env=env)
        compress(copy / ASSETS, bench.folder / ASSETS)
        shutil.rmtree(copy)

    return Part(
        name=f"{build.name}-ui",
        stage=build.stage,
        does="build Prometheus' web UI",
        recipe={"module": tree_digest(golang.MODULES / build.module), "copy_of": build.copy_of},
        make=make,
        needs=(go, node),
        about=100,
    )


def compress(source: Path, target: Path) -> None:
    """Write each file below `source`, compressed, to the same place below `target`."""
    files = sorted(path for path in source.rglob("*") if path.is_file())
    if not any(path.name == "index.html" for path in files):
        raise ValueError(f"{source} has no index.html: the UI was not built")
    for path in files:
        made = target / path.relative_to(source).with_name(f"{path.name}.gz")
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def embed(ui: Path) -> None:
    """Write embed.go, which names each compressed file, from upstream's template."""
    files = sorted(path.relative_to(ui).as_posix() for path in (ui / ASSETS).rglob("*.gz"))
    template = (ui / "embed.go.tmpl").read_text()
    (ui / "embed.go").write_text(
        f"{template}\n//go:embed {' '.join(files)}\nvar EmbedFS embed.FS\n"
    )
