"""A lab in progress beside the one that is broken: asked all the while whether it answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from labs.errors import LabError
from labs.instance import Instance
from labs.platform import app, ci, docker, engine, flux, git_server, kubernetes, registry
from labs.platform.loopback import fetch
from labs.wait import NotYet

PAUSE = 0.5
SECONDS = 30.0
"""How long an answer may take: the machine is busy, and late is not lost."""


class Neighbour:
    """Asks each part of a lab in turn, in a thread, until told to stop."""

    def __init__(self, lab: Instance) -> None:
        self.lab = lab
        self.silences: list[str] = []
        """What did not answer, and when."""
        self.known = self.identities()
        self._asked = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def identities(self) -> dict[str, tuple[str, str]]:
        """Return which containers there are, and when each was started."""
        found = {}
        for name in docker.containers_of(self.lab):
            words = ("inspect", "--format={{.Id}} {{.State.StartedAt}}", name)
            container, started = engine.docker(*words).split()
            found[name] = (container, started)
        return found

    def stop(self) -> int:
        """Stop asking; return how many rounds there were."""
        self._ended.set()
        self._thread.join()
        return self._asked

    def _ask(self) -> None:
        lab = self.lab
        wanted = {
            f"{git_server.base_url(lab)}/healthy": 200,
            f"http://{registry.address(lab)}/v2/": 401,
            f"{ci.base_url(lab)}/healthy": 200,
            f"http://127.0.0.1:{lab.port('console')}/healthz": 200,
            app.address(lab): 200,
        }
        while not self._ended.wait(PAUSE):
            for url, status in wanted.items():
                try:
                    found = fetch(url, timeout=SECONDS).status
                    said = "" if found == status else f"{url} answered {found}"
                except NotYet as silent:
                    said = str(silent)
                if said:
                    self.silences.append(f"{time.strftime('%T')} {said}")
            try:
                said_by_flux = list(unwell(lab))
            except LabError as away:
                said_by_flux = [away.found]
            self.silences += [f"{time.strftime('%T')} {said}" for said in said_by_flux]
            self._asked += 1


def unwell(lab: Instance) -> Iterator[str]:
    """Yield what Flux says that is not well. Raises LabError where the cluster does not answer."""
    cluster = kubernetes.api(lab)
    source = flux.source(cluster)
    applied = flux.kustomizations(cluster)
    if source is None or not applied:
        yield "Flux follows nothing"
    for each in ([source] if source else []) + applied:
        if said := flux.unwell(each):
            yield f"{each['kind']} {flux.name(each)}: {said}"
