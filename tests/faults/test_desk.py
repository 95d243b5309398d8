"""What a reader has open: the console's pages, a notebook's kernel."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import httpx
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from labs.instance import Instance
from labs.platform import console, jupyter, jupyter_config, processes
from labs.platform.loopback import fetch
from labs.wait import NotYet, wait_for
from tests.faults.conftest import MakeTrial
from tests.faults.reader import Reader

pytestmark = pytest.mark.fault

PAGES = 3
SECONDS = 60.0


class Page:
    """A page that is open: its stream, begun again when it breaks off, as a browser's is."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.opened = self.changed = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        while not self._ended.wait(0.2):
            try:
                with self._client.stream("GET", "/stream", params={"topics": "git"}) as answer:
                    for line in answer.iter_lines():
                        self.opened += line == "event: open"
                        self.changed += line == "event: changed"
                        if self._ended.is_set():
                            return
            except httpx.TransportError:  # it was cut off, or nobody listens: as a browser does
                continue

    def close(self) -> None:
        self._ended.set()

    def wait_for(self, opened: int, changed: int) -> None:
        """Wait until it was opened and told of changes more often than this."""

        def seen() -> None:
            if self.opened <= opened or self.changed <= changed:
                raise NotYet(f"opened {self.opened}, changed {self.changed}")

        wait_for(seen, what="the page's stream", timeout=SECONDS, interval=0.05)


def test_console_killed_with_pages_open(lab: Instance, trial: MakeTrial) -> None:
    client = httpx.Client(base_url=f"http://127.0.0.1:{lab.port('console')}", timeout=30)
    client.get("/", params={"token": console.token(lab)}, follow_redirects=True).raise_for_status()
    pages = [Page(client) for _ in range(PAGES)]
    try:
        for each in pages:
            each.wait_for(0, -1)
        with trial(f"console killed with {PAGES} pages open", by="`lab console`") as one:
            before = [(each.opened, each.changed) for each in pages]
            running = console.pid(lab)
            assert running is not None
            one.begin()
            os.kill(running, signal.SIGKILL)
            wait_for(lambda: gone(running), what="the console's end", timeout=10, interval=0.02)
            console.ensure(lab)
            for each, (opened, changed) in zip(pages, before, strict=True):
                each.wait_for(opened, changed)
            told = [each.changed for each in pages]
            commit = Reader(lab).say("The console was killed")
            for each, changed in zip(pages, told, strict=True):
                each.wait_for(0, changed)
            one.seen.append("each page's stream came again, and told of the next commit")
        # The same cookie opens the pages, and they tell of the new commit.
        assert commit[:7] in client.get("/").raise_for_status().text
    finally:
        for each in pages:
            each.close()
        console.ensure(lab)
        client.close()


def gone(pid: int) -> None:
    if processes.alive(pid):
        raise NotYet(f"process {pid} is still there")


def test_kernel_killed(lab: Instance, trial: MakeTrial) -> None:
    """JupyterLab starts the kernel again; what a notebook says stays, what it computed does not."""
    jupyter.ensure(lab)
    kernel = ask(lab, "POST", "/api/kernels", {"name": "python3"})["id"]
    file = jupyter_config.home(lab) / "runtime" / f"kernel-{kernel}.json"
    client = connected(file)
    costs = ("the kernel's variables",)
    try:
        execute(client, "answer = 42")
        with trial("JupyterLab's kernel killed", by="JupyterLab", costs=costs) as one:
            [running] = processes.find(str(file))
            one.begin()
            os.kill(running, signal.SIGKILL)
            wait_for(lambda: gone(running), what="the kernel's end", timeout=10, interval=0.02)

            def restarted() -> None:
                if not set(processes.find(str(file))) - {running}:
                    raise NotYet("JupyterLab has not started it again")

            wait_for(restarted, what="another kernel", timeout=SECONDS, interval=0.05)
            client.stop_channels()
            client = connected(file)
            assert execute(client, "assert 'answer' not in dir()") == "ok"
            said = execute(client, "from labs import lab; lab.progress()")
            assert said == "ok", "a notebook's first cell runs in the new kernel"
            one.seen.append("a notebook's first cell runs again")
    finally:
        client.stop_channels()
        ask(lab, "DELETE", f"/api/kernels/{kernel}")


def connected(file: Path) -> BlockingKernelClient:
    """Return a client of a kernel, as soon as that answers: a new one has no heartbeat yet."""

    def answering() -> BlockingKernelClient:
        client = BlockingKernelClient(connection_file=str(file))
        client.load_connection_file()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=SECONDS)
        except RuntimeError as early:
            client.stop_channels()
            raise NotYet(str(early)) from early
        return client

    return wait_for(answering, what="the kernel answering", timeout=2 * SECONDS)


def execute(client: BlockingKernelClient, code: str) -> str:
    answer = client.execute_interactive(code, timeout=SECONDS, output_hook=lambda message: None)
    return str(answer["content"]["status"])


def ask(lab: Instance, method: str, path: str, body: object = None) -> dict[str, str]:
    answer = fetch(
        f"http://127.0.0.1:{lab.port('jupyter')}{path}",
        {"Authorization": f"token {jupyter_config.token(lab)}"},
        method=method,
        body=None if body is None else json.dumps(body).encode(),
    )
    assert answer.status < 300, answer
    return dict(json.loads(answer.body or b"{}"))
