"""`%%promql`: its options, tables and pictures, and the magic in a kernel as readers have it."""

from __future__ import annotations

import math
import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from labs.errors import LabError
from labs.gitops.release import release, rollback
from labs.instance import PROJECT
from labs.metrics import plot
from labs.metrics.asked import OPTIONS, POINTS, Asked, asked, default_step
from labs.metrics.deploys import Deploy, deploys
from labs.metrics.frames import at_once, over_time, series_names, spaced
from labs.platform.prometheus import Matrix, Sample, Scalar, Series, Vector
from labs.run import run
from tests.unit.engine_desk import office, template
from tests.unit.gitrepos import new_clone
from tests.unit.prometheus_server import Served, serving

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_options_come_first_and_the_query_is_left_alone() -> None:
    found = asked('--range 30m --step=15s --title "One -- two" sum(a) - -1 --x', "", NOON)
    assert found == Asked("sum(a) - -1 --x", NOON, 1800, 15, "One -- two")


def test_a_cell_is_the_query_with_its_lines() -> None:
    found = asked("--into frame --at 10m", "sum(\n  up)\n", NOON)
    assert found.promql == "sum(\n  up)"
    assert found.into == "frame"
    assert found.at == NOON - timedelta(minutes=10)
    assert found.span is None


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-05-04T10:00:00+00:00", NOON - timedelta(hours=2)),
        ("1h30m", NOON - timedelta(minutes=90)),
        (f"{(NOON - timedelta(hours=2)).astimezone():%H:%M}", NOON - timedelta(hours=2)),
        (f"{(NOON + timedelta(hours=2)).astimezone():%H:%M:%S}", NOON - timedelta(hours=22)),
    ],
)
def test_at_is_a_clock_a_date_or_a_while_ago(text: str, when: datetime) -> None:
    assert asked(f"--at {text} up", "", NOON).at == when


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", "no query"),
        ("--rang 30m up", "--rang"),
        ("--range soon up", "--range soon"),
        ("--range 0s up", "--range 0s"),
        ("--step 5s up", "--step 5s"),
        ("--at 25:00 up", "--at 25:00"),
        ("--into a-b up", "--into a-b"),
        ("--title", "--title"),
    ],
)
def test_what_cannot_be_meant_is_told_with_what_can(line: str, found: str) -> None:
    with pytest.raises(LabError) as caught:
        asked(line, "", NOON)
    assert caught.value.found == found
    assert caught.value.expected


def test_the_page_lists_the_options_of_the_magic() -> None:
    page = (PROJECT / "docs" / "metrics.md").read_text()
    assert set(re.findall(r"^\| `--(\w+)", page, re.M)) == OPTIONS.keys()


@pytest.mark.parametrize("span", [1, 60, 1800, 86400, 30 * 86400])
def test_a_range_has_enough_values_and_not_too_many(span: int) -> None:
    assert min(span, 40) <= span / default_step(span) <= POINTS


def test_series_are_named_by_what_tells_them_apart() -> None:
    same = {"__name__": "up", "job": "a"}
    assert series_names([{**same, "pod": "x"}, {**same, "pod": "y"}]) == ["x", "y"]
    assert series_names([{**same, "pod": "x", "z": "1"}, {**same, "pod": "y"}]) == [
        "pod=x, z=1",
        "pod=y",
    ]
    assert series_names([same]) == ['up{job="a"}']
    assert series_names([{}]) == ["value"]
    assert series_names([{}, {"pod": "x"}]) == ["(no labels)", "x"]


def test_one_moment_is_a_row_for_each_series() -> None:
    labels = [{"__name__": "up", "job": "a"}, {"__name__": "up", "value": "v"}]
    found = at_once(Vector(tuple(Sample(one, NOON, n) for n, one in enumerate(labels))))
    assert found.to_dict("records") == [
        {"metric": "up", "job": "a", "label value": "", "value": 0},
        {"metric": "up", "job": "", "label value": "v", "value": 1},
    ]
    assert at_once(Scalar(NOON, 7)).to_dict("records") == [{"value": 7}]
    assert at_once(Vector(())).empty


