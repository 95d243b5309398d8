"""The `docker` command, with the engine's own troubles turned into what to do about them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from labs.errors import LabError
from labs.instance import Instance
from labs.run import CommandFailed, run

_ABSENT = re.compile(r"no such (container|image|network|volume|object)|network .* not found", re.I)


def docker(*argv: str, stdin: str | None = None, timeout: float = 600, merge: bool = False) -> str:
    """Return what `docker …` wrote to stdout (and, with `merge`, to stderr).

    `timeout` is in seconds. Raises LabError with a remedy where the engine is not there, may not
    be used or finds a port taken; otherwise CommandFailed.
    """
    words = ["docker", *argv]
    if merge:
        words = ["sh", "-c", 'exec "$@" 2>&1', "docker", *words]
    try:
        return run(*words, stdin=stdin, timeout=timeout)
    except CommandFailed as failure:
        translated = translate(failure)
        if translated is None:
            raise
        raise translated from failure


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """Return what the engine knows of a container, image, network or volume; None: no such."""
    try:
        found = json.loads(docker(kind, "inspect", name))
    except CommandFailed as failure:
        if _ABSENT.search(failure.stderr):
            return None
        raise
    return dict(found[0])


def check_ours(instance: Instance, kind: str, name: str, labels: Mapping[str, str] | None) -> None:
    """Raise LabError if a thing of the lab's name was made by somebody else."""
    for key, value in instance.labels.items():
        seen = (labels or {}).get(key)
        if seen != value:
            raise LabError(
                f"a Docker {kind} {name!r} whose label {key} is {seen!r}",
                expected=f"label {key}={value}, as on everything that lab {instance.name!r} makes",
                todo=f"choose another LAB_NAME, or, if nobody needs it, `docker {kind} rm {name}`",
            )


def label_options(labels: Mapping[str, str]) -> list[str]:
    """Return the words that give a container, network or volume its labels."""
    return [f"--label={key}={value}" for key, value in labels.items()]


def translate(failure: CommandFailed) -> LabError | None:
    """Return what to do about a trouble of the engine; None if the failure is of another kind."""
    text = failure.stderr
    last = text.strip().splitlines()[-1].strip() if text.strip() else f"ended with {failure.code}"
    if failure.code == "command not found":
        return LabError(
            "there is no `docker` command",
            expected="Docker's command line and a running engine",
            todo="run `make up`, which installs them on Linux; elsewhere install Docker Desktop",
        )
    if "permission denied" in text and "docker.sock" in text:
        return LabError(
            last,
            expected="a user who may use the Docker engine",
            todo="`sudo usermod -aG docker $USER`, then log in again (or `newgrp docker`)",
        )
    if re.search(r"cannot connect to the docker daemon|is the docker daemon running", text, re.I):
        return LabError(
            last,
            expected="a running Docker engine",
            todo="run `make up`, which starts it on Linux; elsewhere start Docker Desktop",
        )
    if re.search(r"port is already allocated|address already in use", text, re.I):
        port = re.search(r"(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)", text)
        return LabError(
            f"port {port[1]} on 127.0.0.1 is in use" if port else last,
            expected="a port that nobody listens on",
            todo="run `make up` again, which chooses another port; `ss -ltnp` shows who has it",
        )
    if "no space left on device" in text:
        return LabError(
            last,
            expected="room on the disk that holds Docker's data",
            todo="free some (`docker system df` shows what takes it), then run it again",
        )
    return None


def engine_answers() -> bool:
    """Return whether a Docker engine answers this user."""
    try:
        ask_engine()
    except LabError:
        return False
    return True


def ask_engine() -> str:
    """Return the engine's version. Raises LabError, with the remedy, where none answers."""
    return docker("version", "--format={{.Server.Version}}", timeout=20).strip()
