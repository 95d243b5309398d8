"""What the supply asks of the Docker engine: is an image there, load it, an address for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labs.instance import write_json
from labs.run import CommandFailed, run
from scripts.supply.parts import Workshop

LABEL = "gitops-hackfest.part"
"""The key of the part that an image was made by, on every image that we make."""
TODO = "see that the Docker engine runs: `docker info`; `make doctor` tells more"


def ready() -> bool:
    """Return whether an engine answers."""
    try:
        run("docker", "version", "--format", "{{.Server.Version}}", timeout=20)
    except CommandFailed:
        return False
    return True


def present(ref: str, key: str, root: Path) -> bool:
    """Return whether the engine has the image that part `key` made, under the name `ref`.

    Our own images say it in a label. Pulled ones cannot: what the engine called them when they
    were loaded is written down in the cache.
    """
    try:
        found = json.loads(run("docker", "image", "inspect", ref, timeout=60))[0]
    except CommandFailed as missing:
        if "no such image" in missing.stderr.lower():
            return False
        raise
    labels = (found.get("Config") or {}).get("Labels") or {}
    if LABEL in labels:
        return bool(labels[LABEL] == key)
    return _loaded(root).get(ref) == [key, found["Id"]]


def known(ref: str) -> bool:
    """Return whether the engine has an image of this name, whoever brought it."""
    try:
        run("docker", "image", "inspect", ref, timeout=60)
    except CommandFailed as missing:
        if "no such image" in missing.stderr.lower():
            return False
        raise
    return True


def load(ref: str, key: str, archive: Path, root: Path) -> None:
    """Load an archive, and write down what the engine calls the image."""
    run("docker", "load", "--quiet", "--input", archive, timeout=1800, todo=TODO)
    identity = run("docker", "image", "inspect", "--format", "{{.Id}}", ref, todo=TODO).strip()
    write_json(root / "engine.json", {**_loaded(root), ref: [key, identity]})


def drop_older(name: str, keep: int = 2) -> None:
    """Remove an image's older tags, but for the `keep` newest and those that a container uses."""
    listed = run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", name, todo=TODO)
    for ref in listed.split()[keep:]:  # the engine lists the newest first
        users = run("docker", "ps", "--all", "--quiet", "--filter", f"ancestor={ref}", todo=TODO)
        if not users.strip():
            run("docker", "image", "rm", ref, todo=TODO)


@contextmanager
def container(bench: Workshop, image: str, name: str, *options: str) -> Iterator[str]:
    """Run a container that sleeps, without a network, for the time of the block."""
    run("docker", "rm", "--force", "--volumes", name, todo=TODO)
    bench.run(
        *("docker", "run", "--detach", "--name", name, "--network", "none"),
        *("--security-opt", "seccomp=unconfined", "--entrypoint", "sleep", *options),
        *(image, "infinity"),
    )
    try:
        yield name
    finally:
        run("docker", "rm", "--force", "--volumes", name, todo=TODO)


def _loaded(root: Path) -> dict[str, list[str]]:
    try:
        found = json.loads((root / "engine.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
