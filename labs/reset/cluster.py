"""The cluster at the start of a lab: nothing of later labs in it, and Flux where it belongs.

Where Flux is well it is used: what it has applied it takes away itself. Where it is not, it is
taken out whole and installed anew; that needs nothing of what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from labs import replacements
from labs.instance import Instance
from labs.platform import flux, kubernetes, rollout
from labs.platform.api_errors import Gone
from labs.platform.kubernetes import Cluster
from labs.platform.objects import Object
from labs.reset import spaces
from labs.reset.contents import AUTHORITY, ClusterWide, Contents
from labs.reset.kubectl import Kubectl
from labs.reset.starts import Start
from labs.wait import NotYet, TimedOut, wait_for

Say = Callable[[str], None]
PARTS = "app.kubernetes.io/part-of=flux"
"""The label of all that Flux brings for itself."""
PRUNE_SECONDS = 6.0
"""So long Flux may take to take its objects away; then it is done without it."""
DNS_SECONDS = 60
"""So long CoreDNS's pods may take to end; they go on answering for some seconds, and have 30."""
APPS = "apps"
PRODUCTION = "production"
AUTOMATION = ("automation", "image-controllers")
MONITORING = "monitoring"
KINDS = ("kustomizations.kustomize.toolkit.fluxcd.io", "gitrepositories.source.toolkit.fluxcd.io")
KUSTOMIZATIONS = (flux.KUSTOMIZE_API, "Kustomization", flux.NAMESPACE)
RBAC_API = "rbac.authorization.k8s.io/v1"
CRD_API = "apiextensions.k8s.io/v1"

BOT = ("ImageUpdateAutomation", "ImagePolicy", "ImageRepository")
"""What a bot writes by, chooses by and looks at, in the order in which it is to end."""


def namespaces(start: Start) -> set[str]:
    """Return the namespaces that there are at a start, besides the cluster's own."""
    agents = {flux.NAMESPACE, PRODUCTION} if start.agents else set()
    return agents | ({MONITORING} if start.monitoring else set())


def kustomizations(start: Start) -> set[str]:
    """Return the Kustomizations that there are at a start."""
    if not start.agents:
        return set()
    automation = set(AUTOMATION) if start.automation else set()
    return {flux.ROOT, APPS} | automation | ({MONITORING} if start.monitoring else set())


def hold(instance: Instance) -> None:
    """Have nobody in the cluster answer what is about to be written: no bot, no agent."""
    cluster = kubernetes.api(instance)
    # What the bot knows goes with it: of versions that are no longer there, or no longer allowed.
    for kind in BOT:
        for one in cluster.list(flux.IMAGE_API, kind, flux.NAMESPACE):
            cluster.delete(flux.IMAGE_API, kind, flux.name(one), flux.NAMESPACE)
    with suppress(Gone):  # then there is nothing to hold
        flux.suspend(cluster, flux.KUSTOMIZE_API, "Kustomization", flux.ROOT, True)


def clear(instance: Instance, start: Start, well: bool, say: Say) -> None:
    """Take away what the start does not have, and wait for what is in the start's way.

    `well` says that Flux is well, and stays. What else has to end, ends by itself: `gone` waits.
    """
    kubectl = Kubectl(instance)
    cluster = kubectl.api
    app = Contents(cluster, PRODUCTION)
    keep = kept(cluster, start) if well else set()
    going = [name for name in kubectl.namespaces() if name not in keep]
    if well:
        _prune(kubectl, start, keep, going, app)
    else:
        spaces.delete(cluster, going)  # first the agents, which would hold their objects anew
        _take_out(kubectl, start, say)
    ClusterWide(cluster, kustomizations(start) - {APPS} if well else ()).delete()
    for one in cluster.list("v1", "ConfigMap", "default"):
        if flux.name(one) != AUTHORITY:
            cluster.delete("v1", "ConfigMap", flux.name(one), "default")
    cluster.delete(RBAC_API, "ClusterRoleBinding", "typical-deployer")
    if PRODUCTION in keep:
        spaces.wait_until_empty(kubectl, app, PRODUCTION, say)
    spaces.wait_until_gone(kubectl, lambda name: name in namespaces(start) - keep, say)


def gone(instance: Instance, start: Start, say: Say) -> None:
    """Wait until nothing is left, in namespaces or outside, but the start's; what is held goes."""
    kubectl = Kubectl(instance)
    spaces.wait_until_gone(kubectl, lambda name: name not in namespaces(start), say)
    spaces.wait_until_none(kubectl, ClusterWide(kubectl.api, kustomizations(start)), say)


def kept(cluster: Cluster, start: Start) -> set[str]:
    """Return the namespaces that can stay as they are, where Flux is well."""
    keep = {flux.NAMESPACE, *({MONITORING} if start.monitoring else ())}
    if spaces.only_fluxs(cluster.get("v1", "Namespace", PRODUCTION)):
        keep.add(PRODUCTION)
    return keep


