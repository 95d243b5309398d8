"""What a killed engine leaves behind is removed; what belongs to a running one is not."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts import dockerd
from scripts.dockerd import EngineError, Places


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    with tempfile.TemporaryDirectory() as short:  # a socket's path has a hundred letters at most
        found = Places(run=Path(short), log=tmp_path / "dockerd.log")
        (found.run / "docker/containerd").mkdir(parents=True)
        (found.run / "containerd").mkdir()
        yield found


@contextmanager
def process(name: str) -> Iterator[int]:
    """A real process that calls itself `name`."""
    with subprocess.Popen(["bash", "-c", f"exec -a {name} sleep 60"], text=True) as running:
        # until bash has become sleep, it calls itself bash
        cmdline = Path(f"/proc/{running.pid}/cmdline")
        while not cmdline.read_bytes().startswith(name.encode()):
            assert running.poll() is None
        yield running.pid
        running.kill()


@contextmanager
def listening(path: Path, answer: bytes | None = None) -> Iterator[None]:
    """A real Unix socket that somebody holds, and that answers each connection."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    asked = connection.recv(1024)
                    if asked == b"stop":
                        return
                    if asked and answer:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        with socket.socket(socket.AF_UNIX) as stop:
            stop.connect(str(path))
            stop.sendall(b"stop")
        thread.join()
    path.unlink(missing_ok=True)


def abandoned(path: Path) -> None:
    """A socket whose process is gone."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def test_a_pid_that_belongs_to_another_program_now_is_stale(places: Places) -> None:
    with process("an-editor") as stranger:
        for path in places.pid_files:
            path.write_text(str(stranger))
        assert dockerd.remove_stale(places) == list(places.pid_files)
        assert not any(path.exists() for path in places.pid_files)
        assert Path(f"/proc/{stranger}").exists()


def test_a_pid_of_no_process_and_an_empty_pid_file_are_stale(places: Places) -> None:
    first, second = places.pid_files
    first.write_text("4194304999")
    second.write_text("")
    assert dockerd.remove_stale(places) == [first, second]


def test_the_pid_of_a_running_engine_is_kept(places: Places) -> None:
    with process("/usr/sbin/dockerd") as engine, process("containerd") as containerd:
        for path, pid in zip(places.pid_files, (engine, containerd), strict=True):
            path.write_text(f"{pid}\n")
        assert dockerd.remove_stale(places) == []
        assert all(path.exists() for path in places.pid_files)


def test_a_zombie_is_not_a_running_engine(places: Places) -> None:
    """Where process 1 does not wait for its children, a killed dockerd stays on as a zombie."""
    killed = subprocess.Popen(["sleep", "60"])
    killed.kill()
    state = Path(f"/proc/{killed.pid}/stat")
    while state.read_text().split()[2] != "Z":
        pass
    pid_file = places.run / "docker.pid"
    pid_file.write_text(str(killed.pid))
    assert dockerd.remove_stale(places) == [pid_file]
    killed.wait()


def test_a_socket_that_nobody_holds_is_removed_and_one_that_is_held_is_kept(
    places: Places,
) -> None:
    dead, held = places.sockets[0], places.sockets[2]
    abandoned(dead)
    with listening(held):
        assert dockerd.remove_stale(places) == [dead]
        assert held.exists()


def test_a_running_engine_is_left_alone(places: Places) -> None:
    with listening(places.socket, b"HTTP/1.0 200 OK\r\n\r\nOK"):
        assert dockerd.start(places) == "running"
    assert not places.log.exists()


def test_a_program_that_ends_at_once_is_told_with_its_last_lines(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "dockerd"
    program.write_text("#!/bin/sh\necho the disk is full >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(dockerd, "PATH", str(tmp_path))
    abandoned(places.sockets[0])
    with pytest.raises(EngineError, match="ended with 3") as told:
        dockerd.start(places)
    assert "the disk is full" in str(told.value)
    assert not places.sockets[0].exists()


def test_without_dockerd_the_package_is_named(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(dockerd, "PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"docker\.io"):
        dockerd.start(places)
