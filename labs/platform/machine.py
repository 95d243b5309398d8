"""Makes this machine fit for the lab through the Ansible playbook, where it is not so already.

What is there is left alone: with an engine that answers, nothing runs and no root is needed.
docs/machine.md lists each change that the playbook makes, and its undo.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from labs.errors import LabError
from labs.instance import PROJECT, Instance
from labs.platform.engine import docker
from labs.run import CommandFailed, run
from scripts.supply import api, ways
from scripts.supply.cache import default_root

Role = Literal["engine", "supply_tools", "browser"]
PLAYBOOK = PROJECT / "scripts" / "provision.yml"
PROGRAMS: dict[Role, str] = {"supply_tools": "mmdebstrap", "browser": "chromium"}
"""The program that tells that a role's work is done; the engine is asked itself."""


def ensure(say: Callable[[str], None], *roles: Role, debs: Path | None = None) -> None:
    """Make each role's work done; `say` is told of every change. `debs`: packages of a bundle.

    Raises LabError where an engine is there but not for this user, or root is needed and is not
    there; CommandFailed with the playbook's last lines where one of its tasks fails.
    """
    lacking = [role for role in roles if _lacks(role)]
    if not lacking:
        return
    if sys.platform != "linux":
        raise LabError(
            f"no {' and no '.join(lacking)} on this machine",
            expected="Docker Desktop or another engine that `docker version` reaches",
            todo="install it and start it, then run this again",
        )
    for line in play(lacking, debs=debs):
        say(f"this machine: {line}")
    if "engine" in lacking:
        # A user who was just added to the group `docker` is in it from the next login on.
        docker("version", "--format={{.Server.Version}}", timeout=20)


def prepare(say: Callable[[str], None]) -> None:
    """Make this machine ready for a lab: an engine, and what the supply's way of this run needs.

    Raises what `ensure` raises, and LabError for a bundle that cannot be used.
    """
    way = api.way()
    if way == "bundle":
        ways.plan_of("bundle")  # unpacks it
        debs = default_root() / "debs"
        ensure(say, "engine", debs=debs if any(debs.glob("*.deb")) else None)
    elif way == "source" and any(part.state != "done" for part in api.status()):
        ensure(say, "engine", "supply_tools")
    else:
        ensure(say, "engine")


def play(roles: Iterable[str], *, debs: Path | None = None, always: bool = False) -> list[str]:
    """Run the playbook's roles; return the names of the tasks that changed something.

    `always` runs them even where an engine answers. Raises CommandFailed, LabError.
    """
    program = Path(sys.executable).with_name("ansible-playbook")
    argv = [str(program), str(PLAYBOOK), "--tags", ",".join(roles)]
    argv += ["--extra-vars", f"provision_debs={debs}"] if debs else []
    argv += ["--extra-vars", "provision_always=true"] if always else []
    argv += _become()
    done = subprocess.run(  # not labs.run: stdin stays the terminal, for sudo's password
        argv,
        cwd=PROJECT,
        env={**os.environ, **ANSIBLE_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    log = Instance.current().logs / "provision.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        raise CommandFailed(
            argv,
            done.returncode,
            done.stdout,
            done.stderr,
            f"mend what the lines above name, then run this again; the whole log: {log}",
        )
    return changes(done.stdout)


ANSIBLE_ENVIRONMENT = {
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_NOCOWS": "1",
    "ANSIBLE_LOCALHOST_WARNING": "False",
    "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
    "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
    "ANSIBLE_RETRY_FILES_ENABLED": "False",
    "LC_ALL": "C.UTF-8",
}


def changes(output: str) -> list[str]:
    """Return, from what ansible-playbook printed, the names of the tasks that changed something."""
    changed: list[str] = []
    task = ""
    for line in output.splitlines():
        if heading := re.match(r"TASK \[(?:\S+ : )?(.+)\] \**$", line):
            task = heading[1]
        elif line.startswith("changed: ") and task not in changed:
            changed.append(task)
    return changed


def _lacks(role: Role) -> bool:
    if role != "engine":
        return shutil.which(PROGRAMS[role]) is None
    try:
        docker("version", "--format={{.Server.Version}}", timeout=20)
    except LabError as why:
        # An engine that somebody set up otherwise is theirs to mend.
        if os.environ.get("DOCKER_HOST") or "permission denied" in why.found:
            raise
        return True
    return False


def _become() -> list[str]:
    """Return the options with which ansible-playbook becomes root. Raises LabError: it cannot."""
    if os.geteuid() == 0:
        return []
    try:
        run("sudo", "-n", "true", timeout=20)
    except CommandFailed as refused:
        if refused.code != "command not found" and sys.stdin.isatty():
            return ["--ask-become-pass"]
        raise LabError(
            "no Docker engine answers, and this user cannot become root to install one",
            expected="an engine that `docker version` reaches, or root, or sudo",
            todo="start Docker, or run this as root, or with sudo in a terminal",
        ) from refused
    return []