def coredns_anew(instance: Instance) -> None:
    """Have CoreDNS's pods be the first again, as lab 01 finds them, and no other beside them."""
    first, later = replacements.coredns(instance)
    if not later:
        return
    selector = ("--selector=k8s-app=kube-dns", "--namespace=kube-system")
    Kubectl(instance)("delete", "replicasets", *selector, "--wait=true")
    old = {one["metadata"]["uid"] for one in (*first, *later)}

    def gone() -> None:
        # One on its way out is listed like any other: whoever deletes it sees nothing come back.
        first, later = replacements.coredns(instance)
        left = [one for one in (*first, *later) if one["metadata"]["uid"] in old]
        if left or not (first or later):
            raise NotYet(f"{replacements.names(left)} is on its way out" if left else "none yet")

    wait_for(gone, what="CoreDNS has pods anew", timeout=DNS_SECONDS, interval=0.5)


def runs(instance: Instance) -> str:
    """Return the version that production runs, rolled out; '' where there is no app. NotYet."""
    cluster = kubernetes.api(instance)
    found = cluster.get("apps/v1", "Deployment", "hello", PRODUCTION)
    if found is None:
        return ""
    state = rollout.progress(found)
    if state:
        raise NotYet(state)
    image = str(found["spec"]["template"]["spec"]["containers"][0]["image"])
    return image.rpartition(":")[2]


def well(cluster: Cluster) -> bool:
    """Return whether both agents run, have all that they need to go on, and see to what is theirs.

    A reset that was cut off may have left agents of Kustomizations that are not there yet.
    """
    for name in KINDS:
        if not spaces.stays(cluster.get(CRD_API, "CustomResourceDefinition", name)):
            return False
    if not spaces.stays(cluster.get("v1", "Namespace", flux.NAMESPACE)):
        return False
    binding = f"cluster-reconciler-{flux.NAMESPACE}"
    if cluster.get(RBAC_API, "ClusterRoleBinding", binding) is None:
        return False
    if not all(state == "running" for state in flux.agents(cluster).values()):
        return False
    known = {flux.name(one) for one in cluster.list(*KUSTOMIZATIONS)}
    agents = cluster.list("apps/v1", "Deployment", flux.NAMESPACE)
    return {flux.owner(one) for one in agents} - {""} <= known


def _prune(
    kubectl: Kubectl, start: Start, staying: set[str], going: list[str], app: Contents
) -> None:
    """Have Flux take away what its objects have applied: of the app, and of later labs.

    Where the app's namespace is kept, Flux lets it go as it is, and it is emptied here: a namespace
    takes the cluster more than five seconds to end, and its objects take none.
    """
    cluster = kubectl.api
    keep = kustomizations(start) - {APPS}
    found = {flux.name(one): one for one in cluster.list(*KUSTOMIZATIONS)}
    there = found.keys() - keep
    # The controllers of image automation go last: its objects are theirs.
    last = there & {AUTOMATION[1]}
    for name in sorted(there - last):
        drop(cluster, found[name], orphan=name == APPS and PRODUCTION in staying)
    spaces.delete(cluster, going)
    _wait_or_unhold(kubectl, there - last)
    for name in last:
        drop(cluster, found[name], orphan=False)
    if PRODUCTION in staying:
        app.delete()
    _wait_or_unhold(kubectl, last)
    for one in cluster.list(flux.SOURCE_API, "GitRepository", flux.NAMESPACE):
        if flux.name(one) not in (flux.SOURCE, "config-writer"):
            cluster.delete(flux.SOURCE_API, "GitRepository", flux.name(one), flux.NAMESPACE)
    if not start.automation:
        for name in ("flux-writer", "webhook-token"):
            cluster.delete("v1", "Secret", name, flux.NAMESPACE)


def drop(cluster: Cluster, kustomization: Object, *, orphan: bool) -> None:
    """Ask for the end of a Kustomization, with all that it has applied or without.

    One that is suspended takes nothing away. Flux is asked to look only once the end is written
    down: woken before, it would begin to apply, and would hold on to that while all of it goes.
    """
    which = (flux.KUSTOMIZE_API, "Kustomization", flux.name(kustomization))
    if flux.suspended(kustomization) != orphan:
        flux.suspend(cluster, *which, orphan)
    cluster.delete(*which, flux.NAMESPACE)
    if not orphan:
        with suppress(Gone):  # it was that fast
            flux.reconcile(cluster, *which)


def _wait_or_unhold(kubectl: Kubectl, names: set[str]) -> None:
    """Wait until Kustomizations are gone; those that are not are let go by force."""

    def left() -> list[Object]:
        return [one for one in kubectl.api.list(*KUSTOMIZATIONS) if flux.name(one) in names]

    def gone() -> None:
        if there := left():
            raise NotYet(", ".join(flux.name(one) for one in there))

    try:
        wait_for(gone, what="objects pruned", timeout=PRUNE_SECONDS, interval=0.2)
    except TimedOut:
        for one in left():
            kubectl.unhold(one)


def _take_out(kubectl: Kubectl, start: Start, say: Say) -> None:
    """Take Flux out of the cluster whole, whatever state it is in, without its help."""
    crds = kubectl("get", "crd", f"--selector={PARTS}", "--output=name").split()
    if crds and start.agents:
        say("Flux is not whole: it is taken out, and installed anew")
    kinds = [crd.partition("/")[2] for crd in crds]
    for one in kubectl.objects_of(kinds, "--all-namespaces"):
        if one["metadata"].get("finalizers"):
            kubectl.unhold(one)
    whole = "crd,clusterrole,clusterrolebinding"
    kubectl("delete", whole, f"--selector={PARTS}", "--ignore-not-found", "--wait=false")