def points(*values: float) -> tuple[tuple[datetime, float], ...]:
    """Return values a minute apart; NaN stands for none."""
    return tuple(
        (NOON + timedelta(minutes=n), value)
        for n, value in enumerate(values)
        if not math.isnan(value)
    )


def matrix(*rows: tuple[float, ...]) -> Matrix:
    return Matrix(tuple(Series({"pod": f"p{n}"}, points(*row)) for n, row in enumerate(rows)))


def test_a_range_is_a_column_for_each_series_and_knows_its_labels() -> None:
    found = over_time(matrix((1, 2, 3), (4, math.nan, 6)))
    assert list(found.columns) == ["p0", "p1"]
    assert found.index[1].to_pydatetime() == NOON + timedelta(minutes=1)
    assert found["p1"].isna().tolist() == [False, True, False]
    assert found.attrs["labels"]["p1"] == {"pod": "p1"}
    assert over_time(Matrix(())).empty


def test_what_nobody_measured_is_a_gap() -> None:
    frame = over_time(matrix((1, math.nan, math.nan, 4)))
    assert len(frame) == 2
    assert spaced(frame, 60).iloc[:, 0].isna().tolist() == [False, True, True, False]


def drawn(frame: Any, made: list[Deploy], title: str = "Requests") -> ElementTree.Element:
    svg = plot.picture(frame, title, made, (NOON, NOON + timedelta(minutes=3)))
    return ElementTree.fromstring(svg)  # noqa: S314 - our own drawing


def deploy(kind: str = "release", version: str = "2.1.0", minutes: int = 1) -> Deploy:
    when = NOON + timedelta(minutes=minutes)
    return Deploy(when, "hello", "production", version, kind, "abc1234")


def test_a_picture_says_in_words_what_it_shows() -> None:
    made = [deploy(), deploy("rollback", "2.0.0", 2)]
    words = drawn(over_time(matrix((1, 9, 3))), made, "Cost in $ and $").get("aria-label") or ""
    assert words.startswith("Cost in $ and $; ")
    assert "from 1 to 3, lowest 1, highest 9 at " in words
    assert "hello 2.1.0 at " in words
    assert "hello 2.0.0 (rollback) at " in words


def test_each_deploy_is_a_line_with_its_version() -> None:
    frame = over_time(matrix((1, 9, 3)))
    plain, marked = (
        ElementTree.tostring(drawn(frame, made), "unicode") for made in ([], [deploy()])
    )
    assert "hello 2.1.0" in marked
    assert "hello 2.1.0" not in plain
    assert marked.count('id="line2d') == plain.count('id="line2d') + 1


def test_of_many_series_the_highest_are_drawn_and_that_is_said() -> None:
    frame = over_time(matrix(*((n, n) for n in range(50))))
    shown, remark = plot.drawable(frame)
    assert list(shown.columns) == [f"p{n}" for n in range(30, 50)]
    assert remark.startswith("50 series: the picture has the 20 ")
    assert plot.drawable(shown)[1] == ""


def test_deploys_are_what_moved_a_version_in_that_time(tmp_path: Path, served: Served) -> None:
    desk = office(tmp_path, template())
    desk.do(release(desk.desk, "hello", "1.3.0"))
    desk.do(rollback(desk.desk, "hello", to="0.9.0"))
    path = served.lab.work / "config-repo"
    if not path.exists():
        new_clone(desk.server, path)
    now = datetime.now(UTC)
    found = deploys(served.lab, now - timedelta(minutes=5), now + timedelta(minutes=5))
    # The first commit brought 0.9.0 in.
    assert [one.label for one in found] == [
        "hello 0.9.0",
        "hello 1.3.0",
        "hello 0.9.0 (rollback)",
    ]
    assert deploys(served.lab, now - timedelta(hours=2), now - timedelta(hours=1)) == []


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("lab")) as found:
        yield found


