"""Each precondition is judged by readings of machines that are not at hand."""

from __future__ import annotations

import pytest

from labs.errors import LabError
from labs.instance import PREFERRED_PORTS, PROJECT, Instance
from labs.platform import doctor
from labs.platform import preconditions as pre
from labs.platform.preconditions import GIB, Finding

NO_ENGINE = LabError("Cannot connect", expected="a running engine", todo="start Docker Desktop")
DENIED = LabError("permission denied on /run/docker.sock", expected="access", todo="usermod -aG")


def test_memory() -> None:
    assert pre.memory(16 * GIB, 12 * GIB, "source").state == "ok"
    busy = pre.memory(16 * GIB, GIB, "pull")
    assert (busy.state, busy.found) == ("note", "16.0 GiB, 1.0 GiB of it free")
    assert "end other programs" in busy.remedy
    assert pre.memory(2 * GIB, GIB, "pull").state == "blocks"


def test_disk_names_the_place_that_is_short() -> None:
    finding = pre.disk({"the cache": (3 * GIB, 18 * GIB), "Docker": (90 * GIB, 8 * GIB)})
    assert finding.state == "blocks"
    assert "for the cache;" in finding.remedy
    assert "Docker" not in finding.remedy
    assert pre.disk({"cache and Docker": (30 * GIB, 26 * GIB)}).state == "ok"


def test_ports_never_block_and_those_of_this_lab_are_not_in_use() -> None:
    port = PREFERRED_PORTS["jupyter"]
    assert pre.ports({}, []).state == "ok"
    assert pre.ports({"jupyter": port}, [port]).state == "ok"
    assert pre.ports({"jupyter": port + 1}, [port]).state == "ok"
    busy = pre.ports({}, [port])
    assert (busy.state, busy.found) == ("note", f"in use: {port}")


def test_docker() -> None:
    new = {"ServerVersion": "28.2.2", "OperatingSystem": "Docker Desktop"}
    assert pre.engine(new, may_install=False) == Finding(
        "Docker", "ok", "28.2.2 on Docker Desktop", "a running engine, 20.10 or newer"
    )
    assert pre.engine({"ServerVersion": "19.03.1"}, may_install=True).state == "blocks"
    assert pre.engine(NO_ENGINE, may_install=True).state == "note"
    elsewhere = pre.engine(NO_ENGINE, may_install=False)
    assert (elsewhere.state, elsewhere.remedy) == ("blocks", "start Docker Desktop")
    assert pre.engine(DENIED, may_install=True).state == "blocks"


def test_cgroups() -> None:
    everything = pre.CONTROLLERS | {"io"}
    assert pre.cgroups(2, everything).state == "ok"
    assert pre.cgroups(1, everything).state == "ok"
    assert pre.cgroups(0, set()).found == "none mounted"
    lacking = pre.cgroups(2, everything - {"memory"})
    assert (lacking.state, lacking.found) == ("blocks", "no memory")
    assert "cgroup_enable=memory" in lacking.remedy


@pytest.mark.parametrize(
    ("restricted", "runtime", "state"),
    [
        (False, "runc", "ok"),
        (False, None, "ok"),
        (True, "within-bounds", "ok"),
        (True, None, "note"),
        (True, "runc", "blocks"),
    ],
)
def test_capabilities(restricted: bool, runtime: str | None, state: str) -> None:
    assert pre.capabilities(restricted, runtime).state == state


def test_python_git_and_make() -> None:
    assert pre.python((3, 11, 0)).state == "ok"
    assert pre.python((3, 9, 6)).state == "blocks"
    assert pre.program("git", "git version 2.39.5", (2, 28)).state == "ok"
    assert pre.program("git", "git version 2.20.1 (Apple Git-117)", (2, 28)).state == "blocks"
    assert pre.program("make", None).remedy == "install the package make"


def test_supply() -> None:
    assert pre.network("pull", None).state == "ok"
    source = pre.network("source", 1500)
    assert (source.state, "about 25 min" in source.found) == ("note", True)
    wrong = LabError("LAB_SUPPLY='x'", expected="one of three", todo="unset it")
    assert pre.network(wrong, None).state == "blocks"


def test_each_line_fits_80_columns_and_a_remedy_stands_below_what_it_mends() -> None:
    text = doctor.render(
        [
            pre.engine(NO_ENGINE, may_install=False),
            pre.network("source", 1500),
            pre.disk({"the cache": (GIB, 18 * GIB), "Docker": (GIB, 8 * GIB)}),
            pre.capabilities(True, "runc"),
        ]
    )
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["found", "needed"]
    assert lines[1].startswith("BLOCKS Docker       Cannot connect")
    assert "-> start Docker Desktop" in text


def test_the_wrapper_that_is_asked_for_is_the_one_that_the_role_sets_up() -> None:
    role = PROJECT / "scripts/roles/restricted_host/tasks/main.yml"
    assert f"default-runtime: {pre.WRAPPER}\n" in role.read_text()


def test_this_machine_is_read() -> None:
    names = [finding.name for finding in doctor.survey(Instance.current())]
    assert names == [
        *("memory", "disk", "ports", "Docker", "cgroups", "capabilities", "Python", "supply"),
        *("git", "make"),
    ]
