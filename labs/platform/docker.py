"""Docker as the lab sees it: networks, volumes and containers that are made to be as described.

Every `ensure_…` may be called again at any time: it leaves alone what is right, starts what has
stopped, and replaces what is half-made, stale or ill. What has to last lives in volumes, so that
replacing a container loses nothing. The engine is used through the `docker` command alone, since
that is what works the same with an engine on this machine, in a VM or behind a context.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from labs.errors import LabError
from labs.instance import Instance
from labs.platform.engine import ask_engine as ask_engine
from labs.platform.engine import check_ours, docker, inspect, label_options
from labs.platform.engine import engine_answers as engine_answers
from labs.platform.loopback import answered
from labs.platform.network import ensure_ci_network as ensure_ci_network
from labs.platform.network import ensure_network as ensure_network
from labs.platform.network import ensure_registry_network as ensure_registry_network
from labs.platform.owned import containers as containers
from labs.platform.owned import containers_of as containers_of
from labs.platform.owned import labs as labs
from labs.platform.owned import networks_of as networks_of
from labs.platform.owned import remove_all as remove_all
from labs.platform.owned import remove_container as remove_container
from labs.run import CommandFailed
from labs.wait import NotYet, TimedOut, wait_for

SPEC_LABEL = "gitops-hackfest.spec"
"""Holds the digest of everything that a container was made from."""

BETWEEN_NETWORKS = ("--cap-drop=ALL", "--sysctl=net.ipv4.ip_forward=0")
"""For a container on two networks: it serves both, and passes nothing from one to the other."""

START_TIMEOUT = 60.0
"""Seconds that a container has to become healthy."""

HEAL_TIMEOUT = 5.0
"""Seconds that a running container may fail its health command before it is replaced."""


@dataclass(frozen=True)
class ContainerSpec:
    """Everything that makes a container what it is; two equal specs are the same container."""

    name: str
    image: str
    network: str
    aliases: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """Further networks, on which it has the same aliases."""
    volumes: Mapping[str, str] = field(default_factory=dict)
    """Volume name to its path in the container; `:ro` at the path's end makes it read-only."""
    ports: Mapping[int, int] = field(default_factory=dict)
    """Port inside to port on the host, published on 127.0.0.1 alone."""
    env: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    user: str = ""
    read_only: bool = True
    tmpfs: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    """A command that ends with 0 inside a container that is well; none: running is enough."""
    page: str = ""
    """A path that is answered with 200 at the first of the ports, from this machine.

    An engine that was killed may start a container that is well, and lose the way to its port.
    """
    options: tuple[str, ...] = ()
    """Further words for `docker create`, such as `--cap-drop=ALL`."""


def ensure_volume(instance: Instance, part: str) -> str:
    """Return the name of the part's volume, which exists and belongs to this lab."""
    name = instance.volume(part)
    found = inspect("volume", name)
    if found is None:
        docker("volume", "create", *label_options(instance.labels), name)
    else:
        check_ours(instance, "volume", name, found.get("Labels"))
    return name


def ensure_container(
    instance: Instance, spec: ContainerSpec, say: Callable[[str], None] = lambda line: None
) -> bool:
    """Make the container run and be well as described; return whether it was made anew.

    `say` is told what had to be mended. Raises LabError, with the container's last lines, if it
    does not become healthy.
    """
    digest = spec_digest(spec)
    found = inspect("container", spec.name)
    if found is not None:
        check_ours(instance, "container", spec.name, found["Config"].get("Labels"))
        fault = _fault(spec, digest, found)
        if fault is None:
            return False
        say(f"{spec.name}: {fault}; it is replaced (its data is kept)")
        remove_container(spec.name)
    _create(instance, spec, digest)
    try:
        docker("start", spec.name)
        _wait_healthy(spec, START_TIMEOUT)
    except TimedOut as late:
        raise LabError(
            f"{spec.name} did not become healthy: {late.found}\n{_indent(logs(spec.name))}",
            expected=f"a healthy container within {START_TIMEOUT:.0f} s",
            todo=f"read the lines above (`docker logs {spec.name}` has all), then run it again",
        ) from late
    return True


def _fault(spec: ContainerSpec, digest: str, found: Mapping[str, Any]) -> str | None:
    """Start it if that is all it needs; return why it has to be replaced, or None."""
    if found["Config"]["Labels"].get(SPEC_LABEL) != digest:
        return "it was made from another description"
    if missing := {spec.network, *spec.also} - set(found["NetworkSettings"]["Networks"]):
        return f"it is not on the network {', '.join(sorted(missing))}"
    status = found["State"]["Status"]
    if status in ("exited", "created"):
        try:
            docker("start", spec.name)
        except LabError as refused:
            return f"it does not start ({refused.found.splitlines()[-1].strip()})"
    elif status == "paused":  # frozen by hand: it goes on as it was
        docker("unpause", spec.name)
    elif status != "running":
        return f"it is {status}"
    try:
        _wait_healthy(spec, START_TIMEOUT if status != "running" else HEAL_TIMEOUT)
    except TimedOut as late:
        return f"it is not well ({late.found.splitlines()[-1].strip()})"
    return None


