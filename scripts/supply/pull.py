"""The pull way: images from their registries, tools from their releases."""

from __future__ import annotations

import json
import os
from pathlib import Path

from labs.errors import LabError
from labs.instance import write_json
from scripts.supply import archive, download, images, node, source
from scripts.supply.cache import default_root
from scripts.supply.catalogue import Catalogue, Image, Tool
from scripts.supply.mirror import Mirror
from scripts.supply.parts import Part, Plan, Workshop

IN_CONTAINERS = ("promtool", "amtool")
"""Tools that run in a container as well, whatever the host's system is."""
RECORD = "digests.json"
"""In the cache: the digest of each image that is pinned by its tag alone, at its first pull."""


def plan(catalogue: Catalogue) -> Plan:
    """Return all parts, in the order in which the labs need them."""
    tools = {name: tool_part(tool) for name, tool in catalogue.tools.items()}
    crane = tools["crane"]
    slim = image_part(catalogue.slim, catalogue.arch, crane)
    base = image_part(catalogue.node, catalogue.arch, crane, name="published-node")

    image_parts: dict[str, Part] = {}
    names: dict[str, str] = {}
    for short, image in catalogue.images_of("pull").items():
        if image.with_node:
            continue
        if image.own:
            words = [name for programs in image.programs.values() for name in programs]
            programs = {name: tool_part(catalogue.tools[name], system="linux") for name in words}
            part = images.of_dockerfile(image, slim, base_is_root=False, programs=programs)
            names[short] = images.own_ref(image, part)
        else:
            part = image_part(image, catalogue.arch, crane)
            names[short] = f"{image.name}:{image.version}"
        image_parts[short] = part

    # For the containers; on Linux these are the host's own.
    inside = {name: tool_part(catalogue.tools[name], system="linux") for name in IN_CONTAINERS}
    in_node = {s: p for s, p in image_parts.items() if catalogue.images[s].in_node}
    whole = node.node_part(catalogue, in_node, base, {})
    everything = [slim, base, *tools.values(), *inside.values(), *image_parts.values()]
    return Plan(
        made_by="pull",
        parts=(*source.in_order(everything), whole),
        tools={name: (part, name) for name, part in tools.items()},
        images={names[s]: (part, images.TAR) for s, part in image_parts.items()},
        names=names,
        node=whole,
        node_ref=node.node_ref(whole),
        files={f"linux/{name}": (part, name) for name, part in inside.items()},
    )


def tool_part(tool: Tool, system: str = "") -> Part:
    """Return the part with a tool, downloaded and checked against its published sum.

    It is for this host, or for another `system` on the same kind of machine.
    """
    address, sums = tool.address(tool.pull, system), tool.address(tool.sums, system)

    def make(bench: Workshop) -> None:
        mirror = Mirror.current()
        name = address.rsplit("/", 1)[-1]
        got, published = bench.folder / ".got", bench.folder / ".sums"
        download.fetch(mirror.tool(sums), published, bench.tell)
        wanted = download.published_sum(published.read_text(), name)
        published.unlink()
        download.fetch(mirror.tool(address), got, bench.tell)
        download.check(got, wanted, mirror.tool(address))
        target = bench.folder / tool.name
        if name.endswith((".tar.gz", ".tgz")):
            archive.unpack_one(got, tool.name, target)
            got.unlink()
        else:
            got.rename(target)
        target.chmod(0o755)

    return Part(
        name=f"tool-{tool.name}",
        stage=tool.stage,
        does=f"download {tool.name} {tool.version}",
        recipe={"address": address},
        make=make,
        about=10,
    )


def image_part(image: Image, arch: str, crane: Part, name: str = "") -> Part:
    """Return the part with an image as a docker-archive, pulled by digest."""
    ref = f"{image.name}:{image.version}"

    def make(bench: Workshop) -> None:
        tool = bench.of(crane) / "crane"
        where = Mirror.current().image(image.name)
        digest = agreed_digest(bench, tool, where, image)
        bench.say(f"pull {ref} ({digest[7:19]})")
        got = bench.folder / ".got.tar"
        bench.run(
            *(tool, "pull", "--format=tarball", f"--platform=linux/{arch}"),
            *(f"{where}@{digest}", got),
        )
        found = archive.platform_of(got)
        if found != ("linux", arch):
            raise LabError(
                f"{where}@{digest} is for {'/'.join(found)}",
                expected=f"an image for linux/{arch}",
                todo="choose another registry, or LAB_SUPPLY=source",
            )
        archive.name_it(got, bench.folder / images.TAR, ref)
        got.unlink()

    return Part(
        name=name or f"image-{image.short}",
        stage=image.stage,
        does=f"pull {ref}",
        recipe={"ref": ref, "digest": image.digest, "arch": arch},
        make=make,
        needs=(crane,),
        about=20 if name != "published-node" else 90,
    )


def agreed_digest(bench: Workshop, crane: Path, where: str, image: Image) -> str:
    """Return the digest to pull: pinned, or what the tag is now and was at the first pull.

    Raises LabError if the tag has moved since, with both digests.
    """
    pinned = pins().get(f"{image.name}:{image.version}", image.digest)
    if pinned:
        return pinned
    out = bench.folder / ".digest"
    bench.say(f"ask for the digest of {where}:{image.version}")
    bench.run(crane, "digest", f"{where}:{image.version}", stdout=out)
    digest = out.read_text().strip()
    out.unlink()
    record = default_root() / RECORD
    known = _read(record)
    ref = f"{image.name}:{image.version}"
    if known.setdefault(ref, digest) != digest:
        raise LabError(
            f"{ref} is {digest} now",
            expected=f"{known[ref]}, as when it was pulled first on this machine",
            todo="somebody moved the tag. If that is meant, take its line out of "
            f"{record} and run the command again",
        )
    write_json(record, known)
    return digest


def pins() -> dict[str, str]:
    """Return digests by reference from the file that LAB_DIGESTS names, instead of the list's.

    For a mirror whose images were built and not copied, as in the project's own tests.
    """
    chosen = os.environ.get("LAB_DIGESTS")
    return _read(Path(chosen)) if chosen else {}


def _read(path: Path) -> dict[str, str]:
    try:
        return {str(ref): str(digest) for ref, digest in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
