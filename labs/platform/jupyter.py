"""JupyterLab, one server per lab: started detached, found again, healed, stopped."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.platform import environment, jupyter_config, processes
from labs.platform.loopback import fetch
from labs.wait import NotYet, TimedOut, wait_for

START_TIMEOUT = 180.0
"""Seconds; long, since a first `make up` may be compiling on every core meanwhile."""
HUNG_AFTER = 30.0
"""Seconds without an answer, after which a server that is there counts as hung."""


def ensure(instance: Instance, say: Callable[[str], None] = print) -> str:
    """Return the address, with its token, of the lab's one JupyterLab, started if need be.

    A server that hangs, or that was started with other settings, is replaced, and `say` is told.
    Raises LabError with the end of the log if it does not come up.
    """
    home = jupyter_config.home(instance)
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "lock", timeout=START_TIMEOUT):
        config = jupyter_config.write(instance)
        wanted = _fingerprint(instance, config)
        server = pid(instance)
        if server is not None:
            if _state(instance).get("fingerprint") != wanted:
                say("JupyterLab's settings have changed: it is started anew")
            elif _answers_within(instance, server, HUNG_AFTER):
                return address(instance)
            else:
                say(f"JupyterLab (process {server}) does not answer: it is started anew")
            processes.end(server, _marker(instance))
        _start(instance, wanted)
    return address(instance)


def address(instance: Instance) -> str:
    """Return where a browser opens the lab, token included. Raises LabError before `ensure`."""
    return f"http://127.0.0.1:{instance.port('jupyter')}/?token={jupyter_config.token(instance)}"


def running(instance: Instance) -> bool:
    """Return whether the lab's own server is there (not: whether it answers)."""
    return pid(instance) is not None


def pid(instance: Instance) -> int | None:
    """Return the process number of this lab's server, or None if it is not there.

    The number that was written down is believed only if that process is our server; if it is
    not, the server is looked for, as the file may be lost and the server still there.
    """
    known = _state(instance).get("pid")
    if isinstance(known, int) and _marker(instance) in (processes.command_line(known) or ""):
        return known
    found = processes.find(_marker(instance))
    return found[0] if found else None


def stop(instance: Instance) -> None:
    """End the lab's server, its kernels and its terminals. Does nothing if it is not there."""
    for server in processes.find(_marker(instance)):
        processes.end(server, _marker(instance))
    _state_file(instance).unlink(missing_ok=True)


def _start(instance: Instance, fingerprint: str) -> None:
    instance.work.mkdir(parents=True, exist_ok=True)
    ours = {**environment.environment(instance), **jupyter_config.directories(instance)}
    foreign = [name for name in environment.unwanted() if name not in ours]
    without = [word for name in foreign for word in ("-u", name)]
    server = processes.start_detached(
        ["env", *without, sys.executable, "-m", "jupyterlab", _marker(instance)],
        log=instance.logs / "jupyter.log",
        env=ours,
        cwd=instance.work,
    )
    write_json(_state_file(instance), {"pid": server, "fingerprint": fingerprint})
    try:
        wait_for(
            lambda: _answer(instance, server), what="JupyterLab answers", timeout=START_TIMEOUT
        )
    except TimedOut as late:
        raise _failed(instance, late.found) from late


def _answer(instance: Instance, server: int) -> None:
    """Return if the server answers with our token. Raises NotYet, or LabError if it has ended."""
    if _marker(instance) not in (processes.command_line(server) or ""):
        if processes.alive(server):
            raise NotYet(f"process {server} is not JupyterLab yet")
        raise _failed(instance, f"JupyterLab (process {server}) ended while starting")
    url = f"http://127.0.0.1:{instance.port('jupyter')}/api/status"
    headers = {"Authorization": f"token {jupyter_config.token(instance)}"}
    answer = fetch(url, headers, timeout=5)
    if answer.status != 200:
        raise NotYet(f"{url}: {answer.status} {answer.body[:100]!r}")


def _answers_within(instance: Instance, server: int, seconds: float) -> bool:
    try:
        wait_for(lambda: _answer(instance, server), what="JupyterLab answers", timeout=seconds)
    except LabError:
        return False
    return True


def _failed(instance: Instance, found: str) -> LabError:
    log = instance.logs / "jupyter.log"
    lines = log.read_text(errors="replace").splitlines()[-12:] if log.exists() else []
    taken = any("is already in use" in line for line in lines)
    return LabError(
        "\n".join([found, *(f"    {line}" for line in lines)]),
        expected=f"JupyterLab on port {instance.port('jupyter')} of this machine",
        todo="run `make up`: it takes another port" if taken else f"read {log}, then `make up`",
    )


def _marker(instance: Instance) -> str:
    """Return the word of the command line that only this lab's server has."""
    return f"--config={jupyter_config.config_file(instance)}"


def _state_file(instance: Instance) -> Path:
    return jupyter_config.home(instance) / "server.json"


def _state(instance: Instance) -> dict[str, object]:
    path = _state_file(instance)
    state: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
    return state


def _fingerprint(instance: Instance, config: object) -> str:
    """Return a digest of all that a running server cannot take over without a new start."""
    parts = [
        config,
        environment.additions(instance),
        sys.executable,
        version("jupyterlab"),
        version("jupyterlab-git"),
        version("jupyter-server-proxy"),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
