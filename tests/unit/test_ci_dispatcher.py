"""The dispatcher over HTTP, with a real repository, a real hook and the runner's own client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ci import secrets_file
from ci.dispatcher import Service
from ci.intake import Intake
from ci.link import Gone, Link, Reporter, Unreachable
from ci.runs import Runs
from ci.source import Source, Unknown
from labs.instance import PROJECT
from labs.platform.loopback import Answer, fetch, stream
from labs.wait import NotYet, wait_for

HOOK = PROJECT / "scripts/images/git-server/notify.py"
SECRETS = {"hook": "signs", "runner": "token"}


@dataclass
class Desk:
    """A dispatcher that serves, and a repository whose pushes it is told of."""

    url: str
    service: Service
    clone: Path
    server: Path
    home: Path

    def git(self, *words: str, cwd: Path | None = None) -> str:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_NAME": "A" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "a@b" for who in ("AUTHOR", "COMMITTER")},
            "REMOTE_USER": "attendee",
            "GIT_NOTIFY": str(self.home / "notify"),
        }
        done = subprocess.run(
            ["git", *words], cwd=cwd or self.clone, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return (done.stdout + done.stderr).strip()

    def commit(self, subject: str) -> str:
        self.git("commit", "--quiet", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def listen(self, url: str) -> None:
        listener = {"repos": ["app"], "url": url, "secret": SECRETS["hook"]}
        (self.home / "notify").mkdir(exist_ok=True)
        (self.home / "notify/ci.json").write_text(json.dumps(listener))

    def post(self, path: str, value: object, signed_with: str = SECRETS["hook"]) -> Answer:
        body = json.dumps(value).encode()
        header = {"X-Signature": secrets_file.signature(signed_with, body)}
        return fetch(self.url + path, header, method="POST", body=body)

    def commits(self) -> list[str]:
        return [run.commit for run in self.service.runs.all()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("CI_SECRETS", str(tmp_path / "secrets.json"))
    (tmp_path / "secrets.json").write_text(json.dumps(SECRETS))
    server, clone = tmp_path / "app.git", tmp_path / "clone"
    clone.mkdir()
    runs = Runs(tmp_path / "runs")
    source = Source(str(server), tmp_path / "mirror.git")
    intake = Intake(runs, source, "app", "main", tmp_path / "seen.json")
    service = Service(("127.0.0.1", 0), runs, intake)
    address = f"http://127.0.0.1:{service.server_address[1]}"
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    made = Desk(address, service, clone, server, tmp_path)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-receive").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HOOK}"\n')
    (hooks / "post-receive").chmod(0o755)
    made.git("init", "-q", "--bare", "-b", "main", str(server))
    made.git("-C", str(server), "config", "core.hooksPath", str(hooks))
    made.git("init", "-q", "-b", "main")
    made.git("remote", "add", "origin", str(server))
    made.commit("first")
    made.git("push", "origin", "main")
    assert intake.catch_up() is None, "what comes with the lab gets no run"
    made.listen(f"{address}/hook")
    yield made
    service.shutdown()
    service.server_close()
    thread.join()


def test_a_message_that_is_no_utf_8_is_told_as_well(desk: Desk) -> None:
    desk.git("config", "i18n.commitEncoding", "none-that-git-knows")
    desk.commit("caf\udce9 \udcff")
    assert "CI: run 1 is queued" in desk.git("push", "origin", "main")


def test_a_push_is_a_run_and_its_pusher_hears_of_it(desk: Desk) -> None:
    commit = desk.commit("second")
    assert "CI: run 1 is queued" in desk.git("push", "origin", "main")
    run = desk.service.runs.all()[0]
    assert (run.commit, run.subject, run.pusher, run.reason) == (
        commit,
        "second",
        "attendee",
        "push",
    )


def test_two_pushes_are_two_runs(desk: Desk) -> None:
    pushed = []
    for subject in ("second", "third"):
        pushed.append(desk.commit(subject))
        said = desk.git("push", "origin", "main")
    assert "run 2 is queued, after 1 other(s)" in said
    assert desk.commits() == pushed


def test_other_branches_get_no_run_and_that_is_said(desk: Desk) -> None:
    desk.commit("second")
    assert "no run for refs/heads/idea" in desk.git("push", "origin", "HEAD:idea")
    assert desk.commits() == []


def test_a_push_goes_in_while_ci_is_away_and_is_found_later(desk: Desk) -> None:
    desk.listen("http://127.0.0.1:1/hook")
    desk.commit("second")
    last = desk.commit("third")
    assert "could not be told" in desk.git("push", "origin", "main")
    assert desk.service.intake.catch_up() is None, "it may be told yet"
    run = desk.service.intake.catch_up()
    assert run is not None
    assert run.commit == last
    assert "the newest of 2 commits" in run.reason
    assert desk.service.intake.catch_up() is None


def test_who_refuses_for_a_moment_is_told_all_the_same(desk: Desk) -> None:
    class Late(Service):
        """Holds its port, and refuses until it is told to listen: nobody takes it meanwhile."""

        timeout = 30

        def server_activate(self) -> None:
            pass

    late = Late(("127.0.0.1", 0), desk.service.runs, desk.service.intake)
    desk.listen(f"http://127.0.0.1:{late.server_address[1]}/hook")

    def come_in() -> None:
        with late:
            late.socket.listen()
            late.handle_request()

    coming = threading.Timer(1.0, come_in)
    coming.start()
    commit = desk.commit("second")
    assert "run 1 is queued" in desk.git("push", "origin", "main")
    coming.join()
    assert desk.commits() == [commit]


def test_a_push_that_was_missed_comes_before_the_next_one(desk: Desk) -> None:
    desk.listen("http://127.0.0.1:1/hook")
    missed = desk.commit("second")
    desk.git("push", "origin", "main")
    desk.listen(f"{desk.url}/hook")
    heard = desk.commit("third")
    desk.git("push", "origin", "main")
    assert desk.commits() == [missed, heard]
    assert "CI was not told" in desk.service.runs.all()[0].reason


def test_a_push_that_the_first_look_of_all_found_gets_its_run(desk: Desk) -> None:
    """It was in the branch, and its hook not yet heard, when CI looked where the branch is."""
    (desk.home / "seen.json").unlink()
    desk.listen("http://127.0.0.1:1/hook")
    commit = desk.commit("second")
    desk.git("push", "origin", "main")
    assert desk.service.intake.catch_up() is None
    update = {"ref": "refs/heads/main", "old": "1" * 40, "new": commit, "subject": "second"}
    event = {"repo": "app", "pusher": "attendee", "updates": [update]}
    assert "run 1 is queued" in str(desk.service.intake.pushed(event))
    assert "found this push already" in str(desk.service.intake.pushed(event))
    assert desk.commits() == [commit]


def test_a_run_can_be_asked_for(desk: Desk) -> None:
    first = desk.git("rev-parse", "HEAD")
    assert desk.post("/runs", {"commit": first[:10], "by": "attendee"}).status == 202
    assert desk.post("/runs", {"by": "attendee"}).status == 202
    assert desk.commits() == [first, first]
    unknown = desk.post("/runs", {"commit": "0123456", "by": "attendee"})
    assert unknown.status == 404


@pytest.mark.parametrize("path", ["/hook", "/runs"])
def test_what_is_not_signed_starts_nothing(desk: Desk, path: str) -> None:
    assert desk.post(path, {"by": "x"}, signed_with="guess").status == 403
    assert fetch(desk.url + path, method="POST", body=b"{}").status == 403
    (desk.home / "secrets.json").unlink()
    assert desk.post(path, {"by": "x"}, signed_with="").status == 403
    assert desk.commits() == []


def test_the_runner_needs_its_token(desk: Desk) -> None:
    for header in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Bearer "}):
        answer = fetch(f"{desk.url}/runner/next", header, method="POST", body=b"{}")
        assert answer.status == 403
    (desk.home / "secrets.json").write_text(json.dumps({**SECRETS, "runner": "other"}))
    link = Link(desk.url, "s")
    assert link.ask("/runner/hello") == {}  # it reads the same file
    with pytest.raises(Unreachable):
        Link("http://127.0.0.1:1", "s").ask("/runner/hello")


def test_a_runner_does_a_run_and_the_log_streams(desk: Desk) -> None:
    desk.commit("second")
    desk.git("push", "origin", "main")
    link = Link(desk.url, "s")
    job = link.ask("/runner/next")["run"]
    assert (job["number"], job["state"]) == (1, "running")
    parts: list[bytes] = []
    follower = threading.Thread(
        target=lambda: parts.extend(stream(f"{desk.url}/runs/1/log?follow", timeout=30))
    )
    follower.start()
    reporter = Reporter(link, 1, stop=lambda why: None)
    reporter.tell({"log": "one"})

    def one_arrived() -> None:
        if parts != [b"one\n"]:
            raise NotYet(str(parts))

    wait_for(one_arrived, what="the first line, while the run goes on", timeout=20, interval=0.05)
    reporter.tell({"stage": {"name": "Lint", "result": "success", "seconds": 1.0}})
    reporter.tell({"log": "two"})
    reporter.tell({"output": {"digest": "sha256:1"}})
    reporter.finish()
    link.ask("/runner/runs/1/end", result="success", why="")
    follower.join(timeout=20)
    assert b"".join(parts) == b"one\ntwo\n"
    run = json.loads(fetch(f"{desk.url}/runs/1").body)
    assert (run["state"], run["outputs"]) == ("success", {"digest": "sha256:1"})
    assert [stage["name"] for stage in run["stages"]] == ["Lint"]
    with pytest.raises(Gone):
        link.ask("/runner/runs/1/end", result="success", why="")


def test_a_run_that_was_given_up_stops_its_runner(desk: Desk) -> None:
    desk.post("/runs", {"by": "attendee"})
    link, stopped = Link(desk.url, "s"), threading.Event()
    link.ask("/runner/next")
    reporter = Reporter(link, 1, stop=lambda why: stopped.set())
    desk.service.runs.greet("another")
    reporter.tell({"log": "unheard"})
    assert stopped.wait(20)
    reporter.finish()
    assert "interrupted" in reporter.lost
    assert desk.service.runs.read_log(1).decode().startswith("interrupted: the runner was rest")


def test_what_everybody_may_ask(desk: Desk) -> None:
    for subject in ("second", "third"):
        desk.commit(subject)
        desk.git("push", "origin", "main")
    listing = json.loads(fetch(f"{desk.url}/runs?limit=1").body)
    assert [run["number"] for run in listing["runs"]] == [2]
    assert json.loads(fetch(f"{desk.url}/healthy").body) == {"secrets": True}
    assert fetch(f"{desk.url}/runs/9").status == 404
    assert fetch(f"{desk.url}/elsewhere").status == 404
    with urllib.request.urlopen(f"{desk.url}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b"ci_runs_queued 2" in answer.read()
    for told in (fetch(f"{desk.url}/runs").body, fetch(f"{desk.url}/metrics").body):
        assert not any(secret.encode() in told for secret in ("signs", "token"))


def test_a_source_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unknown, match="nowhere"):
        Source(str(tmp_path / "nowhere.git"), tmp_path / "mirror.git").head("main")
