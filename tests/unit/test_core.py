"""errors, run, wait, instance: what every other module relies on."""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import PREFERRED_PORTS, PROJECT, Instance, next_free_port, write_json
from labs.platform import kind
from labs.run import CommandFailed, run
from labs.wait import NotYet, TimedOut, wait_for


def test_an_error_is_found_expected_next() -> None:
    text = str(LabError("a", expected="b", todo="c"))
    assert [line.split(":")[0] for line in text.splitlines()] == ["found", "expected", "next"]


def test_run_returns_stdout_alone() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr)"
    assert run(sys.executable, "-c", code) == "out\n"


def test_a_failed_command_shows_code_and_both_streams() -> None:
    code = "import sys; print('good'); print('bad', file=sys.stderr); sys.exit(3)"
    with pytest.raises(CommandFailed) as caught:
        run(sys.executable, "-c", code)
    assert caught.value.code == 3
    for part in ("ended with 3", "good", "bad"):
        assert part in str(caught.value)


def test_a_missing_command_is_named() -> None:
    with pytest.raises(CommandFailed, match="no-such-program"):
        run("no-such-program")


def test_a_command_that_never_ends_is_ended() -> None:
    with pytest.raises(CommandFailed, match=r"no end after 0 s") as caught:
        run(sys.executable, "-c", "import time; time.sleep(60)", timeout=0.3)
    assert "started" not in caught.value.stdout


def test_wait_returns_the_value_and_tells_the_states() -> None:
    states = iter(["one", "two"])
    seen: list[str] = []

    def condition() -> int:
        state = next(states, None)
        if state is not None:
            raise NotYet(state)
        return 7

    done = wait_for(
        condition, what="x", timeout=5, interval=0.01, on_wait=lambda state, _: seen.append(state)
    )
    assert done == 7
    assert seen == ["one", "two"]


def test_wait_ends_with_the_last_state() -> None:
    def condition() -> None:
        raise NotYet("2 of 3 pods")

    with pytest.raises(TimedOut, match="2 of 3 pods"):
        wait_for(condition, what="3 pods", timeout=0.05, interval=0.01)


@pytest.mark.parametrize("name", ["Upper", "1st", "a b", "x" * 40, "ends-"])
def test_a_bad_name_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_NAME", name)
    with pytest.raises(LabError, match="LAB_NAME"):
        Instance.current()


def test_two_instances_share_nothing(tmp_path: Path) -> None:
    one, two = (Instance(name, tmp_path / name) for name in ("one", "two"))
    for what in ("kubeconfig", "work", "network", "labels"):
        assert getattr(one, what) != getattr(two, what)
    assert one.container("git") != two.container("git")


def test_a_port_in_use_moves_and_is_said(tmp_path: Path) -> None:
    lab = Instance("ports", tmp_path / "ports")
    said: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        write_json(lab.root / "ports.json", {"git": taken})
        lab.reserve_ports(lambda part: False, said.append)
        assert lab.port("git") != taken
        assert any(str(taken) in line and "git" in line for line in said)
    assert len({lab.port(part) for part in PREFERRED_PORTS}) == len(PREFERRED_PORTS)


def test_a_port_that_a_part_holds_is_kept(tmp_path: Path) -> None:
    lab = Instance("ports", tmp_path / "ports")
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))
        ours.listen()
        port = ours.getsockname()[1]
        write_json(lab.root / "ports.json", {"git": port})
        said: list[str] = []
        lab.reserve_ports(lambda part: part == "git", said.append)
        assert lab.port("git") == port
        assert not [line for line in said if "git" in line]


def test_the_node_publishes_what_people_look_at(tmp_path: Path) -> None:
    lab = Instance("ports", tmp_path / "ports")
    lab.reserve_ports(lambda part: False, lambda line: None)
    [node] = kind.config(lab)["nodes"]
    found = {one["containerPort"]: one for one in node["extraPortMappings"]}
    assert set(found) == {30080, 30091, 30093, 30094}
    for part, inside in kind.NODE_PORTS.items():
        assert found[inside]["hostPort"] == lab.port(part)
        assert found[inside]["listenAddress"] == "127.0.0.1"
    services = PROJECT / "config-repo-template" / "monitoring"
    for folder, part in (
        ("prometheus", "prometheus"),
        ("alertmanager", "alertmanager"),
        ("receiver", "alerts"),
    ):
        told = (services / folder / "service.yaml").read_text()
        assert f"nodePort: {kind.NODE_PORTS[part]}\n" in told


def test_another_labs_ports_are_left_to_it(tmp_path: Path) -> None:
    one, two = (Instance(name, tmp_path / name) for name in ("one", "two"))
    for lab in (one, two):
        lab.reserve_ports(lambda part: False, lambda line: None)
    assert {one.port(p) for p in PREFERRED_PORTS}.isdisjoint(two.port(p) for p in PREFERRED_PORTS)


def test_an_unknown_port_names_the_known_ones(tmp_path: Path) -> None:
    lab = Instance("ports", tmp_path / "ports")
    with pytest.raises(LabError, match="make up"):
        lab.port("git")


def test_next_free_port_skips_what_is_taken() -> None:
    free = next_free_port(20000, set())
    assert next_free_port(free, {free}) > free


def test_json_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 2}
    assert list(path.parent.iterdir()) == [path]


def test_threads_write_the_same_json_at_once(tmp_path: Path) -> None:
    """As a notebook's view and its check do, which follow the same commit."""
    path = tmp_path / "commit.json"

    def write(number: int) -> None:
        for turn in range(100):
            write_json(path, {"thread": number, "turn": turn})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    assert json.loads(path.read_text())["turn"] == 99
    assert list(tmp_path.iterdir()) == [path]
