"""Runs a workflow with act, in this very container, and reads what act says of it.

`-P ubuntu-24.04=-self-hosted` makes act run the steps as programs of its own host, without an
engine. `actions/checkout` is not fetched from anywhere: act copies the folder that it was started
in instead, as it does whenever the step asks for this repository and this ref.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

PLATFORM = "ubuntu-24.04=-self-hosted"
READ = "read"
"""The folder in which files say that a step was read to its end."""
STEPS = Path(__file__).parent / "steps"
"""Programs that stand before the system's for the steps: their shell."""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Colours and cursor movements: a log is text."""

Event = dict[str, object]


def command(work: Path, job: Event, secrets: Path, variables: dict[str, str]) -> list[str]:
    """Return the words that run the workflow for the event in `work/event.json`, politely."""
    settings = {
        "GITHUB_REPOSITORY": str(job["repo"]),
        "GITHUB_REF": str(job["ref"]),
        "GITHUB_RUN_ID": str(job["number"]),
        "GITHUB_RUN_NUMBER": str(job["number"]),
        "GITHUB_RUN_ATTEMPT": str(job["attempt"]),
    }
    return [
        *("nice", "-n", "10", "act", "push", "--json", "--no-cache-server"),
        *("-P", PLATFORM, "--container-daemon-socket", "-", "--actor", str(job["pusher"])),
        *("--directory", str(work / "code"), "--eventpath", str(work / "event.json")),
        *("--secret-file", str(secrets), "--action-cache-path", str(work / "act")),
        *(f"--env={name}={value}" for name, value in settings.items()),
        *(f"--var={name}={value}" for name, value in variables.items()),
    ]


def start(argv: list[str], home: Path) -> subprocess.Popen[str]:
    """Start act with an environment of its own: the steps see all of it."""
    places = (str(STEPS), os.environ.get("CI_PATH", ""), os.environ["PATH"])
    read = home / READ
    read.mkdir()
    environment = {
        "PATH": ":".join(filter(None, places)),
        "CI_READ": str(read),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "REGISTRY_AUTH_FILE": str(home / "auth.json"),
        "TMPDIR": str(home / "tmp"),
        "LANG": "C.UTF-8",
        "BUILDAH_ISOLATION": "chroot",
        "GIT_TERMINAL_PROMPT": "0",
    }
    return subprocess.Popen(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def events(lines: Iterable[str], home: Path) -> Iterator[Event]:
    """Yield what each line of `act --json` means: log, stage, output. `home`: as for `start`."""
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        if isinstance(said, dict) and "msg" in said:
            yield from read_to_the_end(of_entry(said), home / READ)
        elif line.strip():
            yield {"log": clean(line)}


def read_to_the_end(events: Iterable[Event], read: Path) -> Iterator[Event]:
    """Tell a step that failed that all it said was read (steps/bash waits for that)."""
    for event in events:
        before, named, number = str(event.get("log", "")).partition(f"{read}/")
        if named and number.isdecimal():
            (read / number).touch()
            event = {"log": before}
            if not before:
                continue
        yield event


def of_entry(said: dict[str, object]) -> Iterator[Event]:
    """Yield what one entry of act's log means."""
    text, step = str(said["msg"]), str(said.get("step", ""))
    main = said.get("stage") == "Main"
    nanoseconds = said.get("executionTime")
    seconds = nanoseconds / 1e9 if isinstance(nanoseconds, int | float) else 0.0
    if said.get("raw_output"):
        yield {"log": clean(text)}
    elif said.get("command") == "set-output":
        yield {"output": {str(said["name"]): str(said["arg"])}}
    elif main and "stepResult" in said:
        result = str(said["stepResult"])
        yield {"stage": {"name": step, "result": result, "seconds": round(seconds, 3)}}
        yield {"log": f"   {step}: {result}, {seconds:.1f} s"}
    elif main and text.startswith("\u2b50"):
        yield {"stage": {"name": step, "result": "running", "seconds": None}}
        yield {"log": f"== {step}"}
    elif said.get("level") in ("error", "fatal") or "jobResult" in said:
        yield {"log": clean(text)}


def clean(text: str) -> str:
    """Return one line of a log, without what only a terminal understands."""
    return CONTROL.sub("", text.rstrip("\r\n"))
