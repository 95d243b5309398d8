"""A node that has stopped keeps its ports, and another program may have come to listen on one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from labs.errors import LabError
from labs.platform import docker, node_ports
from labs.platform import preconditions as pre
from labs.run import CommandFailed

PARTS = {"api": 6443, "app": 30080, "prometheus": 30091}


@pytest.fixture
def busy() -> Iterator[int]:
    """A port of this machine on which somebody listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


@pytest.fixture
def node(busy: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A stopped node, made before Prometheus' port was published; its app's port is taken."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        api = free.getsockname()[1]
    bindings = {"6443/tcp": [{"HostPort": str(api)}], "30080/tcp": [{"HostPort": str(busy)}]}
    found = {"HostConfig": {"PortBindings": bindings}, "State": {"Status": "exited"}}
    monkeypatch.setattr(docker, "inspect", lambda what, name: found)
    return found


def test_what_another_program_holds_is_seen_while_the_node_has_stopped(
    node: dict[str, Any], busy: int
) -> None:
    assert node_ports.taken("a-node", PARTS) == {"app": busy}
    node["State"]["Status"] = "running"
    assert node_ports.taken("a-node", PARTS) == {}, "then it is the node itself"


def test_it_is_not_started_and_the_port_is_named_with_what_helps(
    node: dict[str, Any], busy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_ports, "engine", lambda *words: pytest.fail(f"docker {words}"))
    with pytest.raises(LabError) as error:
        node_ports.start("a-node", PARTS)
    assert f"{busy} (app)" in error.value.found
    assert "a-node" in error.value.expected
    assert "make reset" in error.value.todo
    assert "another port; `ss" not in error.value.todo, "what holds for a container with no node"


def test_a_port_that_the_engine_alone_knows_to_be_taken_is_told_the_same(
    node: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    node["HostConfig"]["PortBindings"] = {}
    said = LabError("port 8080 on 127.0.0.1 is in use", expected="free", todo="run `make up` again")
    other = CommandFailed(["docker"], 1, "", "no such container", "todo")
    for refusal, told in ((said, "make reset"), (other, "todo")):

        def start(*words: str, refusal: LabError = refusal) -> str:
            raise refusal

        monkeypatch.setattr(node_ports, "engine", start)
        with pytest.raises(LabError) as error:
            node_ports.start("a-node", PARTS)
        assert told in error.value.todo


def test_the_doctor_says_that_the_lab_cannot_come_up_so() -> None:
    finding = pre.ports({"app": 8080}, [8080], {"app": 8080})
    assert (finding.state, finding.found) == ("blocks", "in use: 8080 (app)")
    assert "make reset" in finding.remedy
    assert pre.ports({"app": 8080}, [8080], {}).state == "ok"
