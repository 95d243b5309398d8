"""The pull way, for real: a registry and an HTTP server on loopback that hold the same names.

What this machine has, from source or pulled, is pushed with crane under rewritten names; then all
of it is pulled into an empty cache, with digests of the test's own. What stands in for
kind's published node is the lab's own, without its images.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from labs.errors import LabError
from labs.run import run
from labs.wait import NotYet, wait_for
from scripts.supply import api, archive, catalogue, debian, images, pull, ways
from scripts.supply.cache import Cache
from scripts.supply.catalogue import Catalogue, Image, Rootfs
from scripts.supply.maker import Maker
from scripts.supply.parts import Plan
from tests.streams import LAB_NAME

pytestmark = pytest.mark.long

OWN = {"git-server", "registry-gate", "hello", "hello-base", "ci"}


@dataclass(frozen=True)
class Mirror:
    """Both servers: the registry's name, the tools' address and the folder that it serves."""

    registry: str
    tools: str
    files: Path
    digests: Path
    crane: Path


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: pytest shows what matters."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty registry on a loopback port of its own."""
    ref = api.image("registry")
    api.load(ref)
    name = f"{LAB_NAME}-pull-registry"
    run("docker", "rm", "--force", "--volumes", name)
    run("docker", "run", "--detach", "--name", name, "--publish", "127.0.0.1::5000", ref)
    try:
        address = run("docker", "port", name, "5000/tcp").split()[0]

        def answers() -> None:
            with subprocess.Popen(
                [api.tool("crane"), "catalog", address], stdout=-1, stderr=-1
            ) as crane:
                if crane.wait(60):
                    raise NotYet("no answer")

        wait_for(answers, what=f"the registry at {address} to answer", timeout=30)
        yield address
    finally:
        run("docker", "rm", "--force", "--volumes", name)


