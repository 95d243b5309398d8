"""Makes images: those of static Go programs by hand, our own ones from their Dockerfiles."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from labs.errors import LabError
from scripts.supply import archive, debian, engine
from scripts.supply.archive import Config, Content
from scripts.supply.catalogue import PROJECT, Catalogue, Image
from scripts.supply.parts import Part, Workshop, tree_digest

TAR = "image.tar"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
NOT_IN_IMAGES = (".github", "tests")
"""Folders beside a Dockerfile that no image takes: a change in them makes no new image."""
ACCOUNTS = {
    "etc/passwd": b"root:x:0:0:root:/root:/sbin/nologin\n"
    b"nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n",
    "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
}


def of_programs(image: Image, catalogue: Catalogue, made: dict[str, Part]) -> Part:
    """Return the part with an image that is put together from programs and single files."""
    static = made["root-static"]
    root = made[f"root-{image.rootfs}"] if image.rootfs else None
    ref = f"{image.name}:{image.version}"

    def make(bench: Workshop) -> None:
        bench.say(f"write {ref}")
        contents = [Content("tmp", mode=0o1777, folder=True)]
        if root is None:
            contents += [Content(name, text) for name, text in ACCOUNTS.items()]
        contents.append(Content(CERTIFICATES, bench.of(static) / debian.CERTIFICATES))
        for build, programs in image.programs.items():
            folder = bench.of(made[build])
            contents += [
                Content(f"usr/local/bin/{name}", folder / name, 0o755) for name in programs
            ]
        for number, (target, name) in enumerate(image.rootfs_files.items()):
            file = bench.folder / f".file{number}"
            debian.file_from(bench.of(static) / debian.TAR, name, file)
            contents.append(Content(target, file, 0o755))
        contents += [Content(f"bin/{applet}", link="busybox") for applet in image.busybox]
        contents += [
            Content(target, PROJECT / name) for target, name in image.project_files.items()
        ]
        labels = {
            "org.opencontainers.image.title": image.short,
            "org.opencontainers.image.version": image.version,
            engine.LABEL: part.key,
        }
        archive.write(
            bench.folder / TAR,
            ref,
            contents,
            Config(catalogue.arch, image.entrypoint, image.command, image.user, labels),
            base=None if root is None else bench.of(root) / debian.TAR,
        )
        for left in bench.folder.glob(".file*"):
            left.unlink()

    builds = [made[name] for name in image.programs]
    part = Part(
        name=f"image-{image.short}",
        stage=image.stage,
        does=f"put together the image {image.short}",
        recipe={
            "image": image.recipe,
            "files": [(PROJECT / name).read_text() for name in image.project_files.values()],
            "arch": catalogue.arch,
        },
        make=make,
        needs=(*builds, static, *([root] if root else [])),
        about=image.about,
    )
    return part


def of_dockerfile(
    image: Image, base: Part, base_is_root: bool, programs: Mapping[str, Part] | None = None
) -> Part:
    """Return the part with an own image, built from its Dockerfile on `base`.

    `base` is a Debian root that has the packages already (then the build has no network), or the
    docker-archive of Debian's published slim image. What the image has from elsewhere is put
    beside the Dockerfile: the project's files by their names, `programs` (by the part that holds
    each) below `programs/`.
    """
    content = content_digest(image)
    programs = programs or {}

    def make(bench: Workshop) -> None:
        if base_is_root:
            base_ref = f"gitops-hackfest/base-{image.short}:{base.digest[:12]}"
            bench.say(f"import {base_ref}")
            bench.run("docker", "import", bench.of(base) / debian.TAR, base_ref)
        else:
            base_ref = archive.tag_of(bench.of(base) / TAR)
            bench.run("docker", "load", "--input", bench.of(base) / TAR)
        ref = own_ref(image, part)
        bench.say(f"docker build {ref}")
        arguments = {
            "BASE": base_ref,
            "VERSION": image.version or part.digest[:12],
            "REVISION": content[:12],
            "CREATED": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        options = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        options.append(f"--label={engine.LABEL}={part.key}")
        options.append(f"--label=org.opencontainers.image.version={arguments['VERSION']}")
        if base_is_root:
            options.append("--network=none")
        context = bench.folder / ".context"
        copy_content(image, context)
        for name, held_by in programs.items():
            (context / "programs").mkdir(exist_ok=True)
            shutil.copy(bench.of(held_by) / name, context / "programs")
        bench.run("docker", "build", *options, f"--tag={ref}", context)
        shutil.rmtree(context)
        if content_digest(image) != content:
            raise LabError(
                f"{image.own} was changed while the image was built from it",
                expected="the files that the image's name stands for",
                todo="run the command again",
            )
        bench.say(f"save {ref}")
        bench.run("docker", "save", "--output", bench.folder / TAR, ref)
        bench.run("docker", "image", "rm", base_ref)  # its layers stay, as this image's
        if not image.version:
            engine.drop_older(image.name)

    part = Part(
        name=f"image-{image.short}",
        stage=image.stage,
        does=f"build the image {image.short}",
        recipe={
            "image": image.recipe,
            "folder": content,
            "hermetic": base_is_root,
        },
        make=make,
        needs=(base, *programs.values()),
        about=10,
    )
    return part


def content_digest(image: Image) -> str:
    """Return the hex digest of what an own image is built from, tests left out."""
    folder = tree_digest(PROJECT / image.own, skip=NOT_IN_IMAGES)
    beside = _beside(image)
    if not beside:
        return folder
    total = hashlib.sha256(folder.encode())
    for name, path in beside.items():
        content = tree_digest(path) if path.is_dir() else path.read_text()
        total.update(f"{name} {content}\n".encode())
    return total.hexdigest()


def copy_content(image: Image, target: Path) -> None:
    """Put what an own image is built from into one folder: its own, and what it has beside it."""
    ignored = shutil.ignore_patterns("__pycache__", *NOT_IN_IMAGES)
    shutil.copytree(PROJECT / image.own, target, ignore=ignored)
    for name, path in _beside(image).items():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, copy, ignore=ignored)
        else:
            shutil.copy2(path, copy)


def _beside(image: Image) -> dict[str, Path]:
    """What an own image takes from elsewhere in the project, by its name beside the Dockerfile."""
    return {name: PROJECT / name for name in image.include} | {
        name: PROJECT / path for name, path in image.project_files.items()
    }


def own_ref(image: Image, part: Part) -> str:
    """Return an own image's name: without a version of its own, the recipe's digest is its tag."""
    return f"{image.name}:{image.version or part.digest[:12]}"


def packages_file(image: Image) -> Path:
    """Return the list of Debian packages that an own image's Dockerfile finds beside it."""
    elsewhere = image.project_files.get("packages")
    return PROJECT / (elsewhere or f"{image.own}/packages")
