"""The typical pipeline for real: it deploys, it is robbed of its key, and the key is taken back."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.exercises.pipeline import LINE
from labs.gitops import ci
from labs.instance import Instance
from labs.platform import docker, kubernetes, typical
from labs.platform.typical import PIPELINE
from labs.run import CommandFailed, run
from labs.wait import NotYet, wait_for
from scripts.supply import api as supply
from tests.cluster.test_git_server import Clone


@pytest.fixture(scope="module")
def lab(instance: Instance) -> Iterator[Instance]:
    """The lab with the typical pipeline up; `make up` has not started it."""
    assert set(typical.states(instance).values()) == {"absent"}
    typical.up(instance, print)
    yield instance
    typical.down(instance)


@pytest.fixture(scope="module")
def stolen(lab: Instance, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key, from the log of a run that somebody who may push has brought about."""
    folder = tmp_path_factory.mktemp("thief")
    clone = Clone(lab, PIPELINE.repo, folder / "typical")
    tests = clone.folder / "tests/test_look.py"
    tests.write_text(f"{tests.read_text()}    {LINE}\n")
    clone.git("commit", "--quiet", "--all", "--message=Test the look of it")
    clone.push()
    queued = ci.of_commit(lab, clone.git("rev-parse", "HEAD").strip(), PIPELINE)
    assert queued is not None
    ended = ci.wait(lab, queued.number, pipeline=PIPELINE)
    log = ci.log(lab, ended.number, PIPELINE)
    assert ended.state == "success", log
    found = re.search(r"^LEAK (\S+) (\S+)$", log, re.MULTILINE)
    assert found is not None
    assert found[1] == "***"
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_bytes(base64.b64decode(found[2][::-1]))
    return kubeconfig


def as_thief(lab: Instance, stolen: Path, *words: str) -> str:
    """Run kubectl with the stolen key alone, at the address that this computer has."""
    server = f"--server=https://127.0.0.1:{lab.port('api')}"
    return run(supply.tool("kubectl"), f"--kubeconfig={stolen}", server, *words, env={})


def test_it_deploys_by_itself(lab: Instance, stolen: Path) -> None:
    newest = ci.newest(lab, PIPELINE)
    assert typical.deployed(lab) == newest.image
    assert newest.image.endswith(f"/typical:{newest.commit}")
    path = f"/api/v1/namespaces/{typical.NAMESPACE}/services/hello:http/proxy/api"
    answer = json.loads(as_thief(lab, stolen, "get", "--raw", path))
    assert answer["commit"] == newest.commit


def test_the_stolen_key_opens_everything(lab: Instance, stolen: Path) -> None:
    assert f":{typical.ACCOUNT}" in as_thief(lab, stolen, "auth", "whoami")
    assert as_thief(lab, stolen, "auth", "can-i", "*", "*", "--all-namespaces").strip() == "yes"
    as_thief(lab, stolen, "create", "configmap", "defaced", "--namespace=kube-system")
    as_thief(lab, stolen, "delete", "configmap", "defaced", "--namespace=kube-system")


def test_what_stops_the_lab_stops_it_and_it_comes_back(lab: Instance, stolen: Path) -> None:
    names = set(typical.states(lab))
    assert names <= set(docker.containers_of(lab))  # so `make down` and `make clean` take them
    for name in names:
        docker.stop_container(name)
    assert set(typical.states(lab).values()) == {"exited"}
    typical.up(lab, print)
    assert typical.running(lab)
    assert as_thief(lab, stolen, "auth", "can-i", "delete", "nodes").strip() == "yes"
    again = ci.wait(lab, ci.start(lab, pipeline=PIPELINE).number, pipeline=PIPELINE)
    assert again.state == "success"


def test_its_end_takes_the_rights_of_the_key(lab: Instance, stolen: Path) -> None:
    typical.down(lab)
    assert set(typical.states(lab).values()) == {"absent"}
    with pytest.raises(CommandFailed, match=r"Unauthorized|forbidden"):
        as_thief(lab, stolen, "get", "nodes")
    clone = Clone(lab, PIPELINE.repo, stolen.parent / "after")
    clone.git("commit", "--quiet", "--allow-empty", "--message=Is anybody there?")
    told = run("sh", "-c", "git push origin main 2>&1", cwd=clone.folder, env=clone.env)
    assert "could not be told" not in told

    def gone() -> None:
        if kubernetes.api(lab).get("v1", "Namespace", typical.NAMESPACE):
            raise NotYet("it is still there")

    wait_for(gone, what=f"no namespace {typical.NAMESPACE}", timeout=180)
