"""The workloads: a table of all, and one page for each, with everything that can be done to it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labs.console import books as library
from labs.console import metrics_picture, rendering
from labs.console.books import Books
from labs.console.doing import SHA, VERBS, Ask, Moved, Proposal, do
from labs.console.following import Follower, Way
from labs.console.pages import sync
from labs.console.rendering import page, redirect
from labs.console.running import Running, running
from labs.console.site import Asked, Site, asked, site
from labs.console.versions import versions
from labs.errors import LabError
from labs.gitops import images
from labs.gitops.clone import UPSTREAM
from labs.gitops.workloads import Found, Place
from labs.platform import flux, objects

LATELY = 5
TOPICS = ("cluster", "git", "registry", "ci", "metrics")


def workloads(request: Request) -> Response:
    """Show each workload of each environment: what Git names, what runs, who holds it."""
    here = site(request)
    known = asked(lambda: library.books(here.repo()))
    rows = _rows(here, known.value) if known.value else []
    return page(
        request,
        "workloads.html",
        topics=("cluster", "git"),
        known=known,
        rows=rows,
        git=asked(here.git.value),
    )


def workload(request: Request) -> Response:
    """Show one workload; `?do=` opens what can be done, `?commit=` shows what was done."""
    return _page(request)


def act(request: Request) -> Response:
    """Do what a form asks for: one commit, or, if it cannot be, the page that says why."""
    here = site(request)
    given = rendering.form(request)
    ask = Ask.of(request.path_params["verb"], _place(request), given)
    try:
        written = do(here.desk(), ask, given.get("base", ""))
    except LabError as refused:
        here.git.hurry()
        return _page(request, ask, refused)
    asked(here.repo().fetch)  # pages read what was fetched; it is pushed, whatever comes of this
    here.git.hurry()
    sha = written.commit.sha
    here.following.commit(sha)
    return redirect(_path(ask.place), commit=sha)


def acted(request: Request) -> Response:
    """Send whoever asks again for the page of a refusal, as a live page does, to the workload's."""
    place = _place(request)
    return redirect(_path(place), do=request.url.path.rpartition("/")[2])


def _page(request: Request, ask: Ask | None = None, refused: LabError | None = None) -> Response:
    here = site(request)
    place = _place(request)
    try:
        known = library.books(here.repo())
        found = known.find(place.app, place.environment)
    except LabError as missing:
        return rendering.trouble(request, missing, 404)
    if isinstance(refused, Moved):  # the feed has not seen it yet, and the page is to be true
        known = library.books(here.repo())
        found = known.find(place.app, place.environment)
    if ask is None and (verb := request.query_params.get("do", "")):
        ask = Ask.of(verb, place, request.query_params)
    way = _way(here, request.query_params.get("commit", ""))
    registry, ci = asked(here.registry.value), asked(here.ci.value)
    runs = asked(lambda: _running(here, known, found))
    history = [
        one
        for one in library.events(here.repo())
        if (one.app, one.environment) == (place.app, place.environment)
    ]
    proposal = _proposal(here, ask, found) if ask and ask.complete else Asked[Proposal](None)
    listed = versions(found, known, here.registry.seen, here.ci.seen)
    return page(
        request,
        "workload.html",
        status=409 if refused else 200,
        topics=(*TOPICS, *([way.topic] if way else [])),
        found=found,
        place=place,
        own=_path(place),
        sha=known.sha,
        git=asked(here.git.value),
        runs=runs,
        automation=asked(lambda: _automation(here, found)),
        chosen=images.choice(found.automation, [one.image.tag for one in listed]),
        registry=registry,
        ci=ci,
        versions=listed,
        history=history[:LATELY],
        last=next((one for one in history if one.version), None),
        verbs=_possible(found),
        sync_command=sync.command(here.cluster),
        ask=ask,
        proposal=proposal,
        refused=refused,
        way=way,
        picture=metrics_picture.there(here.cluster),
        pictures=here.kept(metrics_picture.Pictures),
        bucket=metrics_picture.bucket(),
    )


def _rows(here: Site, known: Books) -> list[tuple[Found, Asked[Running]]]:
    def runs(one: Found) -> Asked[Running]:
        return asked(lambda: _running(here, known, one))

    return [(one, runs(one)) for one in known.workloads.values()]


def _place(request: Request) -> Place:
    return Place(request.path_params["app"], request.path_params["env"])


def _path(place: Place) -> str:
    return f"/workloads/{place.environment}/{place.app}"


def _running(here: Site, known: Books, found: Found) -> Running:
    place = found.place
    return running(here.cluster, known.namespaces[place.environment], place.app)


def _way(here: Site, sha: str) -> Follower[Way] | None:
    if not SHA.fullmatch(sha) or not here.repo().knows(sha):
        return None
    return here.following.commit(sha)


def _proposal(here: Site, ask: Ask, found: Found) -> Asked[Proposal]:
    # Of the registry, what matters is which versions it has.
    tags = tuple(one.tag for image in here.registry.seen.values() for one in image)
    newest = here.repo().commit(UPSTREAM).sha
    return asked(lambda: here.proposals.get(ask, (newest, tags)))


def _automation(here: Site, found: Found) -> Mapping[str, str]:
    """Return what the cluster says of the policy and the bot: chosen version, and any trouble."""
    name = found.place.name
    policy = here.cluster.get(flux.IMAGE_API, "ImagePolicy", name, flux.NAMESPACE)
    bot = here.cluster.get(flux.IMAGE_API, "ImageUpdateAutomation", name, flux.NAMESPACE)
    latest = ((policy or {}).get("status") or {}).get("latestRef") or {}
    trouble = [
        told
        for each in (policy, bot)
        for status, told in [objects.condition(each, "Ready")]
        if status == "False"
    ]
    return {"chosen": str(latest.get("tag", "")), "trouble": "; ".join(trouble)}


def _possible(found: Found) -> list[tuple[str, str]]:
    """Return the verbs that make sense for a workload as it is, with their titles."""
    bot, locked = found.automation, found.workload.locked
    wanted = {
        "release": True,
        "rollback": True,
        "lock": not locked,
        "unlock": locked,
        "automate": not bot.active,
        "deautomate": bot.active,
        "policy": bot.there,
    }
    return [(verb, VERBS[verb].title) for verb, sense in wanted.items() if sense]


ROUTES = [
    Route("/workloads", workloads),
    Route("/workloads/{env}/{app}", workload),
    Route("/workloads/{env}/{app}/{verb}", act, methods=["POST"]),
    *(Route(f"/workloads/{{env}}/{{app}}/{verb}", acted, name=verb) for verb in VERBS),
]
