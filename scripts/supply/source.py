"""The source way: Go modules and Debian packages, nothing from a container registry."""

from __future__ import annotations

from scripts.supply import debian, flux_cli, flux_crds, golang, images, node, prometheus
from scripts.supply.catalogue import STAGES, Catalogue, Rootfs
from scripts.supply.parts import Part, Plan


def plan(catalogue: Catalogue) -> Plan:
    """Return all parts, in the order in which the labs need them."""
    go = golang.toolchain(catalogue)
    made: dict[str, Part] = {"go": go}
    for build in catalogue.builds.values():
        if build.name == "flux":
            made[build.name] = flux_cli.part(build, catalogue, go, made["kubernetes"])
        elif build.name == "prometheus":
            node_, ui, made[build.name] = prometheus.parts(build, catalogue, go)
            made |= {node_.name: node_, ui.name: ui}
        else:
            made[build.name] = golang.build(build, catalogue, go)
    for root in catalogue.rootfs.values():
        made[f"root-{root.name}"] = debian.part(root, catalogue)

    image_parts: dict[str, Part] = {}
    names: dict[str, str] = {}
    own_roots: dict[tuple[str, ...], Part] = {}  # images with the same packages share a root
    for short, image in catalogue.images_of("source").items():
        if image.own:
            packages = tuple(debian.packages_of(images.packages_file(image)))
            root = Rootfs(short, image.stage, "minbase", packages, image.about)
            base = own_roots.setdefault(packages, debian.part(root, catalogue))
            made[base.name] = base
            programs = {
                name: made[build] for build, all_ in image.programs.items() for name in all_
            }
            part = images.of_dockerfile(image, base, base_is_root=True, programs=programs)
            names[short] = images.own_ref(image, part)
        else:
            part = images.of_programs(image, catalogue, made)
            names[short] = f"{image.name}:{image.version}"
        image_parts[short] = part

    in_node = {
        short: image_parts[short]
        for short, image in catalogue.images_of("source").items()
        if image.with_node or image.in_node
    }
    whole = node.node_part(catalogue, in_node, None, made)
    tools = {
        name: golang.tool(tool, made[f"root-{tool.rootfs}" if tool.rootfs else tool.source])
        for name, tool in catalogue.tools.items()
    }
    crds = flux_crds.part(catalogue, go, made["controller-gen"])
    parts = in_order([*made.values(), crds, *tools.values(), *image_parts.values()])
    return Plan(
        made_by="source",
        parts=(*parts, whole),
        tools={name: (part, name) for name, part in tools.items()},
        images={
            names[short]: (part, images.TAR)
            for short, part in image_parts.items()
            if not catalogue.images[short].with_node
        },
        names=names,
        node=whole,
        node_ref=node.node_ref(whole),
        files={flux_crds.FILE: (crds, flux_crds.FILE)},
    )


def in_order(parts: list[Part]) -> list[Part]:
    """Return the parts by stage, each after what it needs."""
    placed: dict[str, Part] = {}

    def place(part: Part) -> None:
        for need in part.needs:
            place(need)
        placed.setdefault(part.key, part)

    for stage in STAGES:
        for part in parts:
            if part.stage == stage:
                place(part)
    return list(placed.values())
