"""The instance: created here, by a commit; its agents are installed by one command, and seen."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labs.console import equivalents
from labs.console.rendering import form, page, redirect
from labs.console.site import Asked, Site, asked, site
from labs.gitops import instances as engine

WORDS = {
    "unknown": ("No instance yet", "quiet"),
    "waiting": ("waiting for agents", "act"),
    "installing": ("the agents are starting", "act"),
    "unpointed": ("the agents run, and read nothing yet", "warn"),
    "failing": ("the agents cannot do what Git says", "bad"),
    "connected": ("connected", "good"),
}
"""Each of the engine's words as it is shown, and its mood."""


def instances(request: Request) -> Response:
    """Show the instance, from its name to "connected"."""
    here = site(request)
    state = asked(lambda: engine.state(here.seat))
    proposed = request.query_params.get("name", "").strip() or engine.DEFAULT
    unknown = state.value is not None and state.value.word == "unknown"
    waits = state.value is not None and state.value.word in ("waiting", "unpointed")
    return page(
        request,
        "instances.html",
        topics=("cluster", "git"),
        state=state,
        words=WORDS,
        command=asked(lambda: engine.command_by_address(here.seat)) if waits else None,
        found=asked(lambda: _found(here)),
        proposed=proposed,
        by_lab=equivalents.lab(["instance", "create", proposed]),
        by_git=asked(lambda: _by_git(here, proposed)) if unknown else Asked[str](None),
        made=request.query_params.get("commit", ""),
    )


def create(request: Request) -> Response:
    """Make the instance's folder in the config repo, as a commit."""
    here = site(request)
    commit = engine.create(here.seat, form(request).get("name", ""))
    here.git.hurry()
    return redirect("/instances", commit=commit.short if commit else None)


def _by_git(here: Site, name: str) -> str:
    """Return how git alone makes the commit, or '' where its folder is there. Raises LabError."""
    engine.require_name(name)
    difference = here.repo().propose(lambda draft: engine.wire(draft, name))
    return equivalents.git(engine.message(name), difference) if difference else ""


def _found(here: Site) -> Mapping[str, str]:
    """Return what the cluster is made of, in words, by what it is."""
    nodes, pods = here.cluster.list("v1", "Node"), here.cluster.list("v1", "Pod")
    versions = sorted({str(one["status"]["nodeInfo"]["kubeletVersion"]) for one in nodes})
    spaces = here.cluster.list("v1", "Namespace")
    return {
        "Kubernetes": ", ".join(versions),
        "Nodes": ", ".join(str(one["metadata"]["name"]) for one in nodes),
        "Pods": f"{len(pods)} in {len(spaces)} namespaces",
    }


ROUTES = [
    Route("/instances", instances, methods=["GET"]),
    Route("/instances", create, methods=["POST"]),
]
