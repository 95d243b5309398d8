"""`make test`: the checks, then the tests, on labs of their own that are built for them.

Each part of the lab is tested by it, and every notebook. What takes minutes to prove what a shorter
test proves as well on most days is marked `long`, and is a part of `make test-all` alone; what
wants the engine to itself is marked `fault`, and is a part of `make test-faults` alone.

The machine and the parts are made ready first, with their progress shown, so that a build that
fails is told apart from a test that fails. The last line is pytest's own summary.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from labs.errors import LabError
from labs.instance import PROJECT, Instance
from labs.platform import machine
from scripts import check, own_lab

TEST_NAME = "hackfest-test"
OUTPUT = PROJECT / ".lab" / "test-output"
"""Output notebooks, screenshots, timings and junit.xml of the last run."""
SUITES = ("tests/cluster", "tests/browser", "tests/faults")
"""The unit tests are one of the checks, which come first."""
ALL = "--all"
"""The word with which the long tests are run as well."""
SHORT, LONG = "not long and not fault", "not fault"
STREAMS = ("--numprocesses=2", "--dist=loadscope", "--no-loadscope-reorder", "--verbose")
"""Two at once, each on a lab of its own, as tests/streams.py deals them out. A line for each test,
as each begins and ends by itself."""


def main() -> int:
    """Return pytest's exit code, or 1 where it did not come to the tests."""
    own_lab.require(TEST_NAME)
    if check.main():
        return 1
    prepare(OUTPUT)
    given = [word for word in sys.argv[1:] if word != ALL]
    chosen = LONG if ALL in sys.argv else SHORT
    words = ["-m", "pytest", *SUITES, "-m", chosen, *STREAMS, "--durations=40"]
    words.append(f"--junitxml={OUTPUT / 'junit.xml'}")
    return subprocess.run([sys.executable, *words, *given], cwd=PROJECT, check=False).returncode


def prepare(output: Path) -> None:
    """Make the machine, the parts and a folder for what the tests write ready."""
    if output.exists():
        shutil.rmtree(output)
    output.mkdir(parents=True)
    os.environ["LAB_TEST_OUTPUT"] = str(output)
    lab = Instance.current()
    print(f"\nTests on the lab {lab.name!r}; what they write is kept in {output}\n", flush=True)
    machine.prepare(say)
    own_lab.sweep(say)
    machine.ensure(say, "browser")
    from scripts.supply import api as supply

    supply.ensure(say=say)


def say(text: str) -> None:
    """Print a line at once, also into a log."""
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"\n{error}")
