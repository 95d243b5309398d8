"""The lab's image registry: upstream's `distribution`, unmodified, behind a gate of the lab's own.

Inside, its address is `registry:5000`, which is committed to Git and never changes; the host sees
it on a loopback port. Everybody may read, `ci` and `instructor` may write, a version's tag stays.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import quote

from labs.errors import LabError
from labs.instance import Instance, write_json
from labs.platform import docker
from labs.platform.credentials import basic, user_lines
from labs.platform.loopback import DIRECT, fetch, wait_for_http
from labs.run import run
from labs.wait import NotYet, TimedOut, wait_for
from scripts.supply import api as supply

INNER_ADDRESS = "registry:5000"
_ACCEPT = (
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json"
)


def ensure(instance: Instance, say: Callable[[str], None] = lambda line: None) -> None:
    """Make registry and gate run and be well; `say` is told what had to be mended."""
    gate_image, store_image = supply.image("registry-gate"), supply.image("registry")
    supply.load(gate_image)
    supply.load(store_image)
    gate = gate_spec(instance, gate_image)
    store = store_spec(instance, store_image, gate_image)
    # The gate comes first: it makes the key and the configuration that the registry reads.
    docker.ensure_container(instance, gate, say)
    docker.exec_in(gate.name, "registry-users", stdin=user_lines(instance))
    docker.ensure_container(instance, store, say)
    try:
        _wait_until_whole(gate.name, timeout=10)
    except TimedOut as ill:
        say(f"{store.name}: {ill.found.splitlines()[0]}; it is replaced (its data is kept)")
        docker.remove_container(store.name)
        docker.ensure_container(instance, store, say)
        _wait_until_whole(gate.name, timeout=30)
    wait_for_http(
        f"http://{address(instance)}/v2/", status=401, what="the registry answering on its port"
    )


def gate_spec(instance: Instance, image: str) -> docker.ContainerSpec:
    """Return what the gate's container is made from."""
    return docker.ContainerSpec(
        name=instance.container("registry-gate"),
        image=image,
        network=docker.ensure_network(instance),
        aliases=("registry",),
        also=(docker.ensure_ci_network(instance), docker.ensure_registry_network(instance)),
        volumes={docker.ensure_volume(instance, "registry"): "/srv/registry"},
        ports={5000: instance.port("registry")},
        env={"PUBLIC_PORT": str(instance.port("registry"))},
        tmpfs=("/tmp:size=32m",),  # noqa: S108 - in the container
        health=("healthy", "gate"),
        page="/healthy",
        options=docker.BETWEEN_NETWORKS,
    )


def store_spec(instance: Instance, image: str, gate_image: str) -> docker.ContainerSpec:
    """Return what the registry's own container is made from.

    It is asked through a socket in the volume. Its metrics it can tell at a port alone: for them it
    stands on a network where there is the gate and nobody else, and no way out.
    """
    return docker.ContainerSpec(
        name=instance.container("registry"),
        image=image,
        network=docker.ensure_registry_network(instance),
        aliases=("registry-store",),
        volumes={docker.ensure_volume(instance, "registry"): "/srv/registry"},
        # The configuration comes with the gate's image: a new gate means a new registry.
        env={"OTEL_TRACES_EXPORTER": "none", "GATE_IMAGE": docker.image_id(gate_image)},
        command=("/srv/registry/registry.yml",),
        user="1000:1000",
        options=("--cap-drop=ALL",),
    )


def _wait_until_whole(gate: str, timeout: float) -> None:
    wait_for(
        lambda: docker.well(gate, "healthy"),
        what="the registry answering behind its gate",
        timeout=timeout,
        interval=0.2,
    )


def address(instance: Instance) -> str:
    """Return the registry's name and port as the host sees it."""
    return f"127.0.0.1:{instance.port('registry')}"


def tags(instance: Instance, repo: str) -> list[str]:
    """Return the tags of a repository in alphabetical order; none where there is no such one."""
    status, answer, _ = _read(instance, repo, "tags/list")
    return [] if status == 404 else sorted(answer.get("tags") or [])


def digest(instance: Instance, repo: str, tag: str) -> str | None:
    """Return the digest that a tag stands for, `sha256:…`; None if there is no such tag."""
    status, _, headers = _read(instance, repo, f"manifests/{quote(tag)}")
    return None if status == 404 else str(headers["Docker-Content-Digest"])


def repositories(instance: Instance) -> list[str]:
    """Return the names of all images that the registry has."""
    token = _token(instance, "registry:catalog:*")
    _, answer, _ = _get(instance, "_catalog?n=1000", token)
    return sorted(answer.get("repositories") or [])


