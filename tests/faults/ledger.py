"""What a lab holds that nobody wants to lose: counted before a fault, and looked for afterwards."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from labs.gitops import ci
from labs.instance import Instance
from labs.platform import docker, kind, registry
from labs.platform.loopback import DIRECT
from labs.run import run
from labs.wait import NotYet
from tests.cluster import monitored

Holdings = dict[str, frozenset[str]]


@dataclass(frozen=True)
class Ledger:
    """Commits on the server, images, CI's runs, the reader's files and commits, samples."""

    held: Holdings
    sampled_at: float | None
    """A moment at which Prometheus has samples, in Unix seconds."""

    def lost(self, instance: Instance) -> list[str]:
        """Return what was held and is not there any more, in words."""
        now = holdings(instance)
        found = []
        for name, before in self.held.items():
            gone = before - now.get(name, frozenset())
            if gone:
                found.append(f"{len(gone)} of {len(before)} {name} ({sorted(gone)[0]})")
        if self.sampled_at is not None and samples(instance, self.sampled_at) == 0:
            found.append("Prometheus' samples of before")
        return found


def take(instance: Instance) -> Ledger:
    """Return what a lab holds now: nothing, where there is none yet."""
    if docker.state(instance.container("git")) == "absent":
        return Ledger({}, None)
    return Ledger(holdings(instance), _moment(instance))


def holdings(instance: Instance) -> Holdings:
    """Return all that can be counted, by its name."""
    found = {
        "commits": _commits(instance),
        "images": frozenset(
            f"{repo}:{tag} {registry.digest(instance, repo, tag)}"
            for repo in registry.repositories(instance)
            for tag in registry.tags(instance, repo)
        ),
    }
    if instance.work.exists():
        found["files and local commits"] = frozenset(_own(instance))
    if docker.state(instance.container("ci")) != "absent":
        found["runs of CI"] = frozenset(str(one.number) for one in ci.runs(instance, 1000))
    return found


def _commits(instance: Instance) -> frozenset[str]:
    script = 'for r in /srv/git/*.git; do git -C "$r" rev-list --all | sed "s|^|$r |"; done'
    text = docker.exec_in(instance.container("git"), "sh", "-c", script)
    return frozenset(text.splitlines())


def _own(instance: Instance) -> set[str]:
    """Return the content of each of the reader's files, where it lies now or in whichever commit.

    By Git's own names of contents, so that a file which was set aside on a branch is found there.
    """
    found: set[str] = set()
    for clone in sorted(instance.work.glob("*/.git")):
        listed = run("git", "rev-list", "--all", "HEAD", "--objects", cwd=clone.parent, env=DIRECT)
        found |= {line.split()[0] for line in listed.splitlines()}
    for path in instance.work.rglob("*"):
        inner = path.relative_to(instance.work).parts
        if path.is_file() and not path.is_symlink() and ".git" not in inner:
            data = path.read_bytes()
            found.add(hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest())  # noqa: S324
    return found


def _moment(instance: Instance) -> float | None:
    """Return when Prometheus took its newest sample; None where there is no Prometheus."""
    if docker.state(kind.node(instance)) != "running" or not instance.kubeconfig.exists():
        return None
    try:
        return monitored.value(instance, "max(timestamp(up))")
    except NotYet:
        return None


def samples(instance: Instance, moment: float) -> int:
    """Return how many targets have a sample of that moment; none where there is no Prometheus.

    It is asked in a lab that was judged well: one that is there answers.
    """
    try:
        return len(monitored.series(instance, "up", moment))
    except NotYet:
        return 0
