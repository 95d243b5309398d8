"""Pages as HTML: templates by Jinja, always escaped, with links that know where the console is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from anyio import from_thread
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from labs.console.site import site
from labs.errors import LabError

TEMPLATES = Path(__file__).with_name("templates")
PARTS = ("cluster", "git", "registry", "ci")
"""What the page of an error waits for, unless it is known better: the parts that may be away."""
MOST_BYTES = 16_384
"""What a form may hold: names, a version, a reason."""
NAVIGATION = (
    ("/", "Overview"),
    ("/workloads", "Workloads"),
    ("/history", "History"),
    ("/ci", "CI"),
    ("/metrics", "Metrics"),
    ("/alerts", "Alerts"),
    ("/progress", "Progress"),
    ("/instances", "Instances"),
)


def page(
    request: Request,
    template: str,
    *,
    topics: Iterable[str] = (),
    status: int = 200,
    **context: Any,
) -> Response:
    """Return a page. When one of its `topics` changes, the page is fetched again and put in place.

    Topics are those of the feeds: `cluster`, `git`, `registry`, `ci`, `alerts`, `progress`.
    """
    text = (
        _environment()
        .get_template(template)
        .render(
            url=lambda path, **query: _url(request, path, query),
            path=request.url.path,
            navigation=NAVIGATION,
            lab=site(request).seat.name,
            topics=" ".join(topics),
            number=request.scope.get("hub_number", 0),
            template=template,
            **context,
        )
    )
    return HTMLResponse(text, status)


def refusal(
    request: Request,
    status: int,
    found: str,
    expected: str,
    todo: str,
    topics: Iterable[str] = (),
) -> Response:
    """Return the page of an error: what was found, what was expected, what to do."""
    return page(
        request,
        "error.html",
        topics=topics,
        status=status,
        found=found,
        expected=expected,
        todo=todo,
    )


def trouble(
    request: Request, error: LabError, status: int = 409, topics: Iterable[str] = PARTS
) -> Response:
    """Return the page of one of the lab's errors; it becomes what was asked for once that is there.

    That of a form that was sent stays: asked for again, its address would be another page.
    """
    again = topics if request.method in ("GET", "HEAD") else ()
    return refusal(request, status, error.found, error.expected, error.todo, again)


def redirect(path: str, **query: Any) -> Response:
    """Send a browser to another page of the console.

    JupyterLab's proxy puts its own prefix before such an address, and only before such.
    """
    return RedirectResponse(_address(path, query), 303)


def form(request: Request) -> dict[str, str]:
    """Return the fields of a form that was sent, without the white space around what was typed.

    For handlers that run in a thread, as all do. Raises LabError where it is no form.
    """
    body: bytes = from_thread.run(request.body)
    try:
        if len(body) > MOST_BYTES:
            raise ValueError(f"{len(body)} bytes")
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError as strange:
        raise LabError(
            f"a form that cannot be read: {strange}",
            expected="one of the console's own",
            todo="go back, and load the page again",
        ) from strange
    return {name: value.strip() for name, value in fields}


def _url(request: Request, path: str, query: dict[str, Any]) -> str:
    return f"{request.scope.get('prefix', '')}{_address(path, query)}"


def _address(path: str, query: dict[str, Any]) -> str:
    given = {key: value for key, value in query.items() if value not in (None, "")}
    return quote(path) + (f"?{urlencode(given)}" if given else "")


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["iso"] = _iso
    found.filters["seconds"] = _seconds
    return found


def _iso(moment: datetime | float) -> str:
    """Return a moment, a datetime or Unix seconds, as `<time>` wants it."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _seconds(seconds: float) -> str:
    """Return a duration as it is read: `4.2 s`, `37 s`, `12 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
