"""`make test`: the checks, then every test, on a lab of its own that is built for it.

The machine and the parts are made ready first, with their progress shown, so that a build that
fails is told apart from a test that fails. The last line is pytest's own summary.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from labs.errors import LabError
from labs.instance import DEFAULT_NAME, PROJECT, Instance
from labs.platform import machine
from scripts import check

TEST_NAME = "hackfest-test"
OUTPUT = PROJECT / ".lab" / "test-output"
"""Output notebooks, screenshots, timings and junit.xml of the last run."""
SUITES = ("tests/cluster", "tests/browser")
"""The unit tests are one of the checks, which come first."""
STREAMS = ("--numprocesses=2", "--dist=loadscope", "--verbose")
"""Two at once, each on a lab of its own, as tests/streams.py deals them out: they mostly wait for
the cluster, not for the processor. A line for each test, as each begins and ends by itself."""


def main() -> int:
    """Return pytest's exit code, or 1 where it did not come to the tests."""
    environment = os.environ
    if environment.setdefault("LAB_NAME", TEST_NAME) == DEFAULT_NAME:
        raise LabError(
            f"LAB_NAME={DEFAULT_NAME}",
            expected="a lab of the tests' own: they delete it at the end",
            todo=f"leave LAB_NAME out (it is then {TEST_NAME}), or choose another",
        )
    if check.main():
        return 1
    if OUTPUT.exists():
        shutil.rmtree(OUTPUT)
    OUTPUT.mkdir(parents=True)
    environment["LAB_TEST_OUTPUT"] = str(OUTPUT)
    lab = Instance.current()
    print(f"\nTests on the lab {lab.name!r}; what they write is kept in {OUTPUT}\n", flush=True)
    machine.prepare(say)
    machine.ensure(say, "browser")
    from scripts.supply import api as supply

    supply.ensure(say=say)
    words = ["-m", "pytest", *SUITES, *STREAMS, "--durations=15"]
    words.append(f"--junitxml={OUTPUT / 'junit.xml'}")
    return subprocess.run(
        [sys.executable, *words, *sys.argv[1:]], cwd=PROJECT, check=False
    ).returncode


def say(text: str) -> None:
    """Print a line at once, also into a log."""
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"\n{error}")
