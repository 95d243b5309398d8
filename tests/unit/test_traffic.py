"""The visitors: a steady rate whatever becomes of their requests, switched by a commit."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
import yaml
from prometheus_client import CollectorRegistry

from labs.errors import LabError
from labs.gitops import traffic
from labs.instance import PROJECT, next_free_port
from labs.platform.loopback import fetch
from labs.traffic import load
from labs.traffic.__main__ import rate
from labs.traffic.load import NOT_SENT, Load
from labs.traffic.target import NO_ANSWER, Target, ask
from labs.wait import NotYet, wait_for
from scripts.supply import catalogue
from tests.unit.engine_desk import Office, office, template

Sent: TypeAlias = tuple[float, dict[str, float]]
HERE = PROJECT / "config-repo-template" / "monitoring" / "traffic"


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[Target]:
    """Serve one answer to everybody; None lets them wait until they go away."""
    served_all = []

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served_all.append(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1], "/")
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*filter(None, served_all))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nwords", "200"),
        (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", "500"),
        (b"", NO_ANSWER),
        (b"SSH-2.0-OpenSSH_9.2\r\n", NO_ANSWER),
    ],
)
def test_an_answer_is_its_code(answer: bytes, code: str) -> None:
    async def asked() -> str:
        async with answering(answer) as target:
            return await ask(target)

    assert asyncio.run(asked()) == code


def test_who_is_late_or_away_did_not_answer() -> None:
    async def asked() -> list[str]:
        async with answering(None) as target:
            late = await ask(target, seconds=0.05)
        return [late, await ask(target)]  # nobody listens there any more

    assert asyncio.run(asked()) == [NO_ANSWER, NO_ANSWER]


def counted(registry: CollectorRegistry) -> dict[str, float]:
    """Return how many requests there were, by code."""
    return {
        sample.labels["code"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "traffic_requests_total"
    }


def test_an_app_that_hangs_slows_nobody_down_and_is_waited_for_in_the_end() -> None:
    async def sent(most: int, enough: Callable[[float, dict[str, float]], bool]) -> Sent:
        answers = asyncio.Event()

        async def hangs() -> str:
            await answers.wait()
            return "200"

        busy = Load(hangs, rate=100, most=most)
        ended = asyncio.Event()
        running = asyncio.create_task(busy.run(ended))

        def waiting() -> float:
            return busy.registry.get_sample_value("traffic_requests_under_way") or 0

        async with asyncio.timeout(20):
            while not enough(waiting(), counted(busy.registry)):
                await asyncio.sleep(0.01)
        ended.set()
        asyncio.get_running_loop().call_soon(answers.set)
        left = waiting()
        await running
        return left, counted(busy.registry)

    # One after the other, only one would be under way.
    waiting, found = asyncio.run(sent(1000, lambda waiting, _: waiting > 10))
    assert found == {"200": waiting}, "each that was sent was waited for"
    waiting, found = asyncio.run(sent(5, lambda _, found: found.get(NOT_SENT, 0) > 10))
    assert found["200"] == waiting == 5


def test_what_was_missed_while_held_up_is_not_asked_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load, "BEHIND", 0.1)

    async def sent() -> float:
        async def answers() -> str:
            return "200"

        steady = Load(answers, rate=100)
        ended = asyncio.Event()
        running = asyncio.create_task(steady.run(ended))
        await asyncio.sleep(0)
        time.sleep(0.5)  # the whole process stands still
        await asyncio.sleep(0.05)
        ended.set()
        await running
        return counted(steady.registry)["200"]

    assert asyncio.run(sent()) < 30


@pytest.mark.parametrize("text", ["0", "-1", "many", "201", "nan"])
def test_a_rate_that_cannot_be_is_told_with_what_can(text: str) -> None:
    with pytest.raises(ValueError, match="above 0, 200 at most"):
        rate(text)


@pytest.mark.parametrize("url", ["hello", "https://hello/", "http:///x", "http://a b/"])
def test_a_target_that_cannot_be_is_told_with_what_can(url: str) -> None:
    with pytest.raises(ValueError, match=r"like http://hello\.production/"):
        Target.read(url)


def test_the_process_tells_its_metrics_and_ends_when_told(tmp_path: Path) -> None:
    told = yaml.safe_load((HERE / "deployment.yaml").read_text())
    [pod] = told["spec"]["template"]["spec"]["containers"]
    assert pod["command"][1:] == ["-m", "labs.traffic"]
    port = next_free_port(19401, set())
    process = subprocess.Popen(
        [sys.executable, *pod["command"][1:]],
        cwd=PROJECT,
        env={**os.environ, "TRAFFIC_TARGET": "http://127.0.0.1:1/", "PORT": str(port)},
    )

    def scraped() -> str:
        text = fetch(f"http://127.0.0.1:{port}/metrics").body.decode()
        if f'traffic_requests_total{{code="{NO_ANSWER}"}}' not in text:
            raise NotYet("nothing was sent yet")
        return text

    try:
        assert "traffic_wanted_rate 10.0" in wait_for(scraped, what="metrics", timeout=20)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def plain(tmp_path: Path) -> Office:
    return office(tmp_path, template())


def test_a_commit_switches_it_on_and_another_off(plain: Office) -> None:
    handed_out = plain.text(traffic.PATH)
    assert yaml.safe_load(handed_out)["spec"]["replicas"] == 0
    shown = plain.do(traffic.switch(plain.desk, True, 25, reason="the\ntalk"))
    lines = [line for line in shown.splitlines() if line.startswith(("+ ", "- "))]
    assert [line.split("#")[0].split()[1:] for line in lines] == [
        ["replicas:", "0"],
        ["replicas:", "1"],
        ["value:", '"10"'],
        ["value:", '"25"'],
    ]
    commit = plain.desk.repo.commit()
    assert commit.subject == "Switch traffic on at 25 requests a second"
    assert commit.trailers == {
        "Lab-Event": "commit",
        "Lab-By": "attendee",
        "Lab-Reason": "the talk",
    }
    with pytest.raises(LabError, match="on already"):
        plain.do(traffic.switch(plain.desk, True, 25))
    plain.do(traffic.switch(plain.desk, False))
    assert plain.text(traffic.PATH) == handed_out.replace('"10"', '"25"')


def test_a_repo_without_it_and_a_rate_that_cannot_be_are_told(tmp_path: Path) -> None:
    bare = office(tmp_path, {"README.md": "old\n"})
    with pytest.raises(LabError, match="no monitoring/traffic") as caught:
        traffic.switch(bare.desk, True)
    assert "lab monitoring files" in caught.value.todo
    with pytest.raises(LabError, match="a rate of 0 requests"):
        traffic.switch(bare.desk, True, 0)


def test_the_pod_has_no_more_than_it_needs() -> None:
    told = yaml.safe_load((HERE / "deployment.yaml").read_text())
    image = catalogue.load().images["exporter"]
    assert {"labs/__init__.py", "labs/traffic"} <= set(image.include)
    pod = told["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["image"] == f"{image.name}:{image.version}"
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
