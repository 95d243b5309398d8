"""Sync now: Flux is asked to look at once. One of the few buttons that make no commit."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labs.console import equivalents, rendering
from labs.console.rendering import redirect
from labs.console.site import asked, site
from labs.errors import LabError
from labs.platform import flux
from labs.platform.kubernetes import Cluster


def sync(request: Request) -> Response:
    """Ask the source and each Kustomization to look now, then go back to the page `back`."""
    here = site(request)
    back = rendering.form(request).get("back", "/")
    found = looking(here.cluster)
    source = flux.source(here.cluster)
    if source is None:
        raise LabError(
            "no agent in the cluster reads the config repo",
            expected=f"a GitRepository {flux.SOURCE!r} in {flux.NAMESPACE}",
            todo="lab 02 installs the agents; the page Instances has the command",
        )
    flux.reconcile(here.cluster, flux.SOURCE_API, "GitRepository", flux.SOURCE)
    for name in found:
        flux.reconcile(here.cluster, flux.KUSTOMIZE_API, "Kustomization", name)
    # A page of the console's own, and no other place.
    return redirect(back if back.startswith("/") and not back.startswith("//") else "/")


def looking(cluster: Cluster) -> list[str]:
    """Return the names of the Kustomizations that are asked to look: none that is suspended."""
    return [flux.name(one) for one in flux.kustomizations(cluster) if not flux.suspended(one)]


def command(cluster: Cluster) -> str:
    """Return the commands that do the same, as far as it is known which Kustomizations there are.

    Where it is not, it is what to ask for once the cluster answers.
    """
    return equivalents.sync(asked(lambda: looking(cluster)).value or [flux.ROOT])


ROUTES = [Route("/sync", sync, methods=["POST"])]
