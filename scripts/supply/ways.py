"""Which way parts are got: LAB_SUPPLY, what is there already, or what a probe of 3 s finds."""

from __future__ import annotations

import os
import sys
import threading
import urllib.error
import urllib.request
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast, get_args

from labs.errors import LabError
from scripts.supply import catalogue as catalogue_
from scripts.supply import pull, source
from scripts.supply.bundle import Bundle, installed
from scripts.supply.cache import Cache
from scripts.supply.mirror import Mirror
from scripts.supply.parts import Plan
from scripts.supply.progress import Board

Way = Literal["pull", "bundle", "source"]
WAYS = get_args(Way)
PROBE_SECONDS = 3.0


@lru_cache(maxsize=1)
def way() -> Way:
    """Return the way of this run; asked once. Raises LabError for an unknown LAB_SUPPLY."""
    forced = os.environ.get("LAB_SUPPLY", "")
    if forced:
        if forced not in WAYS:
            raise LabError(
                f"LAB_SUPPLY={forced!r}",
                expected=f"one of {', '.join(WAYS)}",
                todo="correct or unset LAB_SUPPLY; unset, the lab chooses by itself",
            )
        return cast(Way, forced)
    cache = Cache()
    if bundle_file():
        return "bundle"
    # What is whole in the cache is used, whatever the network does today.
    unpacked = installed(cache.root)
    made: tuple[Way, Way] = ("pull", "source")
    for name in made:
        plan = plan_of(name)
        if all(cache.find(part) for part in plan.finals):
            from_bundle = unpacked is not None and unpacked.recipes == plan.digest
            return "bundle" if from_bundle else name
    # Whoever only looks on (a notebook's kernel, `lab status`) sees the way that is being gone.
    running = Board(cache.root).running()
    for name in made:
        if running & {part.key for part in plan_of(name).parts}:
            return name
    return "pull" if registries_answer() else "source"


@lru_cache(maxsize=3)
def plan_of(chosen: Way) -> Plan:
    """Return the plan of a way. Raises LabError if it is `bundle` and none was unpacked."""
    catalogue = catalogue_.load()
    if chosen == "source":
        return source.plan(catalogue)
    if chosen == "pull":
        return pull.plan(catalogue)
    return from_bundle(Cache().root)


def bundle_file() -> Path | None:
    """Return the bundle that LAB_BUNDLE (or `make up BUNDLE=…`) names, if any."""
    name = os.environ.get("LAB_BUNDLE") or os.environ.get("BUNDLE")
    return Path(name).expanduser().resolve() if name else None


def from_bundle(root: Path) -> Plan:
    """Return the plan by which the bundle's parts were made, after unpacking it if need be."""
    chosen = bundle_file()
    bundle = Bundle.read(chosen) if chosen else installed(root)
    if bundle is None:
        raise LabError(
            "LAB_SUPPLY=bundle, and no bundle is known",
            expected="LAB_BUNDLE with the path of a file that `make bundle` wrote",
            todo="run `make up BUNDLE=file`",
        )
    made = plan_of("pull" if bundle.made_by == "pull" else "source")
    bundle.require(made.digest, catalogue_.host_arch())
    if chosen:
        bundle.unpack(root, lambda line: print(line, file=sys.stderr))
    return Plan(**{**vars(made), "made_by": "bundle"})


def registries_answer() -> bool:
    """Return whether every registry that the list names answers within PROBE_SECONDS."""
    catalogue = catalogue_.load()
    images = [image for image in catalogue.images.values() if not (image.own or image.with_node)]
    return all_answer(sorted({registry_of(image.name) for image in (*images, catalogue.node)}))


def registry_of(name: str) -> str:
    """Return where an image's registry, or its mirror, is asked whether it is there."""
    mirror = Mirror.current().registry
    if mirror:
        return f"http://{mirror.split('/')[0]}/v2/"
    host = name.split("/")[0]
    return f"https://{'registry-1.docker.io' if host == 'docker.io' else host}/v2/"


def all_answer(addresses: list[str]) -> bool:
    """Return whether each address gives any HTTP answer within PROBE_SECONDS, all at once."""
    answered: set[str] = set()

    def ask(address: str) -> None:
        try:
            urllib.request.urlopen(address, timeout=PROBE_SECONDS).close()
        except urllib.error.HTTPError:
            pass  # "log in first" is an answer
        except OSError:
            return
        answered.add(address)

    threads = [threading.Thread(target=ask, args=(a,), daemon=True) for a in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PROBE_SECONDS)
    return bool(addresses) and answered >= set(addresses)
