"""Who may ask the console, and what a browser may do with its pages.

The token of the address is asked for once; a cookie stands for it from then on. A Host that is not
this machine's own is refused, so that no name of somebody else's leads here (DNS rebinding), and so
is what another site has a browser send (OWASP's "Cross-Site Request Forgery Prevention": Fetch
Metadata, and Origin where a browser does not send it).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labs.platform.console import TOKEN_HEADER

PREFIX_HEADER = "x-forwarded-context"
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
OPEN = ("/healthz",)
"""Paths that tell nothing of the lab."""
SAFE = ("GET", "HEAD")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
Refuse = Callable[[Request, int, str, str, str], Response]
"""Given a request, a status, and what was found, expected, and is to be done: the page of it."""


class Guard:
    """Lets a request through that may be here, with the headers that every answer has."""

    def __init__(
        self, app: ASGIApp, token: str, cookie: str, hosts: Iterable[str], refuse: Refuse
    ) -> None:
        self._app = app
        self._token = token
        self._cookie = cookie
        self._hosts = frozenset(hosts)
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the app, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        by_proxy = self._is_token(request.headers.get(TOKEN_HEADER, ""))
        if by_proxy and PREFIX.fullmatch(request.headers.get(PREFIX_HEADER, "")):
            # The proxy has taken the prefix off the path; links are to have it again.
            scope["prefix"] = request.headers[PREFIX_HEADER]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                protect(MutableHeaders(scope=message))
            await send(message)

        answer = self._answer(request, by_proxy=by_proxy)
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, request: Request, *, by_proxy: bool) -> Response | None:
        """Return what a request is answered that goes no further, or None."""
        host = request.headers.get("host", "")
        if not by_proxy and host not in self._hosts:
            known = ", ".join(sorted(self._hosts))
            return self._refuse(request, 421, f"the Host {host!r}", f"one of {known}", ADDRESS)
        if _from_elsewhere(request.method, request.headers):
            found = "a request that another site had your browser send"
            return self._refuse(request, 403, found, "one of the console's own pages", ADDRESS)
        if request.url.path in OPEN or by_proxy:
            return None
        if self._is_token(request.cookies.get(self._cookie, "")):
            return self._without_token(request) if "token" in request.query_params else None
        if request.method in SAFE and self._is_token(request.query_params.get("token", "")):
            answer = self._without_token(request)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
            return answer
        found = "a request without this lab's token"
        return self._refuse(request, 401, found, "the address as `make status` shows it", ADDRESS)

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())

    def _without_token(self, request: Request) -> Response:
        """Have the browser ask again without the token, which is not to stay in its history."""
        rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
        where = request.url.path + (f"?{urlencode(rest)}" if rest else "")
        return RedirectResponse(f"/{where.lstrip('/')}", 303)


ADDRESS = "open the console from JupyterLab's launcher, or by the address of `make status`"


def protect(headers: MutableHeaders) -> None:
    """Give an answer the headers that every one has; those that a page set itself stay."""
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-cache")


def _from_elsewhere(method: str, headers: Headers) -> bool:
    """Return whether another site is behind a request; to open a page from there is no harm."""
    said = headers.get("sec-fetch-site")
    if said is not None:
        opens = method in SAFE and headers.get("sec-fetch-mode") == "navigate"
        return said not in ("same-origin", "none") and not opens
    origin = headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc not in (headers.get("host"), headers.get("x-forwarded-host"))