@pytest.fixture(scope="module")
def mirror(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """All that the pull way asks for, on both servers."""
    folder = tmp_path_factory.mktemp("mirror")
    made, crane = catalogue.load(), api.tool("crane")
    digests = {}

    def push(file: Path, name: str, version: str) -> None:
        target = f"{registry}/{name}:{version}"
        run(crane, "push", file, target)
        digests[f"{name}:{version}"] = run(crane, "digest", target).strip()

    known = ways.plan_of(ways.way()).names
    for image in made.images_of("pull").values():
        if not image.own and not image.with_node:
            # The understudy plays the controllers that this machine cannot have, once more.
            short = image.short if image.short in known else "understudy"
            push(api.image_archive(api.image(short)), image.name, image.version)
    push(bare_node(folder, made), made.node.name, made.node.version)
    push(slim(folder, made), made.slim.name, made.slim.version)
    # Only what the list pins too: the others are pinned by their tags.
    pinned = ref_of(made.node)
    (folder / "digests.json").write_text(json.dumps({pinned: digests[pinned]}))

    files = folder / "files"
    for tool in made.tools.values():
        put_tool(files, tool.address(tool.pull), tool.address(tool.sums), api.tool(tool.name))
    handler = functools.partial(Quiet, directory=str(files))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Mirror(
        registry,
        f"http://127.0.0.1:{server.server_address[1]}",
        files,
        folder / "digests.json",
        crane,
    )
    server.shutdown()
    thread.join()
    server.server_close()


def slim(folder: Path, made: Catalogue) -> Path:
    """Return what stands in for Debian's slim image: a root with the own images' packages.

    So that their Dockerfiles find nothing left to install, and the test needs no Debian mirror.
    """
    packages: set[str] = set()
    for short in OWN:
        packages.update(debian.packages_of(images.packages_file(made.images[short])))
    root = Rootfs("test-slim", "servers", "minbase", tuple(sorted(packages)), 40)
    part, cache = debian.part(root, made), Cache()
    maker = Maker(Plan("source", (part,), {}, {}, {}, part, ""), cache, print)
    maker.get([part])
    target = folder / "slim.tar"
    base = cache.parts / part.key / debian.TAR
    archive.write(target, ref_of(made.slim), [], archive.Config(made.arch), base=base)
    return target


def bare_node(folder: Path, made: Catalogue) -> Path:
    """Return what stands in for kind's node: the lab's, without its images, to be quick."""
    name = f"{LAB_NAME}-pull-bare"
    run("docker", "rm", "--force", "--volumes", name)
    run("docker", "create", "--name", name, api.node_image())
    root, target = folder / "node-root.tar", folder / "node.tar"
    try:
        with (
            subprocess.Popen(["docker", "export", name], stdout=subprocess.PIPE) as export,
            tarfile.open(fileobj=export.stdout, mode="r|") as whole,
            tarfile.open(root, "w") as bare,
        ):
            for member in whole:
                if not member.name.startswith("var/lib/containerd/"):
                    bare.addfile(member, whole.extractfile(member) if member.isreg() else None)
        assert export.returncode == 0
    finally:
        run("docker", "rm", "--force", "--volumes", name)
    archive.write(target, ref_of(made.node), [], archive.Config(made.arch), base=root)
    return target


def ref_of(image: Image) -> str:
    return f"{image.name}:{image.version}"


def put_tool(files: Path, address: str, sums: str, tool: Path) -> None:
    """Write a tool as its release has it, and its line in the list of sums beside it."""
    paths = [files / (urlsplit(a).netloc + urlsplit(a).path) for a in (address, sums)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    if address.endswith(".tar.gz"):
        with tarfile.open(paths[0], "w:gz", compresslevel=1) as tar:
            tar.add(tool.resolve(), tool.name)
    else:
        shutil.copyfile(tool, paths[0])
    digest = hashlib.sha256(paths[0].read_bytes()).hexdigest()
    alone = sums.endswith("/kubectl.sha256")
    paths[1].write_text(f"{digest}\n" if alone else f"{digest}  {paths[0].name}\n")


@pytest.fixture
def empty(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plan]:
    """The plan of the pull way, with a cache that is empty."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LAB_MIRROR", f"registry={mirror.registry} tools={mirror.tools}")
    monkeypatch.setenv("LAB_DIGESTS", str(mirror.digests))
    monkeypatch.delenv("LAB_SUPPLY", raising=False)
    ways.way.cache_clear()
    yield pull.plan(catalogue.load())
    ways.way.cache_clear()


def test_everything_is_pulled_under_its_upstream_name(empty: Plan, mirror: Mirror) -> None:
    assert ways.way() == "pull"  # the probe found the mirror's registry
    said: list[str] = []
    cache = Cache()
    Maker(empty, cache, said.append).get(empty.finals)
    try:
        for name in ("registry", "source-controller", "kustomize-controller", "hello"):
            part, file = empty.images[empty.names[name]]
            assert archive.tag_of(cache.parts / part.key / file) == empty.names[name]
        for name, (part, file) in empty.tools.items():
            tool = cache.parts / part.key / file
            assert os.access(tool, os.X_OK), name
        assert "v0.33.0" in run(cache.parts / empty.tools["kind"][0].key / "kind", "version")
        recorded = json.loads((cache.root / pull.RECORD).read_text())
        assert f"{mirror.registry}/" not in "".join(recorded)
        assert empty.names["source-controller"] in recorded
        assert images_in(empty.node_ref) >= {
            empty.names[name] for name in ("source-controller", "kustomize-controller", "hello")
        }
        # Again: nothing is left to do.
        said.clear()
        Maker(empty, Cache(), said.append).get(empty.finals)
        assert said == []
    finally:
        own = [empty.names[name] for name in OWN]
        run("docker", "image", "rm", "--force", empty.node_ref, *own)


def images_in(node: str) -> set[str]:
    """Return the names of the images that a node image holds, as its own containerd lists them."""
    name = f"{LAB_NAME}-pull-node"
    run("docker", "rm", "--force", "--volumes", name)
    run(
        *("docker", "run", "--detach", "--name", name, "--network=none"),
        *("--security-opt=seccomp=unconfined", "--entrypoint=containerd", node),
    )
    try:

        def listed() -> set[str]:
            done = subprocess.run(
                ["docker", "exec", name, "ctr", "-n", "k8s.io", "images", "ls", "-q"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise NotYet(done.stderr.strip())
            return set(done.stdout.split())

        return wait_for(listed, what="the node's containerd to answer", timeout=60)
    finally:
        run("docker", "rm", "--force", "--volumes", name)


def test_a_moved_tag_is_refused(empty: Plan, mirror: Mirror) -> None:
    part, _ = empty.images[empty.names["source-controller"]]
    other = empty.names["kustomize-controller"]
    where = f"{mirror.registry}/{empty.names['source-controller']}"
    Maker(empty, Cache(), lambda _: None).get([part])
    before = run(mirror.crane, "digest", where).strip()
    run(mirror.crane, "copy", f"{mirror.registry}/{other}", where)
    try:
        Cache().remove(part)
        with pytest.raises(LabError, match=f"expected: {before}, as when it was pulled first"):
            Maker(empty, Cache(), lambda _: None).get([part])
        assert Cache().find(part) is None
    finally:
        name = where.rpartition(":")[0]
        run(mirror.crane, "copy", f"{name}@{before}", where)


def test_a_damaged_download_is_refused(empty: Plan, mirror: Mirror) -> None:
    tool = catalogue.load().tools["kind"]
    address = urlsplit(tool.address(tool.pull))
    file = mirror.files / (address.netloc + address.path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 0xFF]))
    part, _ = empty.tools["kind"]
    try:
        with pytest.raises(LabError, match="as published beside it"):
            Maker(empty, Cache(), lambda _: None).get([part])
        assert Cache().find(part) is None
    finally:
        file.write_bytes(whole)
    Maker(empty, Cache(), lambda _: None).get([part])


def test_what_the_mirror_lacks_is_named(
    empty: Plan, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_MIRROR", f"registry={mirror.registry} tools={mirror.tools}/nowhere")
    with pytest.raises(LabError, match="HTTP 404"):
        Maker(empty, Cache(), lambda _: None).get([empty.tools["kubectl"][0]])
