"""The console in a browser: fixtures of a page that is logged in, and what every page must be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, ViewportSize

from labs.instance import Instance
from labs.platform import console as server
from labs.wait import NotYet, wait_for
from tests.browser.complaints import listen
from tests.cluster.connected import connect
from tests.conftest import OUTPUT

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIZES: tuple[tuple[int, int], ...] = ((1280, 800), (1024, 768), (360, 740))
JUDGED = (SIZES[0][0], SIZES[-1][0])
"""The widths at which axe looks and pictures are kept: a page has two layouts, one for each."""
PAINT_MILLISECONDS = 180_000
"""For a picture of a whole page: on a busy processor the usual 30 s were not enough."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
REFUSED = (re.compile(r"the server responded with a status of 40[49] "),)
"""A browser says so of a page that refuses or is not there, which some tests are about."""


@pytest.fixture(scope="session")
def connected(instance: Instance) -> None:
    """A lab whose agents are installed: without them there is little to see."""
    connect(instance)


class Visitor(Protocol):
    """Opens the console as one more person, with a browser of their own."""

    def __call__(
        self, *, script: bool = True, harmless: tuple[re.Pattern[str], ...] = ()
    ) -> Page: ...


@pytest.fixture(scope="session")
def console_address(instance: Instance) -> str:
    """The lab's console as `make status` shows it, token included."""
    return server.ensure(instance)


@pytest.fixture
def visitor(chromium: Browser, console_address: str) -> Iterator[Visitor]:
    """People who come with a browser each; none of their pages may end with a complaint."""
    came: list[tuple[Page, list[str]]] = []

    def come(*, script: bool = True, harmless: tuple[re.Pattern[str], ...] = ()) -> Page:
        base = console_address.partition("?")[0]
        context = chromium.new_context(
            base_url=base,
            viewport=ViewportSize(width=1280, height=800),
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        page = context.new_page()
        came.append((page, listen(page, (*REFUSED, *harmless))))
        page.goto(console_address)
        return page

    yield come
    for page, _ in came:
        page.context.close()
    complaints = [text for _, heard in came for text in heard]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def console(visitor: Visitor) -> Page:
    """A page at the console, logged in, which must end without a complaint."""
    return visitor()


def holds(page: Page, script: str, what: str) -> None:
    """Wait until a script is true. Not by the page's own eval, which its policy forbids."""

    def asked() -> None:
        if not page.evaluate(script):
            raise NotYet("not yet")

    wait_for(asked, what=what, timeout=60, interval=0.1)


def axe(page: Page, **options: Any) -> list[str]:
    """Return what axe finds against a page: the rule, and where; `options` are axe's own."""
    found: list[dict[str, Any]] = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']]}" for one in found
    ]


def shot(page: Page, name: str) -> None:
    """Keep a picture of the whole page."""
    folder = OUTPUT / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"console-{name}.png", full_page=True, timeout=PAINT_MILLISECONDS)


def looks_well(page: Page, name: str, ready: Callable[[], None] = lambda: None) -> None:
    """Assert that the page is accessible and fits, light and dark, from telephone to laptop."""
    before = page.viewport_size
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for width, height in SIZES:
            page.set_viewport_size(ViewportSize(width=width, height=height))
            ready()
            assert page.evaluate(OVERFLOW) == 0, f"{name} is wider than {width} pixels"
            if width in JUDGED:
                shot(page, f"{name}-{width}-{scheme}")
                assert axe(page) == [], f"{name}, {scheme}, {width} pixels wide"
    page.emulate_media(color_scheme=None)
    if before is not None:
        page.set_viewport_size(before)
