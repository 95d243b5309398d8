"""Measures the console as its pages are used: `python -m scripts.bench console`.

Pages are fetched as a browser fetches them, an open page is a stream and a fetch for each change
that it tells; what the API server does is counted by its own metrics.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from labs.console.rendering import NAVIGATION
from labs.console.running import running
from labs.gitops import ci
from labs.gitops.desk import Desk
from labs.gitops.workloads import each, environments, namespace
from labs.instance import Instance
from labs.platform import console, flux, kubernetes
from labs.platform.console import TOKEN_HEADER
from labs.run import run

WINDOW_SECONDS = 30.0
PATIENCE_SECONDS = 60.0
SAMPLE = re.compile(r'^(\w+)\{[^}]*verb="(\w+)"[^}]*\} (\S+)$', re.MULTILINE)
SHA = re.compile(r"\b[0-9a-f]{40}\b")
TOPICS = re.compile(r'data-topics="([^"]*)"')


@dataclass(frozen=True)
class Page:
    """How long one page took to be fetched, in ms, and how large it is, in bytes."""

    path: str
    milliseconds: Sequence[float]
    size: int


@dataclass(frozen=True)
class Cost:
    """What the API server did in a second while so many pages were open."""

    pages: int
    requests: float
    watches: float


def client(instance: Instance) -> httpx.AsyncClient:
    """Return a client that the console lets in, as JupyterLab's proxy."""
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{instance.port('console')}",
        headers={TOKEN_HEADER: console.token(instance)},
        trust_env=False,
        timeout=60,
        # A connection of its own for each request: one that is kept may be closed by the server in
        # the moment in which it is used again.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
    )


def paths(instance: Instance) -> list[str]:
    """Return the pages to be measured: those of the navigation, and one of each kind below them.

    Of workloads each is one, with one of its pods; of commits and of CI's runs, the newest.
    """
    tree = Desk.of(instance).newest()
    cluster = kubernetes.api(instance)
    found = [path for path, _ in NAVIGATION]
    found += [f"/history/{tree.base}", f"/commits/{tree.base}"]
    found += [f"/ci/{one.number}" for one in ci.runs(instance, 1)]
    for env in environments(tree):
        space = namespace(tree, env)
        for place in (one.place for one in each(tree, env)):
            own = f"/workloads/{env}/{place.app}"
            pods = running(cluster, space, place.app).pods
            found += [own, *(f"{own}/pods/{one.name}" for one in pods[:1])]
    return found


async def pages(instance: Instance, runs: int) -> list[Page]:
    """Fetch each page `runs` times, one after the other. Raises httpx.HTTPStatusError."""
    found = []
    async with client(instance) as asked:
        for path in paths(instance):
            (await asked.get(path)).raise_for_status()  # the first look at a part is a page's wait
            times, size = [], 0
            for _ in range(runs):
                start = time.perf_counter()
                answer = await asked.get(path)
                times.append((time.perf_counter() - start) * 1000)
                size = len(answer.raise_for_status().content)
            found.append(Page(path, times, size))
    return found


async def freshness(instance: Instance, runs: int) -> list[float]:
    """Return the seconds from a change in the cluster to an open page that shows it.

    The change: the Kustomization `cluster` is suspended, and resumed, by its owner's key.
    """
    cluster = kubernetes.api(instance)

    def suspend(value: bool) -> None:
        change = {"spec": {"suspend": value}}
        cluster.patch(flux.KUSTOMIZE_API, "Kustomization", flux.ROOT, change, flux.NAMESPACE)

    await asyncio.to_thread(suspend, False)
    try:
        async with client(instance) as asked:
            return [await _shown(asked, suspend, number % 2 == 0) for number in range(runs)]
    finally:
        await asyncio.to_thread(suspend, False)


async def _shown(asked: httpx.AsyncClient, suspend: Callable[[bool], None], value: bool) -> float:
    """Return the seconds from a change of the Kustomization to the overview that shows it."""
    async with opened(asked, "/") as texts:
        shown = (await anext(texts)).count("suspended")
        await asyncio.to_thread(suspend, value)
        start = time.perf_counter()
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for text in texts:
                if (
                    (text.count("suspended") > shown)
                    if value
                    else (text.count("suspended") < shown)
                ):
                    break
        return time.perf_counter() - start


async def cost(instance: Instance, number: int, window: float = WINDOW_SECONDS) -> Cost:
    """Return what the API server does in a second while `number` overviews are open."""
    async with client(instance) as asked:
        tasks = [asyncio.create_task(_keep_open(asked, "/")) for _ in range(number)]
        await asyncio.sleep(3)  # until what they need at first was asked
        before, start = await asyncio.to_thread(_counted, instance), time.monotonic()
        await asyncio.sleep(window)
        after, seconds = await asyncio.to_thread(_counted, instance), time.monotonic() - start
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [one for one in ended if not isinstance(one, asyncio.CancelledError)]
    if failed:
        raise AssertionError(f"{len(failed)} of {number} pages ended: {failed[0]!r}")
    return Cost(number, (after[0] - before[0]) / seconds, after[1])


@asynccontextmanager
async def opened(asked: httpx.AsyncClient, path: str) -> AsyncIterator[AsyncIterator[str]]:
    """Open a page: yields its HTML now, and again after each change, as a browser shows it."""
    first = (await asked.get(path)).raise_for_status().text
    found = TOPICS.search(first)
    topics = found[1] if found else ""
    since = re.search(r'data-number="(\d+)"', first)
    where = {"topics": topics, "since": since[1] if since else "0"}
    async with asked.stream("GET", "/stream", params=where) as events:

        async def texts() -> AsyncIterator[str]:
            yield first
            async for line in events.aiter_lines():
                if line == "event: changed":
                    yield (await asked.get(path)).raise_for_status().text

        yield texts()


async def _keep_open(asked: httpx.AsyncClient, path: str) -> None:
    async with opened(asked, path) as texts:
        async for _ in texts:
            pass


def _counted(instance: Instance) -> tuple[float, float]:
    """Return how many requests the API server has answered, and how many watches it serves."""
    text = run(
        *(instance.bin / "kubectl", "get", "--raw", "/metrics"),
        env={"KUBECONFIG": str(instance.kubeconfig)},
        timeout=30,
    )
    requests = watches = 0.0
    for name, verb, value in SAMPLE.findall(text):
        if name == "apiserver_request_total" and verb not in ("WATCH", "CONNECT"):
            requests += float(value)
        if name == "apiserver_longrunning_requests" and verb == "WATCH":
            watches += float(value)
    return requests, watches


def main(instance: Instance, runs: int, conditions: str, memory: float) -> int:
    """Measure everything and print it."""
    print(f"the console of lab {instance.name!r}, on {conditions}")
    print(f"  memory {memory:.0f} MiB")
    for one in asyncio.run(pages(instance, runs)):
        print(
            f"  {SHA.sub('COMMIT', one.path):<32} "
            f"median {statistics.median(one.milliseconds):6.1f} ms, worst of "
            f"{runs} {max(one.milliseconds):6.1f} ms, {one.size / 1024:5.1f} KiB",
            flush=True,
        )
    times = asyncio.run(freshness(instance, 20))
    print(
        f"  a change in the cluster to an open page: median of {len(times)} "
        f"{statistics.median(times):.2f} s, {min(times):.2f} to {max(times):.2f}"
    )
    for number in (0, 1, 50):
        found = asyncio.run(cost(instance, number))
        print(
            f"  {number:>2} open pages: the API server answers {found.requests:.1f} requests/s, "
            f"serves {found.watches:.0f} watches",
            flush=True,
        )
    return 0
