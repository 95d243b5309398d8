"""What a page complains about: a test of it fails then, whatever else it found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request

HARMLESS = (
    # jupyterlab-git is built for several JupyterLabs, and takes this one's own ydoc.
    re.compile(r"^Unsatisfied version .* of shared singleton module @jupyter/ydoc"),
    # A screenshot of a terminal on a machine without a graphics card.
    re.compile(r"GL Driver Message .* GPU stall due to ReadPixels"),
    # A busy machine: nothing is wrong, it takes its time.
    re.compile(r"^Plugin \S+ (is taking too long|\(with \d+ dependants\) took \S+) to activate"),
    re.compile(r"^task queue exceeded allotted deadline by \d+ms"),
    # A container came or went on the machine, and a network interface with it: the page asks again.
    re.compile(r"net::ERR_NETWORK_CHANGED"),
)


def listen(page: Page, harmless: Iterable[re.Pattern[str]] = ()) -> list[str]:
    """Return the list to which a page's complaints are added: errors, warnings, strange requests.

    `harmless` are those that belong to what the test does.
    """
    complaints: list[str] = []
    known = (*HARMLESS, *harmless)

    def heard(message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if not any(pattern.search(message.text) for pattern in known):
            complaints.append(f"console {message.type}: {message.text}")

    def asked(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme.startswith("http") and parts.hostname != "127.0.0.1":
            complaints.append(f"asks the network: {request.url}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.context.on("request", asked)
    return complaints
