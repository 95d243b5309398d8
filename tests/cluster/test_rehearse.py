"""A rehearsal beside a lab in progress: of a cheap lab, cut off; of two, to its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labs import catalogue
from labs.instance import PROJECT, Instance
from labs.platform import docker, kind
from labs.rehearse import SUFFIX
from labs.run import run

SECONDS = 600
LAB = catalogue.lab_named("your-cluster")


def start(instance: Instance, *labs: catalogue.Lab) -> subprocess.Popen[str]:
    numbers = ",".join(str(lab.number) for lab in labs)
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "labs.cli", "rehearse", "--labs", numbers],
        env={**os.environ, "LAB_NAME": instance.name, "LAB_HOME": str(instance.root.parent)},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, Ctrl-C is ignored by all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def left(instance: Instance) -> dict[str, list[str]]:
    """Return what there is of a rehearsal's lab, by kind."""
    own = f"{instance.name}{SUFFIX}"
    label = f"label=gitops-hackfest.lab={own}"
    found = {
        what[0]: run("docker", *what, "--quiet", "--filter", label).split()
        for what in (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
    }
    root = instance.root.with_name(own)
    node = kind.node(Instance(own, root))
    found["node"] = [node] if docker.state(node) != "absent" else []
    kept = instance.root.parent / "kept"
    found["folders"] = [str(path) for path in (root, *kept.glob(f"{own}-*")) if path.exists()]
    return found


NOTHING: dict[str, list[str]] = {"ps": [], "volume": [], "network": [], "node": [], "folders": []}


def ids(instance: Instance) -> str:
    names = docker.containers_of(instance)
    return run("docker", "inspect", "--format", "{{.Id}} {{.State.StartedAt}}", *names)


@pytest.mark.long
def test_ended_by_ctrl_c_it_leaves_nothing(instance: Instance) -> None:
    beside = ids(instance)
    with start(instance, LAB) as running:
        assert running.stdout is not None
        seen = []
        for line in running.stdout:
            seen.append(line)
            if line.startswith("✓ Network, Git server, registry"):
                assert left(instance) != NOTHING
                os.killpg(running.pid, signal.SIGINT)
            if line.startswith("✓ JupyterLab and console"):  # it is being deleted
                os.killpg(running.pid, signal.SIGINT)  # without patience
        code = running.wait(timeout=SECONDS)
    assert code == 130, "".join(seen)
    assert left(instance) == NOTHING
    assert ids(instance) == beside


@pytest.mark.long
def test_it_says_fit_and_is_gone(instance: Instance) -> None:
    labs = (LAB, catalogue.lab_named("monitoring"))  # which needs somebody who asks the app
    beside = ids(instance)
    with start(instance, *labs) as running:
        text, _ = running.communicate(timeout=SECONDS)
    assert running.returncode == 0, text
    for lab in labs:
        assert re.search(rf"^✓ Start of lab {lab.heading}", text, re.MULTILINE)
        assert re.search(rf"^✓ Lab {lab.heading} +\d", text, re.MULTILINE)
        log = Path(
            instance.root.parent, "rehearsals", instance.name, f"{Path(lab.notebook).stem}.log"
        )
        assert f"All steps of lab {lab.heading} are done." in log.read_text()
    last, steps = text.splitlines()[-1], sum(len(lab.steps) for lab in labs)
    assert re.fullmatch(rf"Fit: 2 labs, {steps} steps, in \d+ (s|min)\.", last), text
    assert left(instance) == NOTHING
    assert ids(instance) == beside
