"""A pod's log as it comes, and a workload's metrics as pictures."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from labs.console import books as library
from labs.console import rendering
from labs.console.metrics_picture import MINUTES, SHOWN, Picture, Pictures, in_words
from labs.console.rendering import page
from labs.console.running import running
from labs.console.site import asked, site
from labs.errors import LabError
from labs.gitops.names import require
from labs.gitops.workloads import Place

LINES = 1000
"""Lines of a log that are shown, the last ones."""
ENDED = "it may have ended: a new version brings new pods; the workload's page lists them"
IMAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""A drawing has its styles in itself; it may do nothing else."""


def pod(request: Request) -> Response:
    """Show the end of a pod's log, and go on as it grows.

    While the API server is away, what was seen of the log is shown, and that no more is known.
    """
    here = site(request)
    place = _place(request)
    name = request.path_params["pod"]
    known = library.books(here.repo())
    try:
        known.find(place.app, place.environment)
        namespace = known.namespaces[place.environment]
        runs = asked(lambda: running(here.cluster, namespace, place.app))
        if runs.value is not None:
            require(f"pod of {place}", name, [one.name for one in runs.value.pods], ENDED)
    except LabError as gone:
        return rendering.trouble(request, gone, 404)
    pods = runs.value.pods if runs.value is not None else ()
    follower = here.following.pod(name, namespace)
    lines = (follower.seen or "").splitlines()
    return page(
        request,
        "pod.html",
        topics=(follower.topic, "cluster"),
        place=place,
        namespace=namespace,
        name=name,
        pod=next((one for one in pods if one.name == name), None),
        away=runs.trouble,
        told=follower.seen is not None,
        lines=lines[-LINES:],
        left_out=max(0, len(lines) - LINES),
        silent=follower.trouble,
    )


def metrics_svg(request: Request) -> Response:
    """Serve a workload's picture: `?what=requests&minutes=15`."""
    draw = _picture(request)
    headers = {"Content-Security-Policy": IMAGE_POLICY}
    try:
        drawn = draw().svg
    except LabError as away:  # a picture that a browser cannot show would say nothing
        drawn = in_words(away)
        headers["Cache-Control"] = "no-store"
    return Response(drawn, media_type="image/svg+xml", headers=headers)


def metrics_text(request: Request) -> Response:
    """Tell the same in words."""
    return PlainTextResponse(_picture(request)().words + "\n")


def _picture(request: Request) -> Callable[[], Picture]:
    """Return what draws the picture that is asked for. Raises LabError for one that is not."""
    here = site(request)
    place = _place(request)
    what = request.query_params.get("what", next(iter(SHOWN)))
    require("picture", what, SHOWN, "choose one of them")
    minutes = request.query_params.get("minutes", "15")
    require("span in minutes", minutes, map(str, MINUTES), "choose one of them")
    known = library.books(here.repo())
    known.find(place.app, place.environment)
    namespace = known.namespaces[place.environment]
    return lambda: here.kept(Pictures).get(place, namespace, what, int(minutes))


def _place(request: Request) -> Place:
    return Place(request.path_params["app"], request.path_params["env"])


ROUTES = [
    Route("/workloads/{env}/{app}/pods/{pod}", pod),
    Route("/workloads/{env}/{app}/metrics.svg", metrics_svg),
    Route("/workloads/{env}/{app}/metrics.txt", metrics_text),
]
