"""What Prometheus answers, as values; and what is wrong with a query, under its place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import write_json
from labs.platform import prometheus
from labs.platform.prometheus import BadQuery, Matrix, Scalar, Vector
from tests.unit.prometheus_server import BOTH, Served, serving

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("lab")) as found:
        yield found


def test_a_vector_has_labels_moments_and_numbers(served: Served) -> None:
    found = prometheus.query(served.lab, "up", NOON)
    assert isinstance(found, Vector)
    assert [one.labels for one in found.samples] == BOTH
    assert found.samples[0].when == NOON
    assert found.samples[0].value == 1
    assert math.isnan(found.samples[1].value)
    assert served.forms[-1]["path"] == "/api/v1/query"


def test_now_is_left_to_prometheus(served: Served) -> None:
    found = prometheus.query(served.lab, "7")
    assert isinstance(found, Scalar)
    assert found.value == 7
    assert "time" not in served.forms[-1]


def test_a_range_is_a_matrix_with_prometheus_remarks(served: Served) -> None:
    found = prometheus.query_range(served.lab, "up", NOON, NOON + timedelta(minutes=1), 15)
    assert isinstance(found, Matrix)
    assert [len(one.points) for one in found.series] == [5, 4]
    assert found.series[0].points[-1] == (NOON + timedelta(minutes=1), 4)
    assert found.notes == ("PromQL info: a remark",)
    assert served.forms[-1]["step"] == "15"


@pytest.mark.parametrize(
    ("promql", "shown"),
    [
        ("up{", ["    up{", "       ^"]),
        ("sum(\n  rate(a[5m)\n)", ["    sum(", "      rate(a[5m)", "               ^", "    )"]),
        # Prometheus counts bytes, and a reader sees characters.
        ('up{a="größe"} by', ['    up{a="größe"} by', "                  ^"]),
    ],
)
def test_what_cannot_be_read_is_marked(served: Served, promql: str, shown: list[str]) -> None:
    with pytest.raises(BadQuery) as caught:
        prometheus.query(served.lab, promql)
    first, *lines = caught.value.found.splitlines()
    assert lines == shown
    assert first.startswith("unexpected")
    assert "^" in caught.value.todo


def test_what_cannot_be_carried_out_is_told_with_the_query(served: Served) -> None:
    with pytest.raises(BadQuery) as caught:
        prometheus.query_range(served.lab, "up[5m]", NOON, NOON, 15)
    assert caught.value.found.endswith("must be Scalar or instant Vector\n    up[5m]")


@pytest.mark.parametrize(
    ("promql", "found"),
    [("'words'", "gives a string: 'words'"), ("histogram", "native"), ("slow", "after 20 s")],
)
def test_what_gives_no_numbers_is_a_bad_query(served: Served, promql: str, found: str) -> None:
    with pytest.raises(BadQuery, match=found):
        prometheus.query(served.lab, promql)


def test_a_prometheus_that_starts_is_not_the_querys_fault(served: Served) -> None:
    with pytest.raises(LabError, match="answers 503, and not as Prometheus") as caught:
        prometheus.query(served.lab, "starting")
    assert not isinstance(caught.value, BadQuery)


def test_no_prometheus_says_what_brings_it(served: Served, tmp_path: Path) -> None:
    lab = type(served.lab)("demo", tmp_path / "demo")
    write_json(lab.root / "ports.json", {"prometheus": 1})  # nobody listens on port 1
    with pytest.raises(LabError, match=r"http://127\.0\.0\.1:1/") as caught:
        prometheus.query(lab, "up")
    assert "kubectl -n monitoring get pods" in caught.value.todo
    assert "lab 09" in caught.value.todo
