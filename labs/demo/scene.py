"""What the demo's stages share: the lab that it plays on, the commands that it types, the facts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from labs.errors import LabError
from labs.exercises.releases import Move, moves
from labs.gitops import sync
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.image_automation import MARKED
from labs.gitops.own_clone import own_clone
from labs.instance import Instance
from labs.platform import app, flux, kubernetes, rollout
from labs.platform.environment import environment
from labs.platform.loopback import fetch
from labs.run import CommandFailed, run
from labs.wait import NotYet, wait_for

T = TypeVar("T")
APP, ENVIRONMENT = "hello", "production"
POLICY = f"{APP}-{ENVIRONMENT}"
FINE = "the page is fine"
PATIENCE = 180.0
"""Seconds that one thing may take."""
MOST = 30
"""So many of the newest commits are looked at."""
UNATTENDED = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "PAGER": "cat"}


class OffScript(LabError):
    """Something went otherwise than the story tells it."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(
            found,
            expected=expected,
            todo=f"`lab history {APP}` shows what happened; run the demo again: all is put back",
        )


@dataclass
class Scene:
    """The lab, and what the stages have found out for those after them."""

    instance: Instance
    say: Callable[[str], None]
    good: str
    bad: str
    facts: dict[str, str] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    """When something happened, by the monotonic clock."""

    @property
    def named(self) -> dict[str, str]:
        """What a stage's command may name: the versions, and what was found out on the way."""
        short = {name: fact[:7] for name, fact in self.facts.items()}
        return {**short, "good": self.good, "bad": self.bad}

    @property
    def repo(self) -> ConfigRepo:
        """The reader's clone, with what the server has."""
        repo = attendees(self.instance)
        repo.fetch()
        return repo

    def type(self, *words: str) -> str:
        """Run a command as a person in the lab's terminal would; return what it prints."""
        return run(
            *words,
            cwd=attendees(self.instance).path,
            env={**os.environ, **environment(self.instance), **UNATTENDED},
            timeout=PATIENCE,
        )

    def live(self, commit: Commit) -> str:
        """Wait until a commit is live; return in words how long it took from the push."""
        self.repo.fetch()
        seen = sync.follow(self.instance, commit.sha, timeout=PATIENCE)
        return f"live {max(0.0, seen.seconds('live')):.1f} s after the push"

    def plain_git(self, subject: str, change: Callable[[str], str]) -> Commit:
        """Change the app's file, commit and push, with Git and nothing else."""
        with own_clone(self.instance) as repo:
            file = repo.path / MARKED
            file.write_text(change(file.read_text()))
            run("git", "commit", "--quiet", "--all", f"--message={subject}", cwd=repo.path)
            run("git", "push", "--quiet", cwd=repo.path, env=UNATTENDED)
            return repo.commit()

    def plain_revert(self, revision: str) -> Commit:
        """Revert a commit and push, with Git and nothing else."""
        with own_clone(self.instance) as repo:
            run("git", "revert", "--no-edit", revision, cwd=repo.path, env=UNATTENDED)
            run("git", "push", "--quiet", cwd=repo.path, env=UNATTENDED)
            return repo.commit()

    def wait(self, condition: Callable[[], T], what: str) -> T:
        """Wait for what the story needs next."""
        return wait_for(
            condition,
            what=what,
            timeout=PATIENCE,
            interval=0.2,
            todo="`lab automation status` and `flux get all` show what holds it up; `lab demo` "
            "puts everything back",
        )

    def moves_since(self, revision: str) -> list[Move]:
        """Return what moved the app after a commit, newest first."""
        repo = self.repo
        found = moves(repo, MOST)
        return [one for one in found if not repo.contains(revision, one.commit.sha)]

    def the_bots(self, version: str, since: str) -> Move:
        """Wait for the bot's commit of a version that comes after another commit; return it."""

        def written() -> Move:
            for move in self.moves_since(since):
                if move.by_bot and move.after == version:
                    return move
            raise NotYet(f"no commit of {version} by the bot; the policy has {self.chosen()}")

        return self.wait(written, f"the bot to write {version}")

    def chosen(self) -> str:
        """Return what the policy in the cluster chooses."""
        policy = kubernetes.api(self.instance).get(
            flux.IMAGE_API, "ImagePolicy", POLICY, flux.NAMESPACE
        )
        return str((policy or {}).get("status", {}).get("latestRef", {}).get("tag", "nothing"))

    def ask_the_bot(self) -> None:
        """Have the bot look now, as `flux reconcile image update` does."""
        cluster = kubernetes.api(self.instance)
        flux.reconcile(cluster, flux.IMAGE_API, "ImageUpdateAutomation", POLICY)

    def page(self) -> str:
        """Return what a visitor's browser gets, in words."""
        answer = fetch(app.address(self.instance), timeout=app.ANSWER_SECONDS)
        return FINE if answer.status == 200 else f"the page answers {answer.status}"

    def answers(self) -> str:
        """Return the version that answers. Raises NotYet."""
        return str(app.answer(self.instance)["version"])

    def settle(self) -> None:
        """Wait until the app's pods are as the Deployment wants them, and no other answers."""
        labels = {"app.kubernetes.io/name": APP}

        def settled() -> None:
            rollout.finished(kubernetes.api(self.instance), ENVIRONMENT, APP)
            rollout.answered_by_new_pods(self.instance, ENVIRONMENT, labels)

        self.wait(settled, "the rollout's end")


def refusal(attempt: Callable[[], object]) -> str:
    """Return the words with which the Git server refuses something. Raises OffScript."""
    try:
        attempt()
    except CommandFailed as refused:
        said = [line.removeprefix("remote: ").strip() for line in refused.stderr.splitlines()]
        told = [line for line in said if line.startswith("found:")] or said[-1:]
        # What comes after the first clause is which commit did it, and how: for whoever did it.
        return told[0].removeprefix("found:").partition(";")[0].strip()
    raise OffScript("a push that moves a locked app went through", "a refusal by the Git server")
