"""JupyterLab, one server per lab."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from importlib.metadata import version

from labs.instance import Instance
from labs.platform import environment, jupyter_config
from labs.platform.local_server import LocalServer
from labs.platform.loopback import answered


def ensure(instance: Instance, say: Callable[[str], None] = print) -> str:
    """Return the address, with its token, of the lab's one JupyterLab, started if need be.

    A server that hangs, or that was started with other settings, is replaced, and `say` is told.
    Raises LabError with the end of the log if it does not come up.
    """
    config = jupyter_config.write(instance)
    _server(instance).ensure(_fingerprint(instance, config), say)
    return address(instance)


def address(instance: Instance) -> str:
    """Return where a browser opens the lab, token included. Raises LabError before `ensure`."""
    return f"http://127.0.0.1:{instance.port('jupyter')}/?token={jupyter_config.token(instance)}"


def running(instance: Instance) -> bool:
    """Return whether the lab's own server is there (not: whether it answers)."""
    return pid(instance) is not None


def pid(instance: Instance) -> int | None:
    """Return the process number of this lab's server, or None if it is not there."""
    return _server(instance).pid()


def stop(instance: Instance) -> None:
    """End the lab's server, its kernels and its terminals. Does nothing if it is not there."""
    _server(instance).stop()


def _server(instance: Instance) -> LocalServer:
    marker = f"--config={jupyter_config.config_file(instance)}"
    return LocalServer(
        instance=instance,
        part="jupyter",
        title="JupyterLab",
        home=jupyter_config.home(instance),
        marker=marker,
        argv=[sys.executable, "-m", "jupyterlab", marker],
        env={**environment.environment(instance), **jupyter_config.directories(instance)},
        cwd=instance.work,
        answers=lambda: _answer(instance),
    )


def _answer(instance: Instance) -> None:
    url = f"http://127.0.0.1:{instance.port('jupyter')}/api/status"
    answered(url, {"Authorization": f"token {jupyter_config.token(instance)}"}, timeout=5)


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
