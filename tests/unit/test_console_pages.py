"""The pages of a workload, of CI and the overview: what they say while parts are away."""

from __future__ import annotations

import html
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from labs.console import metrics_picture
from labs.console.doing import Proposals
from labs.console.feeds.feed import Feed
from labs.console.following import Follower, RunLog
from labs.console.metrics_picture import Pictures
from labs.console.pages.ci import LISTED
from labs.console.seat import Seat
from labs.console.site import Site
from labs.errors import LabError
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.desk import Desk
from labs.gitops.workloads import Place
from labs.platform import flux, prometheus, watched
from tests.unit.asked import Client
from tests.unit.console_site import away, new_seat, nothing_answers, who_asks
from tests.unit.engine_desk import automated, known, office
from tests.unit.gitrepos import git, new_clone
from tests.unit.test_console_feeds import run as ci_run

PATH = "/workloads/production/hello"
PLACE = Place("hello", "production")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A console that has fetched the config repo, of a lab in which nothing else answers."""
    seat, lab = new_seat(tmp_path / "demo"), office(tmp_path, automated())
    seat.work.mkdir(parents=True)
    ConfigRepo(new_clone(lab.server, seat.work / "config-repo")).fetch()
    monkeypatch.setattr(watched, "FIRST_SECONDS", 0.0)
    with nothing_answers(seat) as found:
        yield found


@pytest.fixture
def client(site: Site) -> Client:
    return who_asks(site)


@pytest.fixture
def answering(site: Site) -> Site:
    """The same, with a cluster that answers, in which there is nothing yet."""
    site.git.trouble = None
    for watch in site.cluster._watches.values():
        watch.trouble = None
    return site


def put(site: Site, *objects: dict[str, Any]) -> None:
    """Put objects into what the console's watches know."""
    for one in objects:
        meta = one["metadata"]
        known = site.cluster._watches[one["apiVersion"], one["kind"]]._objects
        known[meta["namespace"], meta["name"]] = one


