"""What the attendee's programs find in their environment: one lab, the same in every shell.

Notebooks, terminals, the `lab` command and the solutions that a notebook runs all get it, so that
they act on the same cluster with the same identity, whatever the machine's own settings are.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from labs.instance import Instance

_OF_ANOTHER_SHELL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_LOCAL = ("127.0.0.1", "localhost")


def additions(instance: Instance) -> dict[str, str]:
    """Return what the lab sets, PATH aside: it is the same whoever starts it."""
    return {
        "KUBECONFIG": str(instance.kubeconfig),
        # kubectl remembers what a server at an address can do; two labs may have the same one.
        "KUBECACHEDIR": str(instance.root / "cache" / "kube"),
        "LAB_NAME": instance.name,
        "LAB_HOME": str(instance.root.parent),
        "GIT_CONFIG_GLOBAL": str(gitconfig(instance)),
        # The lab's folder is inside the project's own clone, which is not what is worked on here.
        "GIT_CEILING_DIRECTORIES": str(instance.root.resolve()),
        "HISTFILE": str(instance.root / "bash_history"),
        "IPYTHONDIR": str(instance.root / "jupyter" / "ipython"),
    }


def environment(instance: Instance) -> dict[str, str]:
    """Return what an attendee's program has on top of this process's environment."""
    venv = Path(sys.executable).parent
    first = [str(instance.bin), str(venv)]
    rest = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part]
    path = os.pathsep.join([*first, *(part for part in rest if part not in first)])
    return {**additions(instance), "PATH": path, **_proxy_exceptions(), **_editor()}


def unwanted() -> list[str]:
    """Return the names in this process's environment that belong to another shell or server."""
    return [
        name
        for name in os.environ
        if name in _OF_ANOTHER_SHELL or name.startswith(("JUPYTER", "JPY_", "IPYTHON"))
    ]


def gitconfig(instance: Instance) -> Path:
    """Return the file of the attendee's Git settings; `workspace` writes it."""
    return instance.root / "gitconfig"


def _proxy_exceptions() -> dict[str, str]:
    """Keep a venue's web proxy out of the way to the lab's own addresses (git and curl ask it)."""
    found = {}
    for name in ("no_proxy", "NO_PROXY"):
        listed = [host for host in os.environ.get(name, "").split(",") if host]
        found[name] = ",".join([*listed, *(host for host in _LOCAL if host not in listed)])
    return found


def _editor() -> dict[str, str]:
    """Name an editor that says how to leave it, unless the person has chosen one."""
    if os.environ.get("EDITOR") or not shutil.which("nano"):
        return {}
    return {"EDITOR": "nano"}
