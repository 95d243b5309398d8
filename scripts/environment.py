"""The project's Python environment, .venv: made, brought up to date, or mended.

Runs before anything is installed, so it needs nothing but Python's standard library. What goes
into .venv is pinned and hashed (requirements.txt, for tests requirements-dev.txt too). A stamp,
written last, says from what it was made: without it the making was interrupted. Every file that
was installed is looked for each time (0.2 s), so that a damaged .venv is made anew. With
LAB_BUNDLE=file in the environment the packages come from that file, and the network is not used.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from labs.errors import LabError

PROJECT = Path(__file__).resolve().parents[1]
VENV = PROJECT / ".venv"
STAMP = VENV / "gitops-hackfest.json"
LOG = PROJECT / ".lab" / "bootstrap.log"
RUNTIME, DEV = "requirements.txt", "requirements-dev.txt"


class EnvironmentBroken(LabError):
    """The environment could not be made."""


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Two commands at once: the second waits while the first makes .venv.

    Handed on to pip as well: after this process was killed, nobody deletes what pip still writes.
    """
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with (LOG.parent / "bootstrap.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.set_inheritable(file.fileno(), True)
        yield


def ensure_venv(dev: bool = False) -> None:
    """Make .venv from the requirements, or bring it up to them, or leave it alone if it is so.

    `dev`: with the test tools. Raises EnvironmentBroken with what to do.
    """
    wanted = {name: digest(PROJECT / name) for name in ([RUNTIME, DEV] if dev else [RUNTIME])}
    stamp = read_stamp()
    reason = why_anew(stamp)
    if not reason and all(stamp.get(name) == value for name, value in wanted.items()):
        return
    start = time.monotonic()
    wheels = bundle_wheels()
    if reason:
        say(f"Making .venv ({reason})")
        make_empty(wheels)
        stamp = {"python": python_of_venv(), "project": str(PROJECT)}
    else:
        STAMP.unlink()  # if this is interrupted, .venv is made anew
    for name, value in wanted.items():
        if stamp.get(name) != value:
            install(name, wheels)
            stamp[name] = value
    run_pip(["install", "--no-deps", "--no-build-isolation", "--no-index", "--editable", "."])
    temporary = STAMP.with_suffix(".tmp")
    temporary.write_text(json.dumps(stamp, indent=2) + "\n")
    temporary.replace(STAMP)
    say(f".venv is ready ({time.monotonic() - start:.0f} s)")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def python_of_venv() -> str:
    """Return the version (3.11) of the Python that .venv runs, "" if it does not run.

    Whichever Python calls this: two that take turns must not make .venv anew each time.
    """
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([str(VENV / "bin" / "python"), "-c", script], stdout=subprocess.PIPE)
    except OSError:
        return ""
    return done.stdout.decode().strip() if done.returncode == 0 else ""


def read_stamp() -> dict[str, str]:
    """Return what .venv was made from, {} if it was never finished."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return dict(stamp) if isinstance(stamp, dict) else {}


def why_anew(stamp: dict[str, str]) -> str:
    """Return why .venv has to be made from nothing; "" where it has not."""
    if not VENV.exists():
        return "there is none"
    if not stamp:
        return "the making of this one was interrupted"
    if stamp.get("project") != str(PROJECT):
        return "this one was made for " + stamp.get("project", "another folder")
    if stamp.get("python") != python_of_venv():
        return "its Python is gone, or another one now"
    missing = first_missing()
    return f"{missing} is missing or damaged" if missing else ""


def first_missing() -> str:
    """Return the first installed file that is gone or has another size, "" if all are there."""
    for record in VENV.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        site = record.parents[1]
        with record.open(newline="") as file:
            for name, _, size in csv.reader(file):
                try:
                    found = os.stat(os.path.join(site, name)).st_size  # noqa: PTH116, PTH118 - speed
                except OSError:
                    if name.endswith(".pyc"):  # Python writes it again
                        continue
                    return name
                if size and found != int(size):
                    return name
    return ""


def make_empty(wheels: Path | None) -> None:
    """Make .venv anew, with pip in it. Raises EnvironmentBroken where this Python cannot."""
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    if wheels is None and importlib.util.find_spec("ensurepip") is None:
        install_ensurepip()
    # From a bundle pip comes as a wheel, which runs without being installed.
    options = ["--without-pip"] if wheels else []
    python = getattr(sys, "_base_executable", None) or sys.executable
    logged([python, "-m", "venv", *options, str(VENV)], "make an environment")


def install_ensurepip() -> None:
    """Debian has it as a package of its own: install it as root, else say which."""
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise EnvironmentBroken(
            f"{sys.executable} has no ensurepip",
            expected="a Python that can make environments (`python3 -m venv`)",
            todo=f"sudo apt-get install {package}" if apt else "install Python's package `venv`",
        )
    say(f"Installing {package}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    logged([apt, "update"], "read the list of packages", environment)
    command = [apt, "install", "--yes", "--no-install-recommends", package]
    logged(command, f"install {package}", environment)


def bundle_wheels() -> Path | None:
    """Return the folder of the bundle's Python packages; None where LAB_BUNDLE names no file."""
    name = os.environ.get("LAB_BUNDLE")
    if not name:
        return None
    from scripts.supply import bundle, cache

    root = cache.default_root()
    bundle.unpack(Path(name).expanduser().resolve(), root, say)
    return root / "wheels"


def install(requirements: str, wheels: Path | None) -> None:
    """Install what a requirements file pins; each file's hash is checked by pip."""
    total = len(re.findall(r"^[\w.-]+==", (PROJECT / requirements).read_text(), re.M))
    words = ["install", "--require-hashes", "--only-binary=:all:", "--requirement", requirements]
    # Python compiles what it imports, and bootstrap.py sees to it that it may keep that; compiling
    # all of it now takes 15 s more.
    words.append("--no-compile")
    if wheels:
        words += ["--no-index", "--find-links", str(wheels)]
    run_pip(words, f"Python packages of {requirements}", total, wheels)


def run_pip(words: list[str], title: str = "", total: int = 0, wheels: Path | None = None) -> None:
    """Run .venv's pip (from a bundle: the bundle's), counting on the screen what it has got."""
    python = str(VENV / "bin" / "python")
    pip = [python, "-m", "pip"]
    if wheels:
        [wheel] = sorted(wheels.glob("pip-*.whl"))
        pip = [python, str(wheel / "pip")]
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    logged([*pip, *words, *options], title or "install the project", None, title, total)


def logged(
    command: list[str],
    what: str,
    environment: dict[str, str] | None = None,
    title: str = "",
    total: int = 0,
) -> None:
    """Run a command, its output in LOG. Raises EnvironmentBroken if it fails."""
    lines = []
    seen = 0
    with LOG.open("a") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        with subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout or ():
                log.write(line)
                lines.append(line)
                if title and line.startswith(("Collecting ", "Requirement already")):
                    seen += 1
                    progress(f"{title}: {min(seen, total)} of {total}")
                elif title and line.startswith("Installing collected"):
                    progress(f"{title}: unpacking {total}")
        code = process.returncode
    if title:
        progress("")
    if code:
        raise EnvironmentBroken(
            f"could not {what}: `{' '.join(command)}` ended with {code}\n"
            + "".join(f"    {line}" for line in lines[-15:]).rstrip(),
            expected="exit code 0",
            todo=f"mend what the lines above name, then run this again; the whole log: {LOG}",
        )


def progress(text: str) -> None:
    """Show how far it is, on one line of a terminal; elsewhere it would only fill a log."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)
