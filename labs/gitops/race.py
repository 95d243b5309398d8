"""One change of version by several ways: timed from the command to the app's last old answer.

The clock starts when the command does: `git push` of a commit that is ready, or `kubectl set
image`. It stops when people who ask the app all the while hear the new version, and again when they
have heard the old one for the last time.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from labs.gitops import bench, sync
from labs.gitops.asking import Crowd
from labs.gitops.commits import Message
from labs.gitops.config_repo import attendees
from labs.gitops.image_automation import MARKED
from labs.gitops.own_clone import own_clone
from labs.gitops.untold import untold
from labs.instance import Instance
from labs.platform import flux, kubernetes, rollout
from labs.platform.environment import environment
from labs.platform.loopback import DIRECT
from labs.run import CommandFailed, run
from labs.wait import NotYet, wait_for

Way = Literal["push", "poll", "kubectl"]
WAYS: dict[Way, str] = {
    "push": "git push, and the Git server tells Flux",
    "poll": "git push, and Flux asks every 10 s",
    "kubectl": "kubectl set image",
}
NAMESPACE, APP = "production", "hello"
LABELS = {"app.kubernetes.io/name": APP}
IMAGE = re.compile(rf"(image: registry:5000/{APP}:)(\S+)")
LONGEST = 120.0
"""Seconds that one round may take."""
LOST_RACES = 5


@dataclass(frozen=True)
class Round:
    """One change by one way. Times are seconds from the start of its command."""

    way: Way
    told: float
    """When the command came back."""
    first: float
    """When the new version first answered."""
    last: float
    """When another version answered for the last time."""
    asked: int
    failed: int


class Track:
    """Where the rounds are run: the app between two versions, with people who ask it."""

    def __init__(self, instance: Instance, versions: tuple[str, str], crowd: Crowd) -> None:
        self.instance, self.versions, self.crowd = instance, versions, crowd
        self._open = ExitStack()

    def __enter__(self) -> Track:
        self._clone = self._open.enter_context(own_clone(self.instance)).path
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def current(self) -> str:
        """The version that Git says."""
        self._git("fetch", "--quiet")
        found = IMAGE.search(self._git("show", f"origin/main:{MARKED}"))
        return found[2] if found else ""

    def begin(self) -> None:
        """Have Git and the cluster at one of the two versions, untimed, before the first round."""
        version = self.current
        if version not in self.versions:
            version = self.versions[0]
            self._commit(version)
            self._push_again_if_lost(version)
        self._settle(version)

    def run(self, way: Way, phase: float) -> Round:
        """Change to the other version by one way; return what it took, once all is quiet again.

        `phase` is which part of Flux's interval has passed when a poll's round begins.
        """
        version = self.versions[1 - self.versions.index(self.current)]
        if way == "kubectl":
            with flux.left_alone(self.instance, "apps"):
                done = self._timed(way, version, lambda: self._set_image(version))
                # Git follows before Flux looks again: it finds nothing to take back.
                self._commit(version)
                self._push_again_if_lost(version)
                self._fetched()
        else:
            self._commit(version)
            if way == "poll":
                with untold(self.instance):
                    bench.wait_for_phase(self.instance, phase)
                    done = self._timed(way, version, self._push)
            else:
                done = self._timed(way, version, self._push)
        self._settle(version)
        return done

    def _timed(self, way: Way, version: str, command: Callable[[], None]) -> Round:
        start = time.monotonic()
        command()
        told = time.monotonic() - start
        first = wait_for(
            lambda: self.crowd.first(version, start),
            what=f"the first answer of {version}",
            timeout=LONGEST,
            interval=0.02,
            todo="`flux get all` and `kubectl get pods -n production` show what holds it up",
        )
        self._rolled_out()
        last = self.crowd.last_of_others(version, start)
        answers = self.crowd.answers(start)
        failed = sum(bool(answer.failure) for answer in answers)
        return Round(way, told, first - start, last - start, len(answers), failed)

    def _set_image(self, version: str) -> None:
        run(
            *("kubectl", "set", "image", f"deployment/{APP}", f"--namespace={NAMESPACE}"),
            f"{APP}=registry:5000/{APP}:{version}",
            env=environment(self.instance),
        )

    def _commit(self, version: str) -> None:
        """Commit the other version in this clone, on top of what the server has."""
        self._git("fetch", "--quiet")
        self._git("reset", "--quiet", "--hard", "origin/main")
        file = self._clone / MARKED
        file.write_text(IMAGE.sub(rf"\g<1>{version}", file.read_text()))
        trailers = {"Lab-Event": "release", "Lab-App": APP, "Lab-Environment": NAMESPACE}
        trailers |= {"Lab-Version": version, "Lab-By": "attendee", "Lab-Reason": "a measurement"}
        message = Message(f"Release {APP} {version} to {NAMESPACE}", "", trailers)
        self._git("commit", "--quiet", "--all", f"--message={message}")

    def _push(self) -> None:
        self._git("push", "--quiet", "origin", "HEAD:main")

    def _push_again_if_lost(self, version: str) -> None:
        for left in reversed(range(LOST_RACES)):
            try:
                self._push()
            except CommandFailed:
                if not left:
                    raise
                self._commit(version)
            else:
                return

    def _fetched(self) -> None:
        """Wait until Flux has what was pushed: it would go back to the commit that it has."""
        sha, cluster = self._git("rev-parse", "HEAD").strip(), kubernetes.api(self.instance)

        def there() -> None:
            if (found := flux.fetched(flux.source(cluster))) != sha:
                raise NotYet(f"Flux has {found[:7]}")

        wait_for(there, what=f"Flux to fetch {sha[:7]}", timeout=LONGEST, interval=0.1)

    def _settle(self, version: str) -> None:
        """Wait until Flux has done the newest commit, and only this version's pods are there."""
        newest = attendees(self.instance).fetch()
        sync.follow(self.instance, newest.sha, timeout=LONGEST)
        self._rolled_out()

        def answers() -> None:
            self.crowd.first(version, time.monotonic() - 1.0)

        wait_for(answers, what=f"answers of {version}", timeout=LONGEST, interval=0.1)

    def _rolled_out(self) -> None:
        cluster = kubernetes.api(self.instance)

        def quiet() -> None:
            rollout.finished(cluster, NAMESPACE, APP)
            if ending := rollout.ending(cluster, NAMESPACE, LABELS):
                raise NotYet(f"{len(ending)} old pods are ending")

        wait_for(quiet, what="the rollout's end", timeout=LONGEST, interval=0.3)

    def _git(self, *words: str) -> str:
        return run("git", *words, cwd=self._clone, env=DIRECT, timeout=60)


def rounds(
    track: Track,
    ways: Sequence[Way],
    runs: int,
    say: Callable[[str], None],
    done: Sequence[Round] = (),
) -> Iterator[Round]:
    """Yield rounds until each way has `runs` of them; those that are `done` count.

    The ways take turns, and every other turn is in reverse, so that neither the order nor the
    direction (from the old version to the new one, or back) is always the same for one of them.
    """
    had = {way: sum(one.way == way for one in done) for way in ways}
    for number in range(runs):
        for way in ways if number % 2 == 0 else reversed(ways):
            if had[way] > number:
                continue
            one = track.run(way, (number + 0.5) / runs)
            say(
                f"{number + 1:3} of {runs}  {way:<8} first new answer {one.first:5.1f} s, "
                f"last old answer {one.last:5.1f} s"
            )
            yield one


def median(found: Sequence[Round], way: Way, what: str = "first") -> float:
    """Return the median of one way's times, in seconds."""
    return float(statistics.median(getattr(one, what) for one in found if one.way == way))