def about(instance: Instance, repo: str, tag: str) -> tuple[str, dict[str, Any]] | None:
    """Return a tag's digest and its image's configuration (labels, created); None without it.

    Of an image for several platforms, the first one's.
    """
    _require_name(repo)
    token = _token(instance, f"repository:{repo}:pull")
    status, manifest, headers = _get(instance, f"{repo}/manifests/{quote(tag)}", token)
    if status == 404:
        return None
    if manifest.get("manifests"):
        part = manifest["manifests"][0]["digest"]
        _, manifest, _ = _get(instance, f"{repo}/manifests/{part}", token)
    name = (manifest.get("config") or {}).get("digest", "")
    config = _get(instance, f"{repo}/blobs/{name}", token)[1] if name else {}
    return str(headers["Docker-Content-Digest"]), config


def push_archive(
    instance: Instance,
    archive: Path,
    name: str,
    say: Callable[[str], None] = lambda line: None,
) -> str:
    """Put a docker-archive into the registry as `repo:tag`, by Instructor; return its digest.

    A version that is there already stays as it is, and `say` is told if the archive differs.
    """
    repo, _, tag = name.rpartition(":")
    crane = supply.tool("crane")
    there = digest(instance, repo, tag)
    notes = instance.root / "pushed.json"
    pushed_from: dict[str, list[str]] = json.loads(notes.read_text()) if notes.exists() else {}
    if there is not None and pushed_from.get(name) == [str(archive), there]:
        return there  # an archive's digest takes seconds to reckon; its path has its recipe's
    if there is not None:
        offered = run(crane, "digest", "--tarball", archive).strip()
        if offered != there:
            say(f"{name} stays as it is in the registry ({there[:19]}); offered was {offered[:19]}")
        return there
    with tempfile.TemporaryDirectory(prefix="registry-") as folder:
        config = Path(folder) / "config.json"
        config.touch(mode=0o600)
        config.write_text(docker_config(instance, "instructor"))
        run(
            *(crane, "push", archive, f"{address(instance)}/{name}"),
            env={**DIRECT, "DOCKER_CONFIG": folder},
            timeout=300,
        )
    pushed = digest(instance, repo, tag)
    if pushed is None:
        raise LabError(
            f"{name} is not in the registry after a push that reported no error",
            expected="the image under that name",
            todo="run it again; `make logs` shows the registry's side",
        )
    write_json(notes, {**pushed_from, name: [str(archive), pushed]})
    return pushed


def docker_config(instance: Instance, user: str) -> str:
    """Return the config.json with which docker, crane and buildah write as this user."""
    return json.dumps({"auths": {address(instance): {"auth": basic(instance, user)}}})


def _read(instance: Instance, repo: str, what: str) -> tuple[int, dict[str, Any], Message]:
    """Return status, body and headers of one read as everybody may do it; 200 and 404 only."""
    _require_name(repo)
    return _get(instance, f"{repo}/{what}", _token(instance, f"repository:{repo}:pull"))


def _require_name(repo: str) -> None:
    if not re.fullmatch(r"[a-z0-9]+([._/-][a-z0-9]+)*", repo):
        raise LabError(
            f"an image repository called {repo!r}",
            expected="lower-case words with dots, dashes or slashes between them",
            todo="give the name without registry and tag, such as `hello`",
        )


def _token(instance: Instance, scope: str) -> str:
    """Return what allows everybody to read; '' where the gate gives none, as the read will say."""
    try:
        issued = fetch(f"http://{address(instance)}/auth/token?service=registry&scope={scope}")
    except NotYet as silent:
        raise _away(silent) from silent
    return str(json.loads(issued.body)["token"]) if issued.status == 200 else ""


def _get(instance: Instance, what: str, token: str) -> tuple[int, dict[str, Any], Message]:
    """Return status, body and headers of one read; 200 and 404 only."""
    try:
        headers = {"Authorization": f"Bearer {token}", "Accept": _ACCEPT}
        answer = fetch(f"http://{address(instance)}/v2/{what}", headers)
    except NotYet as silent:
        raise _away(silent) from silent
    if answer.status not in (200, 404):
        raise LabError(
            f"the registry answered {answer.status} for {what}: {answer.body[:200]!r}",
            expected="200, or 404 for what is not there",
            todo="run `make up`, which mends it; `make logs` shows its side",
        )
    return answer.status, json.loads(answer.body), answer.headers


def _away(silent: NotYet) -> LabError:
    return LabError(
        str(silent), expected="the lab's registry", todo="run `make up`, which starts it"
    )
