"""`lab` commands that are cut off at random moments, and run again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from labs import catalogue
from labs.instance import PROJECT, Instance
from labs.platform import docker, kind
from labs.platform import up as platform
from labs.platform.steps import Steps

SIGNALS = (signal.SIGINT, signal.SIGKILL)
PATIENCE = 600.0


@dataclass(frozen=True)
class Interruption:
    """One of them: from which state, which command, how cut off, at which part of its time."""

    state: str
    words: tuple[str, ...]
    signal: signal.Signals
    part: float

    def __str__(self) -> str:
        name = self.signal.name
        return f"{self.state:<7} lab {' '.join(self.words):<9} {name:<7} at {self.part:.0%}"


UP = Interruption("down", ("up",), signal.SIGINT, 1.0)
"""What brings a lab back after a `lab down` that is done."""
RESET = Interruption("running", ("reset",), signal.SIGINT, 1.0)
"""What puts a lab back to the start of the lab that its reader began last."""
NOTHING, NO_NODE = "nothing", "no node"
EMPTY = (NOTHING, NO_NODE)
"""States from which `lab up` makes a new cluster, with nothing in it: what a reader has begun is
put there by the `lab reset` that they are told to run."""
COMMANDS = {
    "up": ("down", NO_NODE, NOTHING, "running"),
    "reset": ("running",),
    "down": ("running",),
}
"""Each command, and the states that it is begun in: by turns, so that each has its share."""
USUAL = {
    ("up", "down"): 10.0,
    ("up", NO_NODE): 40.0,
    ("up", NOTHING): 50.0,
    ("up", "running"): 5.0,
    ("reset", "running"): 20.0,
    ("down", "running"): 6.0,
}
"""Seconds that a command takes from a state, before one was measured."""


def reset_to(lab: catalogue.Lab) -> Interruption:
    """Return a reset to the start of a lab, to be run to its end."""
    return Interruption("running", ("reset", f"{lab.number:02d}"), signal.SIGINT, 1.0)


def drawn(seed: int, count: int) -> list[Interruption]:
    """Return so many, the same for the same seed; each command has its share."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    found = []
    for number in range(count):
        command = list(COMMANDS)[number % len(COMMANDS)]
        lab = chance.choice(catalogue.LABS)
        words = (command, f"{lab.number:02d}") if command == "reset" else (command,)
        states = COMMANDS[command]
        state = states[number // len(COMMANDS) % len(states)]
        found.append(Interruption(state, words, chance.choice(SIGNALS), chance.uniform(0.02, 0.95)))
    chance.shuffle(found)
    return found


class Cutter:
    """Brings a lab into a state, begins a command, cuts it off, and runs it again."""

    def __init__(self, instance: Instance, steps: Steps) -> None:
        self._instance, self._steps = instance, steps
        self._took: dict[tuple[str, str], float] = {}
        """How long a command took from a state: until it was cut off, and when it was run again."""
        self._cut_after = 0.0

    def bring_to(self, state: str) -> None:
        if state == "down":
            platform.down(self._instance, self._steps)
        if state == NO_NODE:
            docker.remove_container(kind.node(self._instance))
        if state == NOTHING:
            platform.clean(self._instance, self._steps)

    def cut(self, one: Interruption) -> str:
        """Bring about the state, begin and interrupt; return where the command was cut off.

        One that was faster is begun anew, and cut off in half the time: each is an interruption.
        """
        usual = (one.words[0], one.state)
        seconds = one.part * self._took.get(usual, USUAL[usual])
        while True:
            self.bring_to(one.state)
            process = self.begin(*one.words)
            try:
                text, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                break
            assert process.returncode == 0, text
            seconds /= 2
        if one.signal == signal.SIGINT:  # a terminal's Ctrl-C goes to all that runs in it
            os.killpg(process.pid, one.signal)
        else:
            process.send_signal(one.signal)
        text = ended(process)
        self._cut_after = seconds
        last = [line for line in text.splitlines() if line.strip()]
        return f"cut off after {seconds:.1f} s, at {(last or ['nothing said'])[-1]!r}"

    def again(self, one: Interruption) -> tuple[int, str]:
        """Run it to its end; return its exit code and what it said."""
        start = time.monotonic()
        process = self.begin(*one.words)
        text = ended(process)
        if process.returncode == 0:
            took = self._cut_after + time.monotonic() - start
            self._took[one.words[0], one.state] = took
        self._cut_after = 0.0
        return process.returncode, text

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a `lab` command as its own group, as a terminal does."""
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "labs.cli", *words],
            cwd=PROJECT,
            env={
                **os.environ,
                "LAB_NAME": self._instance.name,
                "LAB_HOME": str(self._instance.root.parent),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def ended(process: subprocess.Popen[str]) -> str:
    """Wait for a command's end, and return what it said; one that hangs is ended, and raises."""
    try:
        text, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # else it would hold the lab for all later tests
        raise
    return text
