"""The page of an error: true while a part is away, and what was asked for once it is back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from labs.console import books as library
from labs.console.books import Books
from labs.console.following import Way
from labs.console.pages import pods
from labs.console.rendering import PARTS, _environment
from labs.console.running import Pod, Running
from labs.console.site import Site
from labs.errors import LabError
from labs.gitops.workloads import Place
from tests.unit.asked import Client
from tests.unit.console_site import TOKEN, new_seat, who_asks

POD = Pod("hello-1", "Ready", 0, "1.0.0", "sha256:" + "a" * 64, 1.0, "node")
PATH = "/workloads/production/hello/pods/hello-1"
AWAY = LabError("the API server does not answer", expected="it", todo="run `make up`")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A console of a lab of which nothing is there; no thread looks."""
    return Site(new_seat(tmp_path / "demo"), TOKEN)


@pytest.fixture
def client(site: Site) -> Client:
    return who_asks(site)


def topics(text: str) -> list[str]:
    """Return what a page listens to."""
    found = re.search(r'data-topics="([^"]*)"', text)
    assert found is not None
    return found[1].split()


def raising(error: Exception) -> Callable[..., object]:
    def fails(*_: object) -> object:
        raise error

    return fails


def test_the_page_of_a_part_that_is_away_waits_for_it(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "repo", raising(LabError("Git is away", expected="e", todo="t")))
    for path in ("/history", "/workloads/production/hello", "/commits/abcdef0", PATH):
        text = client.get(path).text
        assert "Git is away" in text
        assert topics(text) == list(PARTS)
        assert 'id="error" data-live' in text
        assert 'data-page="error.html"' in text


def test_the_page_of_an_error_that_will_not_pass_waits_for_nothing(
    client: Client, site: Site
) -> None:
    for answer in (
        client.get("/no-such-page"),
        client.post("/instances", data={"name": "No Name"}),
        client.get("/", headers={"Host": "evil.example"}),
    ):
        assert answer.status_code in (404, 409, 421)
        assert topics(answer.text) == []


def test_a_run_that_is_not_known_yet_waits_for_its_follower(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = SimpleNamespace(topic="ci-7", seen=None, trouble=None)
    monkeypatch.setattr(site.following, "run", lambda number: silent)
    answer = client.get("/ci/7")
    assert answer.status_code == 404
    assert "ci-7" in topics(answer.text)


@pytest.fixture
def known(site: Site, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A workload in Git, and the follower of its pod's log, which has seen a line."""
    place = Place("hello", "production")
    found = Books("a" * 40, {place: SimpleNamespace(place=place)}, {"production": "production"})  # type: ignore[dict-item] # only its place is asked for
    follower = SimpleNamespace(topic="log-production-hello-1", seen="a line\n", trouble=None)
    monkeypatch.setattr(site, "repo", lambda: None)
    monkeypatch.setattr(library, "books", lambda repo: found)
    monkeypatch.setattr(site.following, "pod", lambda name, namespace: follower)
    return follower


def run(monkeypatch: pytest.MonkeyPatch, *found: Pod) -> None:
    monkeypatch.setattr(pods, "running", lambda *_: Running(there=True, pods=found))


def test_a_pod_is_shown_with_its_log(
    client: Client, known: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, POD)
    answer = client.get(PATH)
    assert answer.status_code == 200
    assert "✓ Ready" in answer.text
    assert "a line" in answer.text
    assert topics(answer.text) == [known.topic, "cluster"]


def test_a_pod_that_is_gone_is_told_as_gone(
    client: Client, known: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch)
    answer = client.get(PATH)
    assert answer.status_code == 404
    assert "it may have ended" in answer.text
    assert "Ready" not in answer.text
    assert "cluster" in topics(answer.text)


def test_a_pod_of_a_cluster_that_is_away_is_not_called_ready(
    client: Client, known: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "running", raising(AWAY))
    answer = client.get(PATH)
    assert answer.status_code == 200
    assert "the API server does not answer" in answer.text
    assert "Ready" not in answer.text
    assert "a line" in answer.text, "what was seen of the log stays"
    assert topics(answer.text) == [known.topic, "cluster"]
    known.seen = None
    text = client.get(PATH).text
    assert "Not read yet." in text
    assert "Nothing written" not in text


@pytest.mark.parametrize(
    ("stages", "trouble", "said"),
    [
        ((), None, "abc1234 is not pushed yet"),
        (("pushed", "fetched"), None, "abc1234 is fetched"),
        (("pushed", "fetched"), AWAY, "abc1234 is stuck"),
        (("pushed", "fetched", "applied", "live"), AWAY, "abc1234 is live"),
    ],
)
def test_a_commits_stage_is_said_aloud(
    stages: tuple[str, ...], trouble: LabError | None, said: str
) -> None:
    commit = SimpleNamespace(short="abc1234", subject="Greet")
    reached = {name: SimpleNamespace(at=float(n)) for n, name in enumerate(stages)}
    way = SimpleNamespace(seen=Way(commit, reached), trouble=trouble)  # type: ignore[arg-type] # only what the page shows
    text = _environment().from_string(
        '{% from "flow.html" import stages %}{{ stages(way, "/commits/x") }}'
    )
    assert f'data-announce="{said}"' in text.render(way=way)


def test_every_page_can_say_something_aloud(client: Client) -> None:
    assert '<p id="announced" class="unseen" role="status"></p>' in client.get("/nowhere").text
