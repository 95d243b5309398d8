"""What the console costs the API server, and how soon an open page shows a change."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import pytest

from labs.instance import Instance
from scripts import bench_console
from tests.beside import ended
from tests.cluster.connected import connect

WINDOW_SECONDS = 15.0
RUNS = 10


@pytest.fixture(scope="module")
def lab(instance: Instance) -> Instance:
    connect(instance)
    return instance


@pytest.mark.long
def test_fifty_open_pages_cost_the_api_server_no_more_than_one(
    lab: Instance, record_property: Callable[[str, object], None]
) -> None:
    before = ended(bench_console.cost(lab, 1, WINDOW_SECONDS))
    fifty = ended(bench_console.cost(lab, 50, WINDOW_SECONDS))
    after = ended(bench_console.cost(lab, 1, WINDOW_SECONDS))
    one = max(before, after, key=lambda found: found.requests)
    lines = [
        f"{found.pages:>2} open pages: {found.requests:.1f} requests/s, {found.watches:.0f} watches"
        for found in (one, fifty)
    ]
    record_property("table", "\n".join(["the API server beside the console:", *lines]))
    # Others ask it as well, and not evenly: fifty of anything would stand far above these bounds.
    assert fifty.watches <= one.watches + 3, lines
    assert fifty.requests <= 1.5 * one.requests + 2, lines


def test_a_change_in_the_cluster_comes_to_an_open_page(
    lab: Instance, record_property: Callable[[str, object], None]
) -> None:
    times = ended(bench_console.freshness(lab, RUNS))
    words = f"median {statistics.median(times):.2f} s, {min(times):.2f} to {max(times):.2f} s"
    record_property("table", f"a change in the cluster to an open page, {RUNS} times: {words}")
    assert len(times) == RUNS
