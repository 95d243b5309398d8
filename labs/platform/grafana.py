"""Grafana beside the lab: the config repo's dashboards in the program that they were written for.

For who has a registry that gives its image; nothing in the workshop needs it. It keeps nothing: the
dashboards come from the reader's clone, the data from the lab's Prometheus, and whoever looks may
look and no more.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from labs.instance import Instance
from labs.metrics.dashboard import listed
from labs.platform import docker, kind, volume
from labs.platform.loopback import wait_for_http
from scripts.supply import api as supply
from scripts.supply import extra

PART = "grafana"
PROVISIONING = "/etc/grafana/provisioning"
SOURCE = "prometheus"
"""The data source's uid, which is the dashboards' own choice of a data source."""
SECONDS = 90.0


def ensure(instance: Instance, say: Callable[[str], None] = lambda line: None) -> str:
    """Make Grafana run with the dashboards of the reader's clone; return its address.

    Run again, it takes the dashboards as they are now. Raises LabError where there are none, or
    its image is not to be had.
    """
    boards = [one.path for one in listed(instance)]
    image = extra.ensure(PART, say)
    instance.reserve_ports(lambda part: part != PART or running(instance), say)
    with tempfile.TemporaryDirectory() as folder:
        write_provisioning(instance, Path(folder), boards)
        volume.fill(instance, PART, Path(folder), supply.image("git-server"))
    docker.ensure_container(instance, spec(instance, image), say)
    wait_for_http(f"{address(instance)}api/health", what="Grafana answering", timeout=SECONDS)
    return address(instance)


def running(instance: Instance) -> bool:
    """Return whether Grafana's container runs."""
    return docker.state(instance.container(PART)) == "running"


def address(instance: Instance) -> str:
    """Return where Grafana is on this computer."""
    return f"http://127.0.0.1:{instance.port(PART)}/"


def spec(instance: Instance, image: str) -> docker.ContainerSpec:
    """Return what Grafana's container is made from."""
    settings = {
        "AUTH_ANONYMOUS_ENABLED": "true",
        "AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "AUTH_DISABLE_LOGIN_FORM": "true",
        "AUTH_BASIC_ENABLED": "false",
        # It asks nobody outside: not for news, not for updates, not for plugins.
        "ANALYTICS_REPORTING_ENABLED": "false",
        "ANALYTICS_CHECK_FOR_UPDATES": "false",
        "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "PLUGINS_PREINSTALL_DISABLED": "true",
        "NEWS_NEWS_FEED_ENABLED": "false",
        "LOG_MODE": "console",
    }
    return docker.ContainerSpec(
        name=instance.container(PART),
        image=image,
        network=docker.ensure_network(instance),
        volumes={docker.ensure_volume(instance, PART): f"{PROVISIONING}:ro"},
        ports={3000: instance.port(PART)},
        env={f"GF_{key}": value for key, value in settings.items()},
        tmpfs=("/var/lib/grafana:mode=1777", "/var/log/grafana:mode=1777", "/tmp"),  # noqa: S108 - in the container
        options=("--cap-drop=ALL",),
    )


def write_provisioning(instance: Instance, folder: Path, boards: Iterable[Path]) -> None:
    """Write what Grafana reads when it starts: its data source, its dashboards.

    Each is JSON, which is YAML: Grafana looks for files that end so.
    """
    source = {
        "name": "Prometheus",
        "uid": SOURCE,
        "type": "prometheus",
        "access": "proxy",
        # The node's own port: Grafana stands beside the cluster, on its network.
        "url": f"http://{kind.node(instance)}:{kind.NODE_PORTS['prometheus']}",
        "isDefault": True,
        "editable": False,
        "jsonData": {"httpMethod": "POST", "timeInterval": "10s"},
    }
    provider = {
        "name": "config repo",
        "type": "file",
        "folder": "GitOps Hackfest",
        "disableDeletion": False,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 10,
        "options": {"path": f"{PROVISIONING}/files"},
    }
    for name, told in (
        ("datasources", {"apiVersion": 1, "datasources": [source]}),
        ("dashboards", {"apiVersion": 1, "providers": [provider]}),
    ):
        (folder / name).mkdir()
        (folder / name / "lab.yaml").write_text(json.dumps(told, indent=2) + "\n")
    for name in ("alerting", "files", "plugins"):  # it complains of one that is not there
        (folder / name).mkdir()
    for path in boards:
        shutil.copy(path, folder / "files" / path.name)
