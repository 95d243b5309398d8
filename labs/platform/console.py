"""The console's server on this machine, and what it may do in the cluster.

It runs on the host, as JupyterLab does, and reaches the cluster as a service account of its own,
which may read and, of all that is written, set the one annotation by which Flux is asked to look.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from labs.errors import LabError
from labs.instance import PROJECT, Instance
from labs.platform import environment, files, kubernetes
from labs.platform.local_server import LocalServer
from labs.platform.loopback import answered
from labs.wait import NotYet, wait_for

ACCESS = Path(__file__).with_name("console_access.yaml")
NAMESPACE = "kube-system"
NAME = "lab-console"
TOKEN_HEADER = "X-Console-Token"  # noqa: S105 - its name
"""In which JupyterLab's proxy says that it has let somebody in."""
TOKEN_SECONDS = 20.0


def ensure(instance: Instance, say: Callable[[str], None] = print) -> str:
    """Return the console's address, with its token; it is started if need be."""
    _server(instance).ensure(_fingerprint(instance), say)
    return address(instance)


def allow(instance: Instance) -> None:
    """Give the console its service account, and write the kubeconfig with which it is used.

    Raises LabError where the cluster does not answer.
    """
    cluster = kubernetes.api(instance)
    for manifest in YAML(typ="safe", pure=True).load_all(ACCESS):
        cluster.apply(manifest)

    def issued() -> dict[str, str]:
        data = (cluster.get("v1", "Secret", NAME, NAMESPACE) or {}).get("data") or {}
        if "token" not in data:
            raise NotYet("the service account has no token yet")
        return dict(data)

    data = wait_for(issued, what="the console's token", timeout=TOKEN_SECONDS, interval=0.1)
    text = json.dumps(_kubeconfig(instance, data), indent=2) + "\n"
    path = home(instance) / "kubeconfig"
    # A client is kept for as long as the file is the same: what did not change is not written.
    if not path.exists() or path.read_text() != text:
        files.write_private(path, text)


def address(instance: Instance, path: str = "/") -> str:
    """Return where a browser opens the console, token included."""
    return f"http://127.0.0.1:{instance.port('console')}{path}?token={token(instance)}"


def home(instance: Instance) -> Path:
    """Return the folder of all that the console keeps."""
    return instance.root / "console"


def token(instance: Instance) -> str:
    """Return the console's token: random, made once, readable by its owner alone."""
    path = home(instance) / "token"
    if not path.exists():
        files.write_private(path, secrets.token_urlsafe(16))
    return path.read_text().strip()


def running(instance: Instance) -> bool:
    """Return whether the lab's own console is there (not: whether it answers)."""
    return pid(instance) is not None


def pid(instance: Instance) -> int | None:
    """Return the process number of this lab's console, or None if it is not there."""
    return _server(instance).pid()


def stop(instance: Instance) -> None:
    """End the console. Does nothing if it is not there."""
    _server(instance).stop()


def _server(instance: Instance) -> LocalServer:
    marker = f"--lab={home(instance)}"
    return LocalServer(
        instance=instance,
        part="console",
        title="the console",
        home=home(instance),
        marker=marker,
        argv=[sys.executable, "-m", "labs.console", marker],
        env={**environment.environment(instance), "PYTHONPATH": str(PROJECT)},
        cwd=home(instance),
        answers=lambda: _answer(instance),
    )


def _answer(instance: Instance) -> None:
    url = f"http://127.0.0.1:{instance.port('console')}/healthz"
    answered(url, timeout=5)


def _fingerprint(instance: Instance) -> str:
    """Return a digest of all that a running console cannot take over: its code, above all."""
    digest = hashlib.sha256()
    sources = sorted((PROJECT / "labs").rglob("*"))
    for path in (one for one in sources if one.suffix in (".py", ".html", ".css", ".js")):
        digest.update(path.read_bytes())
    parts = [environment.additions(instance), sys.executable, instance.port("console")]
    digest.update(json.dumps(parts, sort_keys=True).encode())
    return digest.hexdigest()


def _kubeconfig(instance: Instance, data: dict[str, str]) -> dict[str, Any]:
    told = YAML(typ="safe", pure=True).load(instance.kubeconfig)
    if not told or not told.get("clusters"):
        raise LabError(
            f"{instance.kubeconfig} names no cluster",
            expected="the kubeconfig that `make up` wrote",
            todo="run `make up`, which writes it again",
        )
    cluster = told["clusters"][0]
    name = cluster["name"]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{"name": NAME, "user": {"token": base64.b64decode(data["token"]).decode()}}],
        "contexts": [{"name": NAME, "context": {"cluster": name, "user": NAME}}],
        "current-context": NAME,
    }
