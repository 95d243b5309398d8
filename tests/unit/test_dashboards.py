"""Dashboards: what is read of their files, asked for, put into tables, written and drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from labs.errors import LabError
from labs.gitops.monitoring import check, check_dashboards, check_paths
from labs.gitops.monitoring.dashboards import (
    DASHBOARDS,
    DRAWN,
    NotADashboard,
    Style,
    lines_of,
    named,
    read,
)
from labs.instance import PROJECT
from labs.metrics import dashboard
from labs.metrics.dashboard_data import Span, filled
from labs.metrics.dashboard_page import page
from labs.metrics.dashboard_table import merged
from labs.metrics.dashboard_units import COLOURS, KNOWN, colour, written
from labs.metrics.deploys import Deploy
from labs.metrics.frames import beside, over_time
from labs.platform.prometheus import Matrix, Series
from tests.unit.gitrepos import new_clone, new_server
from tests.unit.prometheus_server import Served, serving

FOLDER = PROJECT / "config-repo-template" / DASHBOARDS
FILES = sorted(FOLDER.glob("*.json"))
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SPAN = Span(NOON, NOON + timedelta(minutes=15))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as found:
        yield found


def board(*panels: dict[str, Any], **more: Any) -> str:
    return json.dumps({"uid": "x", "title": "A board", "panels": list(panels), **more}, indent=1)


def panel(kind: str = "timeseries", expr: str = "up", **more: Any) -> dict[str, Any]:
    target = {"refId": "A", "expr": expr, "range": kind == "timeseries"}
    target["instant"] = not target["range"]
    place = {"x": 0, "y": 0, "w": 12, "h": 8}
    return {"type": kind, "title": f"A {kind}", "gridPos": place, "targets": [target], **more}


def test_what_is_handed_out_is_drawn_whole() -> None:
    assert {path.stem for path in FILES} >= {"app", "gitops", "node"}
    told = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    made = {one["name"]: one["files"] for one in told["configMapGenerator"]}
    uids = set()
    for path in FILES:
        assert made[f"dashboard-{path.stem}"] == [path.name]
        one = read(path.stem, path.read_text())
        uids.add(one.uid)
        assert {panel.kind for panel in one.panels} <= set(DRAWN)
        assert [name for query in one.queries for name in one.unknown_variables(query)] == []
        assert all(panel.x + panel.width <= 24 for panel in one.panels)
        styles = [s for p in one.panels for s in (p.style, *p.of_columns.values())]
        assert {s.unit for s in styles if s.unit} <= KNOWN
        colours = {step.colour for s in styles for step in s.thresholds}
        assert colours | {c for s in styles for _, c in s.words.values()} <= set(COLOURS)
        assert all(lines_of(path.read_text(), one.queries))
    assert len(uids) == len(FILES)
    assert told["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}
    assert told["generatorOptions"]["disableNameSuffixHash"] is True


def test_no_two_panels_of_a_dashboard_lie_on_one_another() -> None:
    for path in FILES:
        taken: dict[tuple[int, int], str] = {}
        for one in read(path.stem, path.read_text()).panels:
            for x in range(one.x, one.x + one.width):
                for y in range(one.y, one.y + one.height):
                    assert taken.setdefault((x, y), one.title) == one.title


def test_what_is_no_dashboard_says_where() -> None:
    with pytest.raises(NotADashboard, match="no JSON: ") as wrong:
        read("x", '{\n "panels": [,]\n}')
    assert wrong.value.line == 2
    for text in ("[]", "{}", '{"panels": [{"title": "no type"}]}', '{"panels": [3]}'):
        with pytest.raises(NotADashboard):
            read("x", text)


def test_a_label_s_own_dollar_is_no_variable() -> None:
    query = 'label_replace(up{a="$app", b="${env:regex}"}, "x", "$1", "y", "(.*)")[$__range:]'
    assert named(query) == ["app", "env", "__range"]


def test_a_query_that_stands_twice_is_told_at_both_places() -> None:
    text = board(panel(expr="up{"), panel(expr="up{"))
    first, second = lines_of(text, read("x", text).queries)
    assert 0 < first < second


def test_promtool_s_words_are_told_at_the_query_s_line() -> None:
    text = board(panel(expr="up"), panel(expr="sum(rate(a[5m))"))
    said = (
        "Checking standard input\n  FAILED:\n"
        '1:61: group "0", rule 2, "q": could not parse expression: 1:14: parse error: unexpected'
        ' ")" in subquery or range\n'
    )
    [found] = check_dashboards.told([("d/x.json", text, read("x", text))], said)
    line = 1 + text.splitlines().index('     "expr": "sum(rate(a[5m))",')
    assert found == (
        f"d/x.json:{line}: in the query 'sum(rate(a[5m))': 1:14: parse error: unexpected"
        ' ")" in subquery or range'
    )


def test_a_query_is_judged_with_something_in_place_of_each_variable() -> None:
    listed = {"list": [{"name": "app", "current": {"value": "hello"}}, {"name": "env"}]}
    one = read("x", board(templating=listed))
    query = 'rate(a{app="$app", env="[[env]]"}[$__rate_interval]) > $__range_s'
    judged = check_dashboards.judged(one, query)
    assert judged == 'rate(a{app="hello", env="x"}[1m]) > 60'


def test_names_and_types_are_judged_without_promtool(tmp_path: Path) -> None:
    folder = tmp_path / DASHBOARDS
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text("configMapGenerator: [{files: [b=a.json]}]\n")
    for name in ("a.json", "b.json"):
        (folder / name).write_text(board({"type": "heatmap", "title": "Heat"}))
    files = sorted(folder.glob("*.json"))
    [twice] = check_dashboards.problems(tmp_path, files, Path("/nonexistent/promtool"))
    assert twice == f"{DASHBOARDS}/b.json:2: the uid 'x' is that of {DASHBOARDS}/a.json too"
    [unread] = check.unnamed(tmp_path, files)
    assert unread.startswith(f"{DASHBOARDS}/b.json: nobody reads it")
    assert len(check_dashboards.undrawn(tmp_path)) == 2
    assert "'Heat' is of type 'heatmap'" in check_dashboards.undrawn(tmp_path)[0]


def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_reads_it(
    tmp_path: Path,
) -> None:
    tests = tmp_path / check.RULES / "tests" / "x.yml"
    tests.parent.mkdir(parents=True)
    tests.write_text("rule_files:\n  - ../x.yml\n  - /etc/passwd\n  - ../../../other/x.yml\n")
    found = check_paths.problems(tmp_path, [tests], "rule_files")
    name = f"{check.RULES}/tests/x.yml"
    assert found == [
        f"{name}:3: /etc/passwd in rule_files leads out of monitoring/",
        f"{name}:4: ../../../other/x.yml in rule_files leads out of monitoring/",
    ]


@pytest.mark.parametrize(
    ("value", "style", "words"),
    [
        (0.0512, Style(unit="percentunit", decimals=1), "5.1%"),
        (1536, Style(unit="bytes"), "1.5 KiB"),
        (12.345, Style(unit="reqps", decimals=1), "12.3 req/s"),
        (0.0123, Style(unit="s"), "12.3 ms"),
        (90, Style(unit="s"), "1.5 min"),
        (7200, Style(unit="s", decimals=0), "2 h"),
        (3, Style(), "3"),
        (3, Style(unit="parsec"), "3 parsec"),
        (float("nan"), Style(unit="s"), "-"),
        (1.0, Style(words={"1": ("yes", "green")}), "yes"),
    ],
)
def test_a_value_is_written_with_its_unit(value: float, style: Style, words: str) -> None:
    assert written(value, style) == words


def test_a_threshold_gives_a_value_its_colour() -> None:
    text = json.loads(FILES[0].read_text())
    [share] = [one for one in read("app", json.dumps(text)).panels if one.title == SHARE][:1]
    assert colour(0.0, share.style) == COLOURS["green"]
    assert colour(0.02, share.style) == COLOURS["orange"]
    assert colour(0.5, share.style) == COLOURS["red"]


SHARE = "Share that fails"


def test_tables_are_merged_by_what_they_share() -> None:
    one = [{"app": "a", "env": "p", "Value #A": 1.0}, {"app": "b", "env": "p", "Value #A": 2.0}]
    two = [{"app": "b", "Value #B": 3.0}, {"app": "c", "Value #B": 4.0}]
    assert merged([one, two]) == [
        {"app": "a", "env": "p", "Value #A": 1.0},
        {"app": "b", "env": "p", "Value #A": 2.0, "Value #B": 3.0},
        {"app": "c", "Value #B": 4.0},
    ]
    assert merged([one, []]) == one
    # A label that a row lacks is not any label.
    bare, whole = [{"app": "a"}, {"app": "b", "env": "p"}], [{"app": "a", "env": "p", "Value": 1.0}]
    assert merged([bare, whole]) == [*bare, *whole]


def test_lines_that_have_values_at_different_moments_stand_beside_one_another_in_order() -> None:
    def line(name: str, *minutes: int) -> Matrix:
        points = tuple((NOON + timedelta(minutes=n), float(n)) for n in minutes)
        return Matrix((Series({"pod": name}, points),))

    found = beside(
        [over_time(line("a", 0, 4, 5), "{{pod}}"), over_time(line("b", 1, 2), "{{pod}}")]
    )
    assert list(found.columns) == ["a", "b"]
    assert found.index.is_monotonic_increasing
    assert found["a"].tolist()[-1] == 5
    assert found["b"].dropna().tolist() == [1, 2]
    assert beside([]).empty


def test_a_range_is_asked_with_grafana_s_own_variables_filled_in(served: Served) -> None:
    text = board(panel(expr="sum(rate(up[$__rate_interval])) + $__range_s"))
    [one] = filled(served.lab, read("x", text), SPAN)
    assert served.forms[-1]["query"] == "sum(rate(up[40s])) + 900"
    assert served.forms[-1]["step"] == "5"
    assert one.lines is not None
    assert list(one.lines.columns) == ["a:8080", "b:8080"]


def test_a_panel_of_another_type_and_a_query_that_is_wrong_are_told_in_their_place(
    served: Served,
) -> None:
    text = board(panel("heatmap"), panel(expr="up{"), panel("stat", "7"))
    told = read("x", text)
    heat, wrong, seven = filled(served.lab, told, SPAN)
    assert "type 'heatmap' is not drawn here" in heat.remarks[0]
    assert "unexpected end of input" in wrong.remarks[0]
    assert [cell.text for cell in seven.values] == ["7"]
    html = page(told, [heat, wrong, seven], SPAN, [])
    assert "is not drawn here (drawn are: timeseries, stat, table, row)" in html
    assert "unexpected end of input" in html


def test_a_table_has_its_columns_named_ordered_and_left_out(served: Served) -> None:
    options = {
        "excludeByName": {"Time": True, "job": True, "__name__": True},
        "indexByName": {"Value": 0, "instance": 1},
        "renameByName": {"Value": "is up"},
    }
    words = {"type": "value", "options": {"1": {"text": "yes", "color": "green"}}}
    config = {
        "defaults": {},
        "overrides": [
            {
                "matcher": {"id": "byName", "options": "is up"},
                "properties": [{"id": "mappings", "value": [words]}],
            }
        ],
    }
    changes = [{"id": "organize", "options": options}, {"id": "rowsToFields"}]
    made = panel("table", transformations=changes, fieldConfig=config)
    [one] = filled(served.lab, read("x", board(made)), SPAN)
    assert one.columns == ("is up", "instance")
    assert [[cell.text for cell in row] for row in one.rows] == [["yes", "a:8080"], ["-", "b:8080"]]
    assert one.rows[0][0].colour == COLOURS["green"]
    assert one.remarks == ("the transformation 'rowsToFields' is not done here",)


def test_the_page_has_each_panel_in_its_place_with_deploys_and_nothing_unescaped(
    served: Served,
) -> None:
    low = panel(title="<b>Low</b>", gridPos={"x": 12, "y": 4, "w": 12, "h": 8})
    told = read("x", board(low, panel("stat", "none")))
    deploy = Deploy(NOON + timedelta(minutes=5), "hello", "production", "2.1.0", "release", "abc")
    html = page(told, list(filled(served.lab, told, SPAN)), SPAN, [deploy])
    assert "grid-column:13/span 12;grid-row:5/span 8" in html
    assert "hello 2.1.0" in html
    assert "<b>" not in html
    assert html.index("A stat") < html.index("&lt;b&gt;Low")
    ElementTree.fromstring(html)  # noqa: S314 - our own page; it is well-formed


def test_the_file_in_the_working_folder_is_drawn_and_it_is_said_how_it_stands(
    served: Served,
) -> None:
    clone = served.lab.work / "config-repo"
    server = new_server(served.lab.root / "server", {f"{DASHBOARDS}/own.json": board(panel())})
    new_clone(server, clone)
    html, said = dashboard.drawn(served.lab, "own", 15)
    assert "A timeseries" in html
    assert said.startswith("A board: 15 minutes up to ")
    assert f"from {DASHBOARDS}/own.json in your clone, as commit " in said
    (clone / DASHBOARDS / "own.json").write_text(board(panel(title="Another")))
    html, said = dashboard.drawn(served.lab, "own", 15)
    assert "Another" in html
    assert "as no commit has it yet" in said
    with pytest.raises(LabError, match="no dashboard 'owm'") as wrong:
        dashboard.drawn(served.lab, "owm")
    assert wrong.value.todo == "take 'own'"
    with pytest.raises(LabError, match="minutes=0"):
        dashboard.drawn(served.lab, "own", 0)


def test_without_a_clone_that_has_them_it_is_said_who_brings_them(served: Served) -> None:
    with pytest.raises(LabError, match="no dashboard in ") as wrong:
        dashboard.listed(served.lab)
    assert "`lab monitoring files`" in wrong.value.todo
