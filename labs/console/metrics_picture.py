"""A workload's requests, errors and latency as one picture with its deploys, drawn once for all.

It is served as an image of its own: inside a page, the styles of its drawing would be refused.
"""

from __future__ import annotations

import html
import textwrap
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from labs.console import books as library
from labs.console.brief import Brief
from labs.console.site import Site
from labs.errors import LabError
from labs.gitops.monitoring import NAMESPACE
from labs.gitops.workloads import Place
from labs.metrics.deploys import among
from labs.platform import prometheus
from labs.platform.kubernetes import Cluster

SECONDS = 10
"""So often a picture is drawn anew, however many look."""
LATELY_SECONDS = 3 * SECONDS
"""How long a page tells of a silence: pictures that nobody looks at are not asked for again."""
PATIENCE_SECONDS = 3
"""How long Prometheus may work on a picture: its rules have reckoned what is drawn."""
MARKED = 8
"""Deploys that are marked, the newest: more of them would hide the lines."""
MINUTES = (5, 15, 60)
SHOWN = {
    "requests": ("Requests a second", "app:http_requests:rate1m"),
    "errors": ("Share of requests that fail", "app:http_errors:ratio_rate1m"),
    "latency": (
        "Seconds that 95 % of requests stay below",
        "app:http_request_duration_seconds:p95_1m",
    ),
}
"""What is drawn: the rules of monitoring/rules/app.yml."""


@dataclass(frozen=True)
class Picture:
    """A drawing (SVG), and what it shows in words."""

    svg: str
    words: str


def there(cluster: Cluster) -> bool:
    """Return whether the lab is watched by Prometheus, as far as is known."""
    try:
        return cluster.get("apps/v1", "Deployment", "prometheus", NAMESPACE) is not None
    except LabError:
        return True  # the picture's own place says what is the matter


def bucket() -> int:
    """Return a number that is another when the picture is to be fetched again."""
    return int(time.time() // SECONDS)


class Pictures:
    """The pictures of this moment; each is drawn by whoever asks first.

    A Prometheus that does not answer is not asked by every picture: for SECONDS, all of them say
    what the first was told.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._drawn: Brief[Picture] = Brief()
        self._drawing = threading.Lock()
        self._failed = 0.0
        self._trouble: LabError | None = None

    @property
    def trouble(self) -> LabError | None:
        """Why Prometheus does not answer, as it was found out lately."""
        return self._trouble if time.monotonic() - self._failed < LATELY_SECONDS else None

    def get(self, place: Place, namespace: str, what: str, minutes: int) -> Picture:
        """Return a picture no older than SECONDS. Raises LabError."""
        key = (place, namespace, what, minutes, bucket())
        return self._drawn.get(key, lambda: self._draw(place, namespace, what, minutes))

    def _draw(self, place: Place, namespace: str, what: str, minutes: int) -> Picture:
        now = datetime.now().astimezone()
        series = self._asked(place, namespace, what, now - timedelta(minutes=minutes), now)
        with self._drawing:  # one at a time: drawing is work, and others are to be answered
            return _draw(self._site, place, what, minutes, now, series)

    def _asked(
        self, place: Place, namespace: str, what: str, start: datetime, end: datetime
    ) -> prometheus.Matrix:
        if self._trouble is not None and time.monotonic() - self._failed < SECONDS:
            raise self._trouble
        query = f'{SHOWN[what][1]}{{namespace="{namespace}",app="{place.app}"}}'
        step = _step(end - start)
        try:
            found = prometheus.query_range(
                self._site.seat, query, start, end, step, PATIENCE_SECONDS
            )
        except LabError as silent:
            self._failed, self._trouble = time.monotonic(), silent
            raise
        self._trouble = None
        return found


def in_words(trouble: LabError) -> str:
    """Return a drawing (SVG) that says why there is no picture, in the picture's own place."""
    told = textwrap.wrap(trouble.found, 68)[:4] + textwrap.wrap(f"To do: {trouble.todo}", 68)[:4]
    lines = "".join(
        f'<text x="16" y="{66 + 19 * number}">{html.escape(line)}</text>'
        for number, line in enumerate(told)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="520" height="230" viewBox="0 0 520 230" '
        'role="img" font-family="sans-serif" font-size="13" fill="#3f3f46">'
        '<rect width="520" height="230" fill="#ffffff"/>'
        '<text x="16" y="36" font-size="15" font-weight="bold">No picture at the moment</text>'
        f"{lines}</svg>"
    )


def _step(span: timedelta) -> float:
    from labs.metrics.asked import default_step  # pandas: only who looks needs it

    return default_step(span.total_seconds())


def _draw(
    here: Site, place: Place, what: str, minutes: int, now: datetime, series: prometheus.Matrix
) -> Picture:
    from labs.metrics import plot
    from labs.metrics.frames import over_time, spaced

    title = SHOWN[what][0]
    span = timedelta(minutes=minutes)
    frame = spaced(over_time(series, what), _step(span))
    told = among(library.events(here.repo()), now - span, now)
    moves = [one for one in told if (one.app, one.environment) == (place.app, place.environment)]
    moves = moves[-MARKED:]
    look = plot.Look(size=(5.2, 2.3))
    return Picture(
        plot.picture(frame, title, moves, (now - span, now), look),
        plot.in_words(frame, title, moves),
    )