def _create(instance: Instance, spec: ContainerSpec, digest: str) -> None:
    words = ["--name", spec.name, "--hostname", spec.name, "--network", spec.network]
    words += [f"--network-alias={alias}" for alias in spec.aliases]
    words += [f"--volume={volume}:{path}" for volume, path in spec.volumes.items()]
    words += [f"--publish=127.0.0.1:{host}:{inside}" for inside, host in spec.ports.items()]
    words += [f"--env={key}={value}" for key, value in spec.env.items()]
    words += [f"--tmpfs={path}" for path in spec.tmpfs]
    words += ["--restart=unless-stopped", "--security-opt=no-new-privileges"]
    words += ["--log-driver=json-file", "--log-opt=max-size=10m", "--log-opt=max-file=2"]
    words += ["--read-only"] if spec.read_only else []
    words += [f"--user={spec.user}"] if spec.user else []
    words += spec.options
    labels = {**instance.labels, SPEC_LABEL: digest}
    docker("create", *words, *label_options(labels), "--pull=never", spec.image, *spec.command)
    aliases = [f"--alias={alias}" for alias in spec.aliases]
    for network in spec.also:
        docker("network", "connect", *aliases, network, spec.name)


def spec_digest(spec: ContainerSpec) -> str:
    """Return the digest of the spec, of its image's content and of the network as it is now.

    An image built anew under the same name, or a network that was removed and made again, give
    another digest, so that the container is replaced.
    """
    networks = [inspect("network", name) for name in (spec.network, *spec.also)]
    identities = [network["Id"] if network else "" for network in networks]
    parts = [asdict(spec), image_id(spec.image), identities]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _wait_healthy(spec: ContainerSpec, timeout: float) -> None:
    def healthy() -> None:
        seen = state(spec.name)
        if seen != "running":
            raise NotYet(f"the container is {seen}")
        if spec.health:
            well(spec.name, *spec.health)
        if spec.page:
            answered(f"http://127.0.0.1:{next(iter(spec.ports.values()))}{spec.page}", timeout=15)

    wait_for(healthy, what=f"{spec.name} running and healthy", timeout=timeout, interval=0.2)


def well(name: str, *command: str) -> None:
    """Ask a container by its health command. Raises NotYet with what that says is wrong."""
    try:
        exec_in(name, *command, timeout=15)
    except CommandFailed as ill:
        raise NotYet((ill.stderr or ill.stdout).strip() or f"ended with {ill.code}") from None


def state(name: str) -> str:
    """Return `running`, `exited`, `paused`, `absent`, …: the state of a container."""
    found = inspect("container", name)
    return "absent" if found is None else str(found["State"]["Status"])


def started_at(name: str) -> datetime:
    """Return when a container was last started, in whole seconds. Raises LabError: it is absent."""
    stamp = docker("inspect", "--format={{.State.StartedAt}}", name).strip()
    return datetime.fromisoformat(stamp.partition(".")[0].rstrip("Z") + "+00:00")


def published(name: str) -> set[int]:
    """Return the ports of a container, running or not, that it was made to publish on the host."""
    return set(_bindings(name))


def host_ports(name: str) -> dict[int, int]:
    """Return port inside to port on the host, as a container, running or not, was made with."""
    return {
        inside: int(one["HostPort"])
        for inside, bindings in _bindings(name).items()
        for one in bindings
        if one.get("HostPort")
    }


def _bindings(name: str) -> dict[int, list[dict[str, str]]]:
    found = inspect("container", name)
    bindings = {} if found is None else found["HostConfig"]["PortBindings"] or {}
    return {int(port.partition("/")[0]): list(hosts) for port, hosts in bindings.items()}


def image_id(ref: str) -> str:
    """Return the digest of an image's configuration. Raises LabError if the engine has none."""
    found = inspect("image", ref)
    if found is None:
        raise LabError(
            f"the image {ref} is not in the Docker engine",
            expected="an image that was pulled, loaded or built beforehand",
            todo="run `make up`, which gets every image",
        )
    return str(found["Id"])


def image_present(ref: str) -> bool:
    """Return whether the engine has an image of this name."""
    return inspect("image", ref) is not None


def exec_in(
    name: str, *argv: str, stdin: str | None = None, user: str = "", timeout: float = 60
) -> str:
    """Return what a command inside the container wrote to stdout. `timeout` is in seconds."""
    words = ["-i"] if stdin is not None else []
    words += [f"--user={user}"] if user else []
    return docker("exec", *words, name, *argv, stdin=stdin, timeout=timeout)


def logs(name: str, lines: int = 20) -> str:
    """Return the last lines that a container wrote, its errors included; empty if it is gone."""
    if inspect("container", name) is None:
        return ""
    return docker("logs", f"--tail={lines}", name, merge=True)


def stop_container(name: str, timeout: int = 10) -> None:
    """Stop a container, which stays as it is; after `timeout` seconds it is killed."""
    if state(name) not in ("absent", "exited", "created"):
        docker("stop", f"--time={timeout}", name)


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
