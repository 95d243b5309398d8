"""Each of Flux's controllers is killed while it is at work, and Prometheus."""

from __future__ import annotations

import time

import pytest

from labs.gitops import image_automation
from labs.gitops.monitoring import NAMESPACE
from labs.instance import Instance
from labs.platform import flux, kubernetes, objects
from labs.wait import NotYet, wait_for
from tests.cluster import monitored
from tests.cluster.automation import AUTOMATION
from tests.cluster.connected import handled
from tests.faults import judge, killing
from tests.faults.conftest import MakeTrial
from tests.faults.reader import Reader

NOTIFICATION_API = "notification.toolkit.fluxcd.io/v1"
SHORT = "kustomize-controller"
"""The one that `make test` kills as well: it alone has something half done when it ends."""
CONTROLLERS = [
    pytest.param(name, marks=[] if name == SHORT else [pytest.mark.fault])
    for name in (*flux.COMPONENTS, *image_automation.COMPONENTS)
]


ASKED = {
    "source-controller": (flux.SOURCE_API, "GitRepository", flux.SOURCE),
    "image-reflector-controller": (flux.IMAGE_API, "ImageRepository", "hello"),
    "image-automation-controller": (flux.IMAGE_API, "ImageUpdateAutomation", AUTOMATION),
    "notification-controller": (NOTIFICATION_API, "Receiver", image_automation.RECEIVER),
}
"""What a controller is asked to look at when it is killed: before it says that it has."""


@pytest.mark.parametrize("name", CONTROLLERS)
def test_controller_killed_in_a_reconcile(lab: Instance, trial: MakeTrial, name: str) -> None:
    """A commit is on its way when it happens, and comes live all the same."""
    cluster, reader = kubernetes.api(lab), Reader(lab)
    with trial(f"{name} killed in a reconcile") as one:
        commit = reader.commit(f"While {name} is killed")
        with killing.armed(lab, flux.NAMESPACE, f"app={name}") as kill:
            reader.push()
            flux.reconcile(cluster, flux.SOURCE_API, "GitRepository", flux.SOURCE)
            if name == SHORT:
                wait_for(lambda: applying(lab), what="Flux applying it", timeout=60, interval=0.02)
            else:
                flux.reconcile(cluster, *ASKED[name])
            one.begin()
            kill()
            if name != SHORT:
                assert not done(lab, *ASKED[name]), "it was done before it was killed"
    assert flux.fetched(flux.source(cluster)) == commit


def done(lab: Instance, api: str, kind: str, name: str) -> bool:
    """Return whether a controller says that it has done what it was last asked for."""
    found = kubernetes.api(lab).get(api, kind, name, flux.NAMESPACE)
    assert found is not None
    return handled(found)


def applying(lab: Instance) -> None:
    for found in flux.kustomizations(kubernetes.api(lab)):
        if flux.name(found) == "apps":
            status, _ = objects.condition(found, "Reconciling")
            if status == "True":
                return
    raise NotYet("Flux does not apply it yet")


@pytest.mark.fault
def test_prometheus_killed(lab: Instance, trial: MakeTrial) -> None:
    """Its samples are in its write-ahead log; those of the seconds in between are not taken."""
    with trial("Prometheus killed") as one:
        last = monitored.value(lab, "max(timestamp(up))")
        one.begin()
        killing.in_node(lab, NAMESPACE, "app.kubernetes.io/name=prometheus")
        judge.well_again(lab, time.monotonic(), judge.QUICK)

        def scraped() -> float:
            # Of what is a target now: one that has ended meanwhile may have left its last sample,
            # since nobody was there to note its end, and that is found for five minutes.
            targets = monitored.ask(lab, "prometheus", "/api/v1/targets", state="active")
            times = [flux.moment(each["lastScrape"]) for each in targets["data"]["activeTargets"]]
            if not times or min(times) <= last:
                raise NotYet(f"of {len(times)} targets not all were scraped since")
            return min(times)

        newest = wait_for(scraped, what="samples again", timeout=120)
        one.seen.append(f"no samples for {newest - last:.0f} s")
        assert monitored.series(lab, "up", last), "samples of before are gone"
