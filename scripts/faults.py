"""`make test-faults`: every fault and pause, on a lab of its own beside one in progress; a table.

A hundred rollbacks against a bot that never rests are a part of it.

The shorter form, a few of the same tests, is a part of `make test`.
"""

from __future__ import annotations

import subprocess
import sys

from labs.errors import LabError
from labs.instance import PROJECT
from scripts import own_lab, test

NAME = "hackfest-faults"
OUTPUT = PROJECT / ".lab" / "faults-output"
ROLLBACKS = "test_rollbacks_hold_against_a_bot_that_never_rests[100]"
SUITES = (
    "tests/cluster/test_pause.py",
    "tests/cluster/test_rehearse.py",
    "tests/cluster/test_reset_stopped.py",
    f"tests/cluster/test_locks.py::{ROLLBACKS}",
    "tests/faults",
)


def main() -> int:
    """Return pytest's exit code."""
    own_lab.require(NAME)
    test.prepare(OUTPUT)
    words = ["-m", "pytest", *SUITES, "--verbose", "--durations=15"]
    words.append(f"--junitxml={OUTPUT / 'junit.xml'}")
    return subprocess.run(
        [sys.executable, *words, *sys.argv[1:]], cwd=PROJECT, check=False
    ).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"\n{error}")
