"""The node image: a kind node with every image that the lab runs, so that a cluster loads nothing.

In the pull way it stands on the node that kind publishes; in source, on a Debian root with kind's
own files over it. What the lab adds is the same for both.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

from labs.run import CommandFailed, run
from labs.wait import NotYet, wait_for
from scripts.supply import archive, debian, engine, golang
from scripts.supply import images as image_parts
from scripts.supply.archive import Content
from scripts.supply.catalogue import HERE, Catalogue
from scripts.supply.parts import Part, Workshop, tree_digest

NAME = "gitops-hackfest/node"
TAR = "node.tar"
FILES = HERE / "node"
ENTRYPOINT = '["/usr/local/bin/entrypoint", "/sbin/init"]'
KIND = "sigs.k8s.io/kind"
PROGRAMS = {
    "kubernetes": {name: f"usr/bin/{name}" for name in ("kubeadm", "kubelet", "kubectl")},
    "containerd": {
        name: f"usr/local/bin/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    },
}


def node_part(
    catalogue: Catalogue, images: Mapping[str, Part], base: Part | None, made: Mapping[str, Part]
) -> Part:
    """Return the part with the node image: on `base`, a published node, or from source's parts."""
    sources = [] if base else [made["root-node"], *(made[name] for name in PROGRAMS), made["go"]]

    def make(bench: Workshop) -> None:
        if base is not None:
            bench.say("load the published node")
            base_ref = archive.tag_of(bench.of(base) / image_parts.TAR)
            bench.run("docker", "load", "--input", bench.of(base) / image_parts.TAR)
        else:
            bench.say("import the Debian root")
            base_ref = f"gitops-hackfest/base-node:{made['root-node'].digest[:12]}"
            bench.run("docker", "import", bench.of(made["root-node"]) / debian.TAR, base_ref)
        options = ("--stop-signal", "SIGRTMIN+3", "--env", "container=docker")
        with engine.container(bench, base_ref, f"gitops-hackfest-{part.key}", *options) as name:
            if base is None:
                become_kind_node(bench, name, catalogue, made)
            copy_in(bench, name, lab_files())
            bench.run("docker", "exec", name, "sh", "/lab/complete.sh")
            import_images(
                bench, name, [bench.of(image) / image_parts.TAR for image in images.values()]
            )
            commit(bench, name, node_ref(part), part.key)
        engine.drop_older(NAME)
        bench.run("docker", "image", "rm", base_ref)  # its layers stay, as the node's

    part = Part(
        name="node",
        stage="cluster",
        does="put together the node image",
        recipe={"files": tree_digest(FILES), "kubernetes": catalogue.node_kubernetes},
        make=make,
        needs=(*([base] if base else sources), *images.values()),
        about=catalogue.node.about,
    )
    return part


def node_ref(part: Part) -> str:
    """Return the node image's name, tagged with its recipe's digest."""
    return f"{NAME}:{part.digest[:12]}"


def become_kind_node(
    bench: Workshop, name: str, catalogue: Catalogue, made: Mapping[str, Part]
) -> None:
    """Put kind's files and our programs into a Debian root, and do what kind's Dockerfile does."""
    bench.say("add kind's node files, kubeadm, kubelet and containerd")
    kind = golang.module_folder(bench, bench.of(made["go"]), "kubernetes", KIND)
    files = kind / "images/base/files"
    contents = [
        Content(
            path.relative_to(files).as_posix(),
            path,
            0o755 if path.parent.name == "bin" else 0o644,
        )
        for path in sorted(files.rglob("*"))
        if path.is_file()
    ]
    for build, programs in PROGRAMS.items():
        folder = bench.of(made[build])
        contents += [Content(target, folder / file, 0o755) for file, target in programs.items()]
    contents.append(Content("kind/version", catalogue.node_kubernetes.encode()))
    contents.append(Content("kind/manifests/default-storage.yaml", storage_manifest(kind)))
    contents.append(Content("lab/base.sh", FILES / "base.sh", 0o755))
    copy_in(bench, name, contents)
    bench.run("docker", "exec", name, "sh", "/lab/base.sh")


def storage_manifest(kind: Path) -> bytes:
    """Return kind's storage manifest from its Go source, its images' names filled in."""
    source = (kind / "pkg/build/nodeimage/const_storage.go").read_text()
    constants = dict(re.findall(r'^const (\w+) = "([^"]+)"$', source, re.MULTILINE))
    match = re.search(r"^const defaultStorageManifest = `\n(.*)`\s*\Z", source, re.M | re.S)
    if match is None or not constants:
        raise ValueError(f"{kind} has no storage manifest where kind v0.33.0 has it")
    return re.sub(r"` \+ (\w+) \+ `", lambda use: constants[use[1]], match[1]).encode()


def lab_files() -> list[Content]:
    """Return what the lab adds to a node, in the folder /lab, and the script that places it."""
    files = [Content(f"lab/{path.name}", path) for path in sorted((FILES / "files").iterdir())]
    return [*files, Content("lab/complete.sh", FILES / "complete.sh", 0o755)]


def copy_in(bench: Workshop, name: str, contents: list[Content]) -> None:
    """Unpack files into a container, owned by root whoever runs this."""
    tar = bench.folder / ".files.tar"
    archive.write_layer(tar, contents)
    # By the root's own tar and not `docker cp`, which refuses to go through the link /lib.
    bench.run(
        *("docker", "exec", "--interactive", name, "tar", "--extract", "--keep-directory-symlink"),
        *("--no-overwrite-dir", "--file=-", "--directory=/"),
        stdin=tar,
    )
    tar.unlink()


def import_images(bench: Workshop, name: str, archives: list[Path]) -> None:
    """Import images into the containerd of a container that sleeps, as kind does."""
    bench.run("docker", "exec", "--detach", name, "containerd")

    def answers() -> None:
        try:
            run("docker", "exec", name, "ctr", "version", timeout=30)
        except CommandFailed as failed:
            raise NotYet(failed.stderr.strip()[-200:] or "no answer") from None

    wait_for(answers, what="containerd to answer in the node", timeout=90)
    for path in archives:
        bench.say(f"import {archive.tag_of(path)}")
        bench.run(
            *("docker", "exec", "--interactive", name, "ctr", "--namespace=k8s.io", "images"),
            *("import", "--all-platforms", "--no-unpack", "--digests", "-"),
            stdin=path,
        )
    bench.run("docker", "exec", name, "pkill", "-TERM", "-x", "containerd")

    def ended() -> None:
        try:
            run("docker", "exec", name, "pgrep", "-x", "containerd", timeout=30)
        except CommandFailed as gone:
            if gone.code == 1:
                return
            raise
        raise NotYet("containerd still runs")

    wait_for(ended, what="containerd to end", timeout=60)


def commit(bench: Workshop, name: str, ref: str, key: str) -> None:
    """Make the image of the container, in the engine and as an archive."""
    bench.say(f"commit {ref}")
    bench.run(
        *("docker", "commit", "--change", f"ENTRYPOINT {ENTRYPOINT}", "--change", "CMD []"),
        *("--change", f"LABEL {engine.LABEL}={key}", name, ref),
    )
    bench.say(f"save {ref}")
    bench.run("docker", "save", "--output", bench.folder / TAR, ref)
    with tarfile.open(bench.folder / TAR) as saved:
        if "manifest.json" not in saved.getnames():
            raise ValueError(f"{bench.folder / TAR} is no docker-archive")
