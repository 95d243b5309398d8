"""Makes the project's Python environment, .venv, then hands on to a command in it.

    python3 scripts/bootstrap.py [--dev] [command …]

It is what every target of the Makefile runs first. Its syntax is kept to what Python 3.7 reads,
so that an old Python is told what is missing; scripts/environment.py does the work.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
NEEDED = (3, 11)
NEWEST = (3, 14)


def main(arguments: list[str]) -> None:
    """Make .venv whole, then become the command, with .venv's programs first on PATH."""
    dev = arguments[:1] == ["--dev"]
    command = arguments[1:] if dev else arguments
    try:
        use_new_python()
        sys.path.insert(0, str(PROJECT))
        from labs.errors import LabError
        from scripts import environment

        try:
            with environment.lock():
                environment.ensure_venv(dev)
        except LabError as error:
            sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nstopped; run the same command again, it goes on from here")
    if command:
        variables = dict(os.environ, VIRTUAL_ENV=str(PROJECT / ".venv"))
        path = [str(PROJECT / ".venv" / "bin"), os.environ.get("PATH", "")]
        variables["PATH"] = os.pathsep.join(path)
        variables.pop("PYTHONHOME", None)
        # Nothing is compiled when it is installed. Forbidden to keep what it compiles on import,
        # each command and each kernel would do it anew: 3 s of processor time.
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        os.execvpe(command[0], command, variables)


def use_new_python() -> None:
    """Start again with a newer Python if this one is too old. Ends with a message if none is."""
    if sys.version_info >= NEEDED:
        return
    for minor in range(NEWEST[1], NEEDED[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        # A version manager's shim may be there without the Python.
        if newer and subprocess.run([newer, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0:
            os.execv(newer, [newer, *sys.argv])
    found = ".".join(str(number) for number in sys.version_info[:3])
    sys.exit(
        f"\nfound:    Python {found} ({sys.executable})\n"
        f"expected: Python {NEEDED[0]}.{NEEDED[1]} or newer\n"
        "next:     install one (Debian 12, Ubuntu 24.04 and `brew install python` have it), "
        "or name it: make PYTHON=/path/to/python3 …"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
