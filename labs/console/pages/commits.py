"""A commit on its way: pushed, fetched, applied, live, with the times as they happen."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labs.console import books as library
from labs.console import rendering
from labs.console.commit_names import full_name
from labs.console.rendering import page
from labs.console.site import asked, site
from labs.errors import LabError


def commit(request: Request) -> Response:
    """Show how far a commit is; whoever looks at the same one looks through the same follower."""
    here = site(request)
    try:
        found = full_name(here.repo(), request.path_params["sha"])
    except LabError as unknown:
        return rendering.trouble(request, unknown, 404)
    way = here.following.commit(found.sha)
    return page(
        request,
        "commit.html",
        topics=(way.topic, "git"),
        commit=found,
        way=way,
        git=asked(here.git.value),
        told=[one for one in library.events(here.repo()) if one.commit.sha == found.sha],
    )


ROUTES = [Route("/commits/{sha}", commit)]