def section(text: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', text, re.DOTALL)
    assert found is not None, text
    return found[0]


def test_what_is_not_known_is_not_said_to_be_none(client: Client, site: Site) -> None:
    text = client.get(PATH).text
    for name in ("events", "pods"):
        assert "Not known while the cluster does not answer" in section(text, name)
        assert "None in the last hour" not in section(text, name)
    for part in ("registry", "ci"):
        assert f"{part} does not answer" in section(text, "versions")
    for watch in site.cluster._watches.values():
        watch.trouble = None
    text = client.get(PATH).text
    assert "None in the last hour" in section(text, "events")
    assert "No pods." in section(text, "pods")


def test_a_picture_that_cannot_be_drawn_says_why(client: Client) -> None:
    drawn = client.get(f"{PATH}/metrics.svg")
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert "Prometheus is not to be asked" in drawn.text
    assert "Prometheus is not to be asked" in client.get(f"{PATH}/metrics.txt").text
    assert client.get(f"{PATH}/metrics.svg?what=<b>").status_code == 409
    assert "Prometheus is not to be asked" in section(client.get(PATH).text, "metrics")


def test_words_of_others_stay_words_in_a_picture() -> None:
    drawn = metrics_picture.in_words(LabError("<script>", expected="e", todo="a & b"))
    assert "&lt;script&gt;" in drawn
    assert "a &amp; b" in drawn


def test_a_prometheus_that_hangs_is_asked_once_for_all_pictures(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    now = [1000.0]

    def hang(
        seat: Seat, query: str, start: datetime, end: datetime, step: float, seconds: int
    ) -> prometheus.Matrix:
        asked.append((query, seconds))
        raise away("Prometheus")

    monkeypatch.setattr(prometheus, "query_range", hang)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pictures = Pictures(site)
    for _ in range(2):
        for what in metrics_picture.SHOWN:
            with pytest.raises(LabError, match="Prometheus does not answer"):
                pictures.get(PLACE, "production", what, 15)
    assert len(asked) == 1
    assert asked[0][1] == metrics_picture.PATIENCE_SECONDS
    now[0] += metrics_picture.SECONDS
    with pytest.raises(LabError):
        pictures.get(PLACE, "production", "errors", 5)
    assert len(asked) == 2
    assert pictures.trouble is not None
    now[0] += metrics_picture.LATELY_SECONDS
    assert pictures.trouble is None, "nobody has asked since"


def test_pages_with_numbers_look_again_whoever_came_first(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(Feed, "start", lambda self: started.append(self.topic))
    monkeypatch.setattr(site.cluster, "start", lambda: None)
    site.start()
    assert "metrics" in started
    assert site.ticks.look() == site.ticks.seen + 1


def flux_object(kind: str, api: str, name: str, **spec: Any) -> dict[str, Any]:
    meta = {"namespace": "flux-system", "name": name}
    return {"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec}


READS = {"kind": "GitRepository", "name": "config"}


def connect(site: Site) -> None:
    """Have a source and three Kustomizations, one of them suspended, and no agent."""
    put(
        site,
        flux_object("GitRepository", flux.SOURCE_API, "config", interval="10s"),
        *(
            flux_object("Kustomization", flux.KUSTOMIZE_API, name, sourceRef=READS, **more)
            for name, more in {"cluster": {}, "apps": {}, "team": {"suspend": True}}.items()
        ),
    )


def test_the_overview_shows_which_agent_is_away(client: Client, answering: Site) -> None:
    connect(answering)
    text = client.get("/").text
    assert "Flux is away" in section(text, "verdict")
    edge = text.partition('id="edge"')[2].partition('class="feeds"')[0]
    for name in flux.COMPONENTS:
        assert f"{name} is away" in re.sub(r"<[^>]*>", "", edge)
    assert "what differs is put right" not in edge
    pod = flux_object("Pod", "v1", "source-controller-1")
    pod["metadata"]["labels"] = {"app": "source-controller"}
    put(answering, {**pod, "status": {"phase": "Pending"}})
    assert "source-controller is starting" in client.get("/").text
    ready = [{"type": "Ready", "status": "True"}]
    put(answering, {**pod, "status": {"phase": "Running", "conditions": ready}})
    text = client.get("/").text
    assert "agent-source-controller" not in text
    assert "agent-kustomize-controller" in text


def test_sync_now_shows_what_does_the_same(client: Client, answering: Site) -> None:
    connect(answering)
    wanted = "kustomization cluster --with-source &amp;&amp;\nflux reconcile kustomization apps<"
    for path in ("/", PATH):
        text = client.get(path).text
        assert f"flux reconcile {wanted}" in text
        assert "kustomization team" not in text


def shown(text: str, name: str) -> str:
    """Return a command as it is copied."""
    found = re.search(rf'id="{name}"><code>(.*?)</code>', text, re.DOTALL)
    assert found is not None, text
    return html.unescape(found[1])


def test_the_commands_have_the_reason_that_was_given(client: Client, site: Site) -> None:
    desk = Desk(site.repo(), "attendee", known)
    site.proposals = Proposals(lambda: desk)
    # The console's clone asks the port of a lab that is not there: here, the server's folder.
    server = site.seat.root.parent / "server" / "config.git"
    git("remote", "set-url", "origin", str(server), cwd=site.seat.work / "config-repo")
    text = client.get(f"{PATH}?do=release&version=1.2.0&reason=it+is+better").text
    assert shown(text, "command-lab").endswith("--reason 'it is better'")
    assert "Lab-Reason: it is better" in shown(text, "command-with-git")
    assert 'formmethod="get"' in section(text, "do")
    text = client.get(f"{PATH}?do=deautomate").text
    assert 'id="commit"' not in text
    assert "required" in section(text, "do")
    text = client.get(f"{PATH}?do=deautomate&reason=a+rest").text
    assert '<input type="hidden" name="reason" value="a rest">' in section(text, "do")
    assert shown(text, "command-lab").endswith("--reason 'a rest'")


def test_an_instance_is_made_by_git_alone_as_by_the_button(
    client: Client, answering: Site, tmp_path: Path
) -> None:
    answering.repo()
    server = tmp_path / "server" / "config.git"
    git("remote", "set-url", "origin", str(server), cwd=answering.seat.work / "config-repo")
    text = client.get("/instances?name=alps").text
    assert shown(text, "create-command") == "lab instance create alps"
    clone = new_clone(server, tmp_path / "by-hand")
    script = shown(text, "create-with-git")
    subprocess.run(["bash", "-c", script], cwd=clone, check=True, capture_output=True)
    by_hand = git("rev-parse", "main^{tree}", cwd=server)
    told = git("log", "-1", "--format=%B", "main", cwd=server)
    assert "create-with-git" not in client.get("/instances?name=alps").text, "it is there"
    git("push", "--force", "--quiet", "origin", "HEAD~1:main", cwd=clone)
    assert client.post("/instances", data={"name": "alps"}).status_code == 303
    assert git("rev-parse", "main^{tree}", cwd=server) == by_hand
    assert git("log", "-1", "--format=%B", "main", cwd=server) == told
    (answering.seat.root / "instance.json").unlink()
    assert "lower-case letters" in client.get("/instances?name=No+Name").text


def test_ci_is_asked_to_run_by_a_command_and_by_no_button(client: Client) -> None:
    text = client.get("/ci").text
    assert "lab ci run" in text
    assert 'method="post"' not in text
    assert client.post("/ci", data={"commit": "a" * 40}).status_code == 405


def test_a_run_has_the_command_for_its_own_commit(client: Client, site: Site) -> None:
    follower = Follower(site.hub, "ci-3", lambda: (RunLog(ci_run(3), "made\n"), True), 1.0)
    follower._take()
    site.following._followers["ci-3"] = follower
    text = client.get("/ci/3").text
    assert shown(text, "command-again") == f"lab ci run {'c' * 40}"
    assert 'method="post"' not in text


def test_the_newest_runs_are_listed_and_the_rest_is_counted(client: Client, site: Site) -> None:
    site.ci.trouble, site.ci.seen = None, tuple(ci_run(one) for one in range(60, 0, -1))
    text = client.get("/ci").text
    assert text.count('<th scope="row">') == LISTED
    assert "and 10 older" in text
    assert "lab ci runs --limit 60" in text
