"""A named lab: where its state lives, what its parts are called, which ports it has.

Everything that a lab creates carries its name, so that a test, a rehearsal or a second lab runs
beside a lab in progress and never touches it.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labs.errors import LabError
from labs.platform import files

PROJECT = Path(__file__).resolve().parents[1]
DEFAULT_NAME = "hackfest"
LAB_LABEL = "gitops-hackfest.lab"
"""What is a lab's own in Docker and in Kubernetes is labelled with this and the lab's name."""
PREFERRED_PORTS = {
    "jupyter": 8888,
    "git": 8300,
    "registry": 5000,
    "ci": 8400,
    "typical-ci": 8500,
    "app": 8080,
    "api": 6443,
    "prometheus": 9090,
    "alertmanager": 9093,
    "grafana": 3000,
    "alerts": 9094,
    "console": 8600,
}
"""Published on loopback. A port in use moves up to the next free one, and that is said."""


@dataclass(frozen=True)
class Instance:
    """Names, paths and ports of one lab. Creating the object creates nothing."""

    name: str
    root: Path

    @classmethod
    def current(cls) -> Instance:
        """Return the lab that LAB_NAME names (default: hackfest), under LAB_HOME or `.lab/`."""
        name = os.environ.get("LAB_NAME") or DEFAULT_NAME
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name) or name.endswith("-"):
            raise LabError(
                f"LAB_NAME={name!r}",
                expected="a lower-case letter, then at most 30 lower-case letters, digits, dashes",
                todo="choose another name, for example LAB_NAME=rehearsal",
            )
        home = os.environ.get("LAB_HOME")
        return cls(name, (Path(home).absolute() if home else PROJECT / ".lab") / name)

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def bin(self) -> Path:
        """The folder of kubectl, flux, git helpers and lab that goes on PATH."""
        return self.root / "bin"

    @property
    def work(self) -> Path:
        """What belongs to the attendee: notebooks/, config-repo/, app-repo/."""
        return self.root / "work"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def durations(self) -> Path:
        """How long each step took last time: outside `root`, since `clean` is timed too."""
        return self.root.parent / "durations" / f"{self.name}.json"

    @property
    def network(self) -> str:
        """The Docker network that cluster, Git server and registry share."""
        return f"{self.name}-lab"

    @property
    def ci_network(self) -> str:
        """The Docker network where CI's runner sees Git server, registry and dispatcher alone."""
        return f"{self.name}-ci"

    @property
    def registry_network(self) -> str:
        """The Docker network where the registry sees its gate alone."""
        return f"{self.name}-registry"

    def container(self, part: str) -> str:
        """The name of a container beside the cluster, such as `hackfest-git`."""
        return f"{self.name}-{part}"

    def volume(self, part: str) -> str:
        return f"{self.name}-{part}-data"

    @property
    def labels(self) -> dict[str, str]:
        """What every container, network and volume of this lab is labelled with."""
        return {LAB_LABEL: self.name}

    def port(self, part: str) -> int:
        """Return the host's loopback port of a part, as `reserve_ports` wrote it down."""
        ports = self._ports()
        if part not in ports:
            raise LabError(
                f"no port of {part!r} is known in lab {self.name!r} (known: {sorted(ports)})",
                expected="a lab that `make up` has set up",
                todo="run `make up`",
            )
        return ports[part]

    def reserve_ports(
        self, in_use_by_us: Callable[[str], bool], say: Callable[[str], None]
    ) -> None:
        """Choose a free loopback port for each part and write them down.

        A port that was chosen before is kept while the part holds it (`in_use_by_us(part)`) or it
        is free; `say` is told of each that had to move.
        """
        ports = self._ports()
        for part, preferred in PREFERRED_PORTS.items():
            wanted = ports.get(part, preferred)
            if part in ports and in_use_by_us(part):
                continue
            taken = {port for other, port in ports.items() if other != part} | self._siblings()
            chosen = next_free_port(wanted, taken)
            if chosen != wanted:
                say(f"port {wanted} is in use: {part} gets {chosen}")
            ports[part] = chosen
        write_json(self.root / "ports.json", ports)

    def _siblings(self) -> set[int]:
        """Ports that the other labs of this checkout have written down, running or not."""
        files = [path for path in self.root.parent.glob("*/ports.json") if path.parent != self.root]
        return {int(port) for path in files for port in json.loads(path.read_text()).values()}

    def _ports(self) -> dict[str, int]:
        path = self.root / "ports.json"
        if not path.exists():
            return {}
        return {str(part): int(port) for part, port in json.loads(path.read_text()).items()}


def next_free_port(wanted: int, taken: set[int]) -> int:
    """Return `wanted` or the next loopback port above it that nobody listens on."""
    for port in range(wanted, min(wanted + 200, 65536)):
        if port not in taken and is_free(port):
            return port
    raise LabError(
        f"no free port from {wanted} to {wanted + 199} on 127.0.0.1",
        expected="one free port",
        todo="see what listens with `ss -ltnp`, or end it",
    )


def is_free(port: int) -> bool:
    """Return whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def write_json(path: Path, value: object) -> None:
    """Write atomically: a reader sees the old file or the new one, never half of one."""
    files.write(path, (json.dumps(value, indent=2) + "\n").encode())
