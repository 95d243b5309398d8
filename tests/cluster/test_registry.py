"""The registry, the real one, with the clients that the lab uses: docker, crane, Python."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import Instance
from labs.platform import docker, engine, kind, registry
from labs.platform.credentials import credentials
from labs.platform.loopback import DIRECT, fetch
from labs.run import CommandFailed, run
from scripts.supply import api as supply
from tests.cluster.cut_off import cut_off

MEGABYTE = 1024 * 1024


def archive(path: Path, name: str, content: bytes) -> Path:
    """Write a docker-archive of one layer with one file."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        info = tarfile.TarInfo("content")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    diff = "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/content"]},
            "rootfs": {"type": "layers", "diff_ids": [diff]},
        }
    ).encode()
    files = {
        "config.json": config,
        "layer.tar": layer.getvalue(),
        "manifest.json": json.dumps(
            [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
        ).encode(),
    }
    with tarfile.open(path, "w") as tar:
        for member, data in files.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


class Client:
    """docker and crane with the credentials of one user, or of nobody."""

    def __init__(self, lab: Instance, folder: Path, user: str = "") -> None:
        folder.mkdir()
        (folder / "config.json").write_text(registry.docker_config(lab, user) if user else "{}")
        self.address = registry.address(lab)
        self.env = {**DIRECT, "DOCKER_CONFIG": str(folder)}

    def crane(self, *words: str | Path) -> str:
        return run(supply.tool("crane"), *words, env=self.env, timeout=120)

    def docker(self, *words: str) -> str:
        return run("docker", *words, env=self.env, timeout=120)


@pytest.fixture
def nobody(servers: Instance, tmp_path: Path) -> Client:
    return Client(servers, tmp_path / "nobody")


@pytest.fixture
def ci(servers: Instance, tmp_path: Path) -> Client:
    return Client(servers, tmp_path / "ci", "ci")


@pytest.fixture
def attendee(servers: Instance, tmp_path: Path) -> Client:
    return Client(servers, tmp_path / "attendee", "attendee")


@pytest.fixture(scope="module")
def hello(servers: Instance, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the image hello:0.9.0, which the lab puts into its registry."""
    path = archive(tmp_path_factory.mktemp("hello") / "hello.tar", "hello:0.9.0", b"0.9.0")
    return registry.push_archive(servers, path, "hello:0.9.0")


@pytest.fixture
def local_image(servers: Instance, tmp_path: Path) -> Iterator[str]:
    """An image in the Docker engine that is named for a push into the lab's registry."""
    name = f"{registry.address(servers)}/pushed/by-docker:1.0.0"
    run("docker", "load", "--input", archive(tmp_path / "image.tar", name, os.urandom(MEGABYTE)))
    yield name
    if docker.image_present(name):
        engine.docker("image", "rm", name)


def test_an_archive_is_pushed_once_and_is_found(
    servers: Instance, hello: str, tmp_path: Path
) -> None:
    assert hello.startswith("sha256:")
    assert registry.tags(servers, "hello") == ["0.9.0"]
    assert registry.digest(servers, "hello", "0.9.0") == hello
    assert registry.digest(servers, "hello", "9.9.9") is None
    assert registry.tags(servers, "nothing/here") == []
    same = archive(tmp_path / "same.tar", "hello:0.9.0", b"0.9.0")
    told: list[str] = []
    assert registry.push_archive(servers, same, "hello:0.9.0", told.append) == hello
    assert told == []
    other = archive(tmp_path / "other.tar", "hello:0.9.0", b"another")
    assert registry.push_archive(servers, other, "hello:0.9.0", told.append) == hello
    assert "stays as it is" in told[0]
    with pytest.raises(LabError, match="repository called"):
        registry.tags(servers, "hello:0.9.0")


def test_crane_reads_without_credentials(hello: str, nobody: Client) -> None:
    assert nobody.crane("digest", f"{nobody.address}/hello:0.9.0").strip() == hello
    assert "hello" in nobody.crane("catalog", nobody.address).split()


def test_docker_reads_without_credentials(hello: str, nobody: Client) -> None:
    name = f"{nobody.address}/hello:0.9.0"
    assert hello in nobody.docker("pull", name)
    nobody.docker("image", "rm", name)


def test_docker_writes_with_credentials_alone(
    local_image: str, nobody: Client, attendee: Client, ci: Client
) -> None:
    with pytest.raises(CommandFailed, match="without credentials"):
        nobody.docker("push", local_image)
    with pytest.raises(CommandFailed, match="by attendee; expected ci or instructor"):
        attendee.docker("push", local_image)
    assert "digest: sha256:" in ci.docker("push", local_image)


def test_crane_writes_with_credentials_alone(
    hello: str, nobody: Client, attendee: Client, ci: Client
) -> None:
    source, target = f"{ci.address}/hello:0.9.0", f"{ci.address}/copied:1.0.0"
    with pytest.raises(CommandFailed, match="without credentials"):
        nobody.crane("copy", source, target)
    with pytest.raises(CommandFailed, match="by attendee"):
        attendee.crane("copy", source, target)
    ci.crane("copy", source, target)
    assert nobody.crane("digest", target).strip() == hello


def test_a_wrong_password_is_refused(servers: Instance) -> None:
    words = ["docker", "login", "--username=ci", "--password-stdin", registry.address(servers)]
    with pytest.raises(CommandFailed, match="unauthorized"):
        run(*words, stdin="wrong")


def test_a_versions_tag_is_never_overwritten_and_others_move(
    servers: Instance, hello: str, ci: Client, tmp_path: Path
) -> None:
    path = archive(tmp_path / "other.tar", "x", b"other")
    with pytest.raises(CommandFailed, match="is there already with other content") as refusal:
        ci.crane("push", path, f"{ci.address}/hello:0.9.0")
    assert "build it under a higher version" in str(refusal.value)
    assert registry.digest(servers, "hello", "0.9.0") == hello
    ci.crane("copy", f"{ci.address}/hello:0.9.0", f"{ci.address}/hello:latest")
    ci.crane("push", path, f"{ci.address}/hello:latest")
    assert registry.digest(servers, "hello", "latest") not in (hello, None)


def test_a_commits_tag_is_never_overwritten_and_the_same_again_is_fine(
    servers: Instance, hello: str, ci: Client, tmp_path: Path
) -> None:
    tag = f"{ci.address}/hello:sha-1a2b3c4d5e6f"
    for _ in range(2):
        ci.crane("copy", f"{ci.address}/hello:0.9.0", tag)
    with pytest.raises(CommandFailed, match="is there already with other content") as refusal:
        ci.crane("push", archive(tmp_path / "other.tar", "x", b"another commit's"), tag)
    assert "commit anew" in str(refusal.value)
    assert registry.digest(servers, "hello", "sha-1a2b3c4d5e6f") == hello


def test_the_gate_is_not_gone_round(servers: Instance, hello: str, ci: Client) -> None:
    """Neither other spellings of the address nor a container of the lab's reach the store."""
    base = f"http://{registry.address(servers)}"
    for path in ("/v2/hello/manifests/0.9.0", "/v2/hello/man%69fests/0.9.0", "/v2//hello/blobs/"):
        assert fetch(base + path, method="PUT").status in (400, 401, 404), path
        assert fetch(base + path, method="DELETE").status in (400, 401, 404), path
    store = servers.container("registry")
    assert docker.networks_of(store) == {servers.registry_network}
    beside = engine.docker("network", "inspect", servers.registry_network)
    [network] = json.loads(beside)
    assert network["Internal"] is True
    assert {one["Name"] for one in network["Containers"].values()} == {
        store,
        servers.container("registry-gate"),
    }
    with pytest.raises(CommandFailed, match=r"UNAUTHORIZED|UNSUPPORTED"):
        ci.crane("delete", f"{ci.address}/hello@{hello}")
    assert registry.digest(servers, "hello", "0.9.0") == hello


def test_everybody_reads_the_metrics_and_nobody_the_profiles(servers: Instance, hello: str) -> None:
    base = f"http://{registry.address(servers)}"
    answer = fetch(f"{base}/metrics")
    assert answer.status == 200
    assert b"\nregistry_http_requests_total{" in answer.body
    for path in ("/debug/pprof/", "/debug/vars", "/metrics/../debug/pprof/"):
        assert fetch(base + path).status == 404, path
    assert fetch(f"{base}/metrics", method="POST", body=b"").status != 200


@pytest.mark.parametrize("megabytes", [20, pytest.param(200, marks=pytest.mark.long)])
def test_megabytes_in_one_layer(
    servers: Instance, ci: Client, tmp_path: Path, megabytes: int
) -> None:
    content = os.urandom(megabytes * MEGABYTE)
    ci.crane("push", archive(tmp_path / "big.tar", "x", content), f"{ci.address}/big:1.0.0")
    manifest = json.loads(ci.crane("manifest", f"{ci.address}/big:1.0.0"))
    layer = f"{ci.address}/big@{manifest['layers'][0]['digest']}"
    words = [str(supply.tool("crane")), "blob", layer]
    blob = subprocess.run(
        words, env={**os.environ, **ci.env}, check=True, capture_output=True
    ).stdout
    assert content in gzip.decompress(blob)
    left = docker.exec_in(
        servers.container("registry-gate"), "find", "/srv/registry/upload", "-type", "f"
    )
    assert left == ""


def test_the_address_inside_works_as_the_one_outside(servers: Instance, hello: str) -> None:
    """What a container on the lab's network gets as the place for tokens is reachable there."""
    script = "exec 3<>/dev/tcp/registry/5000; printf '%s\\r\\n' 'GET /v2/ HTTP/1.1' "
    script += "'Host: registry:5000' 'Connection: close' '' >&3; cat <&3"
    answer = docker.exec_in(servers.container("git"), "bash", "-c", script)
    assert 'realm="http://registry:5000/auth/token"' in answer


@pytest.mark.parametrize("part", ["registry", "registry-gate"])
@pytest.mark.parametrize("harm", ["kill", "pause", "remove"])
def test_a_harmed_registry_is_mended_and_nothing_is_lost(
    servers: Instance, hello: str, part: str, harm: str
) -> None:
    name = servers.container(part)
    if harm == "kill":
        engine.docker("kill", "--signal=KILL", name)
    elif harm == "pause":
        engine.docker("pause", name)
    else:
        docker.remove_container(name)
    registry.ensure(servers)
    assert registry.digest(servers, "hello", "0.9.0") == hello


def test_a_registry_that_hangs_is_replaced(servers: Instance, hello: str) -> None:
    """Running for Docker, and yet nobody behind the socket."""
    docker.exec_in(servers.container("registry-gate"), "rm", "run/registry.sock")
    told: list[str] = []
    registry.ensure(servers, told.append)
    assert "it is replaced" in told[0]
    assert registry.digest(servers, "hello", "0.9.0") == hello


def test_a_registry_whose_port_leads_nowhere_is_mended(servers: Instance, hello: str) -> None:
    """Well when it is asked inside, as after an engine that was killed."""
    gate = servers.container("registry-gate")
    cut_off(gate)
    docker.exec_in(gate, "healthy")
    told: list[str] = []
    registry.ensure(servers, told.append)
    assert f"{gate}: it is not well" in told[0]
    assert "it is replaced" in told[0]
    assert registry.digest(servers, "hello", "0.9.0") == hello


def test_a_registry_that_is_down_is_named(servers: Instance, hello: str) -> None:
    docker.stop_container(servers.container("registry-gate"))
    with pytest.raises(LabError, match="does not answer") as down:
        registry.tags(servers, "hello")
    assert "make up" in down.value.todo
    registry.ensure(servers)


def test_hashes_alone_are_in_the_volume(servers: Instance) -> None:
    users = docker.exec_in(servers.container("registry-gate"), "cat", "/srv/registry/users")
    assert all(line.split(":")[1].startswith("$6$") for line in users.splitlines())
    assert not any(password in users for password in credentials(servers).values())


def test_the_nodes_containerd_reads_it_under_its_name_inside(
    instance: Instance, tmp_path: Path
) -> None:
    """As the kubelet does for a new version: no credentials, plain HTTP by hosts.toml."""
    name = f"probe:1.0.{os.getpid()}"
    digest = registry.push_archive(instance, archive(tmp_path / "probe.tar", "x", b"probe"), name)
    node = kind.node(instance)
    ctr = ("ctr", "--namespace=probe", "images")
    hosts = "--hosts-dir=/etc/containerd/certs.d"
    docker.exec_in(node, *ctr, "pull", hosts, f"{registry.INNER_ADDRESS}/{name}", timeout=120)
    assert digest in docker.exec_in(node, *ctr, "ls")
    docker.exec_in(node, *ctr, "rm", f"{registry.INNER_ADDRESS}/{name}")
