"""The demo on the suite's lab, after the notebooks: ended in the middle, then told to its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from labs.demo.story import STAGES
from labs.gitops import sync
from labs.gitops.config_repo import attendees
from labs.gitops.image_automation import connection
from labs.instance import Instance, write_json
from labs.platform import app, console, git_server, jupyter
from labs.platform.environment import environment
from labs.platform.loopback import DIRECT
from labs.run import run
from tests.cluster.connected import connect

SECONDS = 600
BACK_SECONDS = 180


@dataclass(frozen=True)
class State:
    """All that the demo may not change."""

    config: str
    """The tree of the config repo, every file of it."""
    app_main: str
    version: str
    connected: bool


@pytest.fixture(autouse=True)
def looked_after(instance: Instance) -> None:
    """A lab that Flux looks after, whether or not the notebooks were run before."""
    connect(instance)


def state(instance: Instance) -> State:
    clone = attendees(instance)
    newest = clone.fetch()
    tree = run("git", "rev-parse", f"{newest.sha}^{{tree}}", cwd=clone.path).strip()
    sync.follow(instance, newest.sha, timeout=240)
    heads = run("git", "ls-remote", git_server.url(instance, "app"), "main", env=DIRECT)
    version = str(app.answer(instance)["version"])
    return State(tree, heads.split()[0], version, connection.is_connected(instance))


def start(instance: Instance) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(instance.bin / "lab"), "demo", "--step"],
        env={**os.environ, **environment(instance), "COLUMNS": "80"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, Ctrl-C is ignored by all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.long
def test_ended_in_the_middle_it_puts_everything_back(instance: Instance) -> None:
    before = state(instance)
    with start(instance) as demo:
        assert demo.stdout is not None
        seen, sent = [], 0
        for line in demo.stdout:
            seen.append(line)
            # First when a version was released that is not the lab's own, then without patience.
            if (f"{STAGES[4].title} ─", "given back", "\0")[sent] in line:
                os.killpg(demo.pid, signal.SIGINT)
                sent += 1
        code = demo.wait(timeout=BACK_SECONDS)
    assert code == 130, "".join(seen)
    assert "".join(seen).count("given back") == 1
    assert not (instance.root / "loan.json").exists()
    assert state(instance) == before


@pytest.mark.long
def test_it_tells_the_whole_story_and_leaves_the_lab_as_it_was(
    instance: Instance, output: Path
) -> None:
    before = state(instance)
    began = time.monotonic()
    with start(instance) as demo:
        text, _ = demo.communicate(timeout=SECONDS)
    took = time.monotonic() - began
    assert demo.returncode == 0, text
    story, _, table = text.partition("what happened")
    for number, stage in enumerate(STAGES, 1):
        assert f"{number} of {len(STAGES)} · {stage.title}" in story
    rows = re.findall(r"^ ?(\d+)  \S.*?(\d+\.\d)$", table, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(STAGES) + 1))
    # Commands stay on one line, so that they can be copied.
    wide = [x for x in text.splitlines() if len(x) > 80 and not x.startswith("   $ ")]
    assert wide == []
    for part in (console.address, jupyter.address, git_server.base_url):
        assert part(instance) in table
    assert state(instance) == before
    seconds = {stage.title: float(s) for stage, (_, s) in zip(STAGES, rows, strict=True)}
    write_json(output / "demo.json", {"seconds": round(took, 1), "stages": seconds})
