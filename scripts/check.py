"""`make check`: lint, types and unit tests, side by side and without a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from labs.instance import PROJECT

CHECKS: dict[str, list[str]] = {
    "types": ["mypy"],
    "Ansible": ["ansible-lint", "scripts/provision.yml"],
    "unit tests": ["pytest", "--quiet", "--numprocesses=auto", "tests/unit"],
    "lint": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
}
"""The slowest first."""


@dataclass(frozen=True)
class Outcome:
    """How one check ended, and after how many seconds."""

    name: str
    code: int
    seconds: float
    stdout: str
    stderr: str

    def __str__(self) -> str:
        lines = (self.stdout + self.stderr).strip().splitlines() or ["no output"]
        # The summary is stdout's last line, where a program writes there at all.
        summary = (self.stdout.strip() or self.stderr.strip() or "no output").splitlines()[-1]
        mark, told = ("✓", summary) if self.code == 0 else ("✗", f"ended with {self.code}")
        line = f"{mark} {self.name:<11} {self.seconds:5.1f} s  {told}"
        return line if self.code == 0 else "\n".join([line, *(f"    {text}" for text in lines)])


def run_check(name: str) -> Outcome:
    """Run one check to its end."""
    start = time.monotonic()
    # Not labs.run, which shortens: of a check's findings, every one counts.
    done = subprocess.run(
        [sys.executable, "-m", *_module(CHECKS[name])],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )
    return Outcome(name, done.returncode, time.monotonic() - start, done.stdout, done.stderr)


def main() -> int:
    """Run all checks, two at a time; return 1 if one of them found something."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = []
        for outcome in pool.map(run_check, CHECKS):
            print(outcome, flush=True)
            outcomes.append(outcome)
    return int(any(outcome.code for outcome in outcomes))


def _module(argv: list[str]) -> list[str]:
    return [argv[0].replace("ansible-lint", "ansiblelint"), *argv[1:]]


if __name__ == "__main__":
    sys.exit(main())
