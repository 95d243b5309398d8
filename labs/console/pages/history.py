"""The audit, from Git alone: who did what, when and why, with the difference, and the way back."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labs.console import books as library
from labs.console import equivalents, rendering
from labs.console.commit_names import full_name
from labs.console.rendering import page
from labs.console.site import asked, site
from labs.console.undoing import undo
from labs.errors import LabError
from labs.gitops.history import Event, chosen

EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The tree without files, as every Git knows it."""
PAGE = 50
FILTERS = ("app", "env", "event", "by")


def history(request: Request) -> Response:
    """Show what happened, newest first, or those events that the query asks for."""
    here = site(request)
    query = request.query_params
    wanted = {name: query.get(name, "").strip() for name in FILTERS}
    try:
        events = library.events(here.repo())
    except LabError as missing:
        return rendering.trouble(request, missing)
    found = asked(lambda: _chosen(events, wanted))
    listed = found.value or []
    most = min(max(_number(query.get("n", "")), PAGE), 2000)
    names = {"app": wanted["app"], "event": wanted["event"], "by": wanted["by"]}
    options = [f"--{name}={value}" for name, value in names.items() if value and name != "app"]
    options += [f"--env={wanted['env']}"] * bool(wanted["env"])
    return page(
        request,
        "history.html",
        topics=("git",),
        git=asked(here.git.value),
        found=found,
        events=listed[:most],
        total=len(listed),
        more=most + PAGE if len(listed) > most else 0,
        wanted=wanted,
        choices={
            "app": ("App", _values(events, "app")),
            "env": ("Environment", _values(events, "environment")),
            "event": ("Event", _values(events, "kind")),
            "by": ("Person", _values(events, "by")),
        },
        command_line=equivalents.lab(
            ["history", *([wanted["app"]] * bool(wanted["app"])), *options]
        ),
    )


def event(request: Request) -> Response:
    """Show what one commit did, with its difference, and how it is undone."""
    here = site(request)
    repo = here.repo()
    try:
        commit = full_name(repo, request.path_params["sha"])
    except LabError as unknown:
        return rendering.trouble(request, unknown, 404)
    events = library.events(repo)
    known = library.books(repo)
    told = [one for one in events if one.commit.sha == commit.sha]
    return page(
        request,
        "event.html",
        topics=("git",),
        commit=commit,
        told=[(one, undo(one, events, known)) for one in told],
        difference=repo.diff(commit.parents[0] if commit.parents else EMPTY, commit.sha),
        command_line=f"git show {commit.short}",
    )


def _chosen(events: tuple[Event, ...], wanted: dict[str, str]) -> list[Event]:
    return chosen(
        events,
        app=wanted["app"],
        environment=wanted["env"],
        event=wanted["event"],
        by=wanted["by"],
    )


def _values(events: tuple[Event, ...], name: str) -> list[str]:
    return sorted({str(getattr(one, name)) for one in events} - {""})


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0


ROUTES = [Route("/history", history), Route("/history/{sha}", event)]
