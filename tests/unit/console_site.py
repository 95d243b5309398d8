"""A console of a lab of which nothing answers, and who asks for its pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labs.console.app import build
from labs.console.seat import Seat
from labs.console.site import Site
from labs.errors import LabError
from labs.instance import PREFERRED_PORTS, write_json
from labs.platform import kubernetes
from tests.unit.asked import Client

TOKEN = "a-token"


def away(part: str) -> LabError:
    return LabError(f"{part} does not answer", expected=f"{part}", todo="run `make up`")


def new_seat(folder: Path) -> Seat:
    """Return a seat with ports, at some of which nobody listens."""
    seat = Seat("demo", folder)
    write_json(seat.root / "ports.json", {**PREFERRED_PORTS, "git": 1, "prometheus": 1})
    return seat


@contextmanager
def nothing_answers(seat: Seat) -> Iterator[Site]:
    """Yield the console; no thread looks."""
    found = Site(seat, TOKEN)
    for feed in (found.git, found.registry, found.ci, found.alerts):
        feed.trouble = away(feed.topic)
        feed.looked.set()
    found.labs.looked.set()
    for watch in found.cluster._watches.values():
        watch.trouble = away("the cluster")
    yield found
    kubernetes.keep(seat, found.cluster)


def who_asks(site: Site) -> Client:
    """Return a client that is let in."""
    client = Client(build(site), f"http://127.0.0.1:{site.seat.port('console')}")
    client.cookies.set(f"console-{site.seat.name}", TOKEN)
    return client
