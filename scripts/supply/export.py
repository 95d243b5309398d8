"""Makes a bundle: the parts, the Python wheels of this platform, the engine's Debian packages."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from labs.errors import LabError
from labs.run import run
from scripts.supply import bundle
from scripts.supply.cache import Cache
from scripts.supply.catalogue import PROJECT, Catalogue
from scripts.supply.maker import Maker
from scripts.supply.parts import Plan


def write(
    path: Path, plan: Plan, catalogue: Catalogue, cache: Cache, say: Callable[[str], None]
) -> None:
    """Get everything that is missing, and write the bundle with its checksum."""
    Maker(plan, cache, say).get(plan.finals)
    files: dict[str, Path] = {}
    for part in plan.finals:
        say(f"verify {part.name}")
        if wrong := cache.verify(part):
            raise LabError(
                wrong,
                expected="a whole part",
                todo="run `python -m scripts.supply verify`, which removes it, then this again",
            )
        folder = cache.parts / part.key
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                files[f"parts/{part.key}/{file.relative_to(folder).as_posix()}"] = file
    with tempfile.TemporaryDirectory(prefix="gitops-hackfest-bundle") as scratch:
        for kind, get in (("wheels", wheels), ("debs", debs)):
            say(f"get the {kind}")
            folder = Path(scratch) / kind
            folder.mkdir()
            get(folder, catalogue)
            files |= {f"{kind}/{file.name}": file for file in folder.iterdir() if file.is_file()}
        say(f"write {path}")
        size, digest = bundle.write(path, catalogue.arch, plan.made_by, plan.digest, files)
    say(f"{path}: {size / 2**20:.0f} MiB, sha256 {digest}")


def wheels(folder: Path, catalogue: Catalogue) -> None:
    """Download the Python packages that the lab runs on, for this platform, hashes checked."""
    run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"),
        *("--only-binary=:all:", "-r", PROJECT / "requirements.txt", "-d", folder),
        timeout=1800,
        todo="check the network; the wheels are part of a bundle",
    )


def debs(folder: Path, catalogue: Catalogue) -> None:
    """Download the engine's Debian packages and what they depend on; none where apt is not.

    An empty package state makes apt take everything, whatever this machine has installed; what
    every Debian has (priority required) is left out again.
    """
    if shutil.which("apt-get") is None:
        return
    state = folder / ".state"
    state.mkdir()
    (state / "status").touch()
    (folder / "partial").mkdir()
    run(
        *("apt-get", "install", "--yes", "--download-only", "--no-install-recommends"),
        *("-o", f"Dir::State::status={state / 'status'}", "-o", f"Dir::Cache::archives={folder}"),
        *("-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1"),
        *engine_packages(catalogue),
        timeout=1800,
        todo="run `apt-get update`, then this again; the engine's packages are part of a bundle",
    )
    for left in (state, folder / "partial"):
        shutil.rmtree(left)
    for deb in folder.glob("*.deb"):
        priority = run("dpkg-deb", "--field", deb, "Priority").strip()
        if priority == "required":
            deb.unlink()


def engine_packages(catalogue: Catalogue) -> list[str]:
    """Return the engine's packages; from Debian 13 on the command `docker` is one of its own."""
    known = run("apt-cache", "search", "--names-only", "^docker-cli$").strip()
    return [*catalogue.engine_packages, *(["docker-cli"] if known else [])]