@dataclass
class Shown:
    """What a cell showed."""

    text: str = ""
    svg: str = ""
    result: str = ""
    error: str = ""


Cell = Callable[[str], Shown]


@pytest.fixture(scope="module")
def cell(served: Served) -> Iterator[Cell]:
    """Runs cells in a kernel in which nothing but `from labs import lab` was run."""
    manager = KernelManager(kernel_name="python3", transport="ipc")
    home = {"LAB_HOME": str(served.lab.root.parent), "LAB_NAME": served.lab.name}
    manager.start_kernel(cwd=str(PROJECT), env={**os.environ, **home})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)

        def run_it(code: str) -> Shown:
            shown = Shown()

            def took(message: dict[str, Any]) -> None:
                content = message["content"]
                match message["msg_type"]:
                    case "stream":
                        shown.text += content["text"]
                    case "display_data":
                        shown.svg += content["data"].get("image/svg+xml", "")
                    case "execute_result":
                        shown.result = content["data"]["text/plain"]
                    case "error":
                        shown.error = "\n".join(content["traceback"])

            client.execute_interactive(code, output_hook=took, timeout=60)
            return shown

        assert run_it("from labs import lab").error == ""
        yield run_it
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def test_in_a_kernel_a_range_is_a_picture_and_a_table(cell: Cell, served: Served) -> None:
    shown = cell("%%promql --range 10m --title 'Up or not'\nup{job=~'.*$'}")
    assert shown.error == ""
    assert 'aria-label="Up or not; a:8080: from 0 to ' in shown.svg
    assert "b:8080" in shown.result
    assert "Prometheus remarks: PromQL info: a remark" in shown.text
    assert served.forms[-1]["query"] == "up{job=~'.*$'}"
    assert served.forms[-1]["step"] == "5"


def test_in_a_kernel_a_moment_is_a_table_that_can_be_kept(cell: Cell) -> None:
    assert "a:8080" in cell("%promql up").result
    assert cell("seven = %promql 7").result == ""
    assert cell("float(seven['value'][0])").result == "7.0"
    kept = cell("%%promql --into kept --range 1m\none")
    assert kept.result == ""
    assert kept.svg
    assert cell("type(kept).__name__, kept.shape").result == "('DataFrame', (61, 1))"


def test_in_a_kernel_a_wrong_query_is_marked_and_is_no_traceback(cell: Cell) -> None:
    error = cell("%%promql --range 5m\nsum(\n  rate(a[5m)\n)").error
    assert error.splitlines() == [
        'found:    unexpected ")" in subquery or range, expected ":" or "]"',
        "    sum(",
        "      rate(a[5m)",
        "               ^",
        "    )",
        "expected: a query that Prometheus can read",
        "next:     mend the place above the ^, and ask again",
    ]


def test_in_a_kernel_the_query_is_asked_as_it_is_written(cell: Cell, served: Served) -> None:
    promql = 'label_replace(up, "a", "$1", "job", "(.*)")'
    assert cell(f"%promql {promql}").error == ""
    assert served.forms[-1]["query"] == promql


def test_in_a_kernel_no_series_is_said(cell: Cell) -> None:
    assert "No series has a value at " in cell("%promql none").text
    shown = cell("%promql --range 5m none")
    assert "No series has a value in the 300 s up to " in shown.text
    assert shown.svg == ""


def test_the_import_loads_neither_pandas_nor_pictures() -> None:
    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell as S; "
        "S.instance(); from labs import lab; "
        "print([name for name in ('numpy', 'pandas', 'matplotlib') if name in sys.modules]); "
        "print('promql' in S.instance().magics_manager.magics['cell'])"
    )
    assert run(sys.executable, "-c", code, cwd=PROJECT).splitlines() == ["[]", "True"]
