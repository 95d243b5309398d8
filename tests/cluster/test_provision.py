"""The playbook on this machine, whose engine stays as it is, and on one that has nothing.

The second is a Debian root of the test's own with processes, network and mounts of its own: the
engine is installed there from packages alone, as from a bundle at a venue without a network.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.instance import PROJECT, Instance
from labs.platform import machine
from labs.run import run
from labs.wait import NotYet, wait_for
from scripts.supply import catalogue, export

SYSTEM_PYTHON = Path(sys.base_prefix).resolve() == Path("/usr")
"""Then .venv's Python is the system's, and the empty machine needs one of its own."""
ENTER = """
mount --make-rprivate /
mount -t proc proc {root}/proc
mount --rbind /dev {root}/dev
mount --rbind /sys {root}/sys
mount -t tmpfs tmpfs {root}/run
mount -t tmpfs tmpfs {root}/var/lib/docker
for folder in {folders}; do
  mkdir -p {root}$folder
  mount --bind $folder {root}$folder
  mount -o remount,bind,ro {root}$folder
done
exec chroot {root} env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \\
  LAB_HOME=/root/lab PYTHONDONTWRITEBYTECODE=1 bash -e {script}
"""
SCRIPT = """
cd {project}
play() {{ {python} -c '
import json, pathlib, sys
from labs.platform import machine
changed = machine.play(["engine"], debs=pathlib.Path("{debs}"), always=bool(sys.argv[1:]))
print(json.dumps(changed), flush=True)
' "$@"; }}

play
docker version --format '{{{{.Server.Version}}}}'
play
play always

# Everything of the engine is killed at once, and the pids that it wrote down are others' by now.
# The second may have ended with the first: that is no line of what is read below.
kill -9 $(cat /run/docker.pid) $(cat /run/docker/containerd/containerd.pid) 2>/dev/null
while docker version >/dev/null 2>&1; do :; done
sleep 1000 & stranger=$!
echo $stranger >/run/docker.pid
echo $stranger >/run/docker/containerd/containerd.pid
play
docker version --format '{{{{.Server.Version}}}}'
kill -0 $stranger && echo "the stranger lives"
docker info --format '{{{{.DefaultRuntime}}}}'
"""


@pytest.fixture(scope="module")
def empty_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Debian without Docker and network; what runs in it ends with the test.

    It keeps apt's lists, as where somebody has called `apt-get update` on another day: apt knows
    the engine's packages there from an archive that it cannot reach.
    """
    machine.ensure(print, "supply_tools")
    root = tmp_path_factory.mktemp("machine") / "root"
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    packages = "ca-certificates,python3" if SYSTEM_PYTHON else "ca-certificates"
    words = ["--variant=minbase", f"--include={packages}", "--skip=cleanup/apt/lists"]
    run("mmdebstrap", *words, suite, root, timeout=900)
    (root / "var/lib/docker").mkdir(parents=True)
    yield root
    run("rm", "-rf", root)


@pytest.mark.long
def test_a_second_run_changes_nothing_here(instance: Instance) -> None:
    """Once as it is, where an engine answers, and once through all of the roles."""
    assert machine.play(["engine"]) == []
    roles = ["engine", "supply_tools", "browser"]
    machine.play(roles, always=True)  # a machine that others use may lack some package until now
    assert machine.play(roles, always=True) == []
    assert "changed=0" in (instance.logs / "provision.log").read_text()


@pytest.mark.long
def test_on_a_machine_with_nothing_the_engine_is_installed_and_healed(
    empty_machine: Path, tmp_path: Path, output: Path
) -> None:
    debs = tmp_path / "debs"
    debs.mkdir()
    export.debs(debs, catalogue.load())
    inside = tmp_path / "inside.sh"
    python = PROJECT / ".venv/bin/python"
    inside.write_text(SCRIPT.format(project=PROJECT, python=python, debs=debs))
    folders = [PROJECT, tmp_path, *([] if SYSTEM_PYTHON else [Path(sys.base_prefix).resolve()])]
    enter = ENTER.format(root=empty_machine, folders=" ".join(map(str, folders)), script=inside)
    log = output / "provision-empty-machine.log"
    with log.open("w") as out:
        # A PID namespace of its own: whatever is started in it ends with its first process.
        process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec", enter],
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def ended() -> int:
            code = process.poll()
            if code is None:
                raise NotYet(log.read_text()[-200:])
            return code

        try:
            code = wait_for(ended, what="the playbook on an empty machine", timeout=900)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=30)
    lines = log.read_text().splitlines()
    assert code == 0, "\n".join(lines[-40:])
    first, version, second, third, after_kill, again, stranger, runtime = lines[-8:]
    assert "Install the engine from the bundle" in json.loads(first)
    assert "Start the engine directly" in json.loads(first)
    assert (json.loads(second), json.loads(third)) == ([], [])
    assert json.loads(after_kill) == ["Start the engine directly"]
    assert version == again
    assert stranger == "the stranger lives"
    assert runtime in ("runc", "within-bounds")
