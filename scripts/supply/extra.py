"""Images that only some want, such as Grafana's: pulled when they are asked for, in every way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from labs.errors import LabError
from scripts.supply import catalogue, engine, images, pull, ways
from scripts.supply.cache import Cache
from scripts.supply.maker import Maker


def ensure(name: str, say: Callable[[str], None] = print) -> str:
    """Have an image in the engine; return its reference. Raises LabError where it is not to be had.

    One that somebody has loaded into the engine under its name is taken where no registry answers.
    """
    listed = catalogue.load()
    image = listed.extras[name]
    ref = f"{image.name}:{image.version}"
    plan, cache = ways.plan_of(ways.way()), Cache()
    crane, _ = plan.tools["crane"]
    part = pull.image_part(image, listed.arch, crane)
    if engine.present(ref, part.key, cache.root):
        return ref
    if cache.find(part) is None:
        host = ways.registry_of(image.name)
        if not ways.all_answer([host]):
            if engine.known(ref):
                say(f"{host} does not answer: {ref} is taken as it is in the Docker engine")
                return ref
            raise away(ref, host)
        wider = replace(plan, parts=(*plan.parts, part), made_by="pull")
        Maker(wider, cache, say).get([part])
    folder = cache.find(part)
    assert folder is not None
    engine.load(ref, part.key, folder / images.TAR, cache.root)
    return ref


def away(ref: str, host: str) -> LabError:
    """Return what to do where an image is not to be had."""
    short = ref.removeprefix("docker.io/")
    return LabError(
        f"{host} does not answer within {ways.PROBE_SECONDS:g} s, and {ref} is not in the engine",
        expected="a registry that has this image, or the image itself",
        todo=f"where there is a network: `docker pull {short} && docker save -o image.tar {short}`;"
        " here: `docker load -i image.tar`, then this again. A registry of your own that has it:"
        " LAB_MIRROR=registry=HOST:PORT",
    )
