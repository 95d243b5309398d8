"""What the engine says, turned into what to do; and addresses that clash with nothing."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import islice
from pathlib import Path

import pytest

from labs.errors import LabError
from labs.instance import Instance
from labs.platform.engine import check_ours, label_options, translate
from labs.platform.network import free_subnets, host_routes
from labs.run import CommandFailed

SAID = {
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
    "Is the docker daemon running?": ("a running Docker engine", "make up"),
    "permission denied while trying to connect to the Docker daemon socket at "
    "unix:///var/run/docker.sock: dial unix /var/run/docker.sock: connect: permission denied": (
        "a user who may use the Docker engine",
        "usermod -aG docker",
    ),
    "Error response from daemon: driver failed programming external connectivity on endpoint x: "
    "Error starting userland proxy: listen tcp4 127.0.0.1:8300: bind: address already in use": (
        "a port that nobody listens on",
        "another port",
    ),
    "Error response from daemon: Bind for 127.0.0.1:8300 failed: port is already allocated": (
        "a port that nobody listens on",
        "another port",
    ),
    "write /var/lib/docker/tmp/x: no space left on device": (
        "room on the disk",
        "docker system df",
    ),
}


@pytest.mark.parametrize("text", SAID)
def test_a_trouble_of_the_engine_comes_with_its_remedy(text: str) -> None:
    error = translate(CommandFailed(["docker", "start", "x"], 1, "", text, "todo"))
    assert error is not None
    expected, todo = SAID[text]
    assert expected in error.expected
    assert todo in error.todo
    if "8300" in text:
        assert error.found == "port 8300 on 127.0.0.1 is in use"


def test_without_docker_the_remedy_is_to_install_it() -> None:
    error = translate(CommandFailed(["docker"], "command not found", "", "no such file", "todo"))
    assert error is not None
    assert "no `docker` command" in error.found


def test_what_is_not_known_stays_as_it_was() -> None:
    assert (
        translate(CommandFailed(["docker"], 1, "", "Error: No such container: x", "todo")) is None
    )


def test_a_thing_of_somebody_else_is_refused(tmp_path: Path) -> None:
    lab = Instance("mine", tmp_path)
    check_ours(lab, "volume", "mine-git-data", lab.labels)
    assert label_options(lab.labels) == ["--label=gitops-hackfest.lab=mine"]
    for labels in (None, {}, {"gitops-hackfest.lab": "other"}):
        with pytest.raises(LabError, match="'mine-git-data' whose label"):
            check_ours(lab, "volume", "mine-git-data", labels)


def test_a_subnet_that_overlaps_nothing_is_chosen() -> None:
    assert next(free_subnets([])) == IPv4Network("172.30.0.0/24")
    taken = [
        IPv4Network("172.30.0.0/16"),
        IPv4Network("172.31.0.128/25"),
        IPv4Network("10.0.0.0/8"),
    ]
    assert list(islice(free_subnets(taken), 2)) == [
        IPv4Network("172.31.1.0/24"),
        IPv4Network("172.31.2.0/24"),
    ]
    assert list(free_subnets([IPv4Network("172.16.0.0/12")])) == []


def test_routes_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    table = tmp_path / "route"
    table.write_text(
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
        "tun0\t00081EAC\t00000000\t0001\t0\t0\t0\t00FCFFFF\t0\t0\t0\n"
    )
    assert host_routes(table) == [IPv4Network("172.17.0.0/16"), IPv4Network("172.30.8.0/22")]
    assert host_routes(tmp_path / "not-linux") == []
