"""What history tells of an app's versions: who moved it, from which to which, and what held it."""

from __future__ import annotations

from dataclasses import dataclass

from labs.exercises.evidence import HELLO, MOST, Change, changes, value, value_in
from labs.gitops import manifests
from labs.gitops.clone import UPSTREAM
from labs.gitops.commits import Commit
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.instance import Instance
from labs.platform import app
from labs.platform.credentials import mail
from labs.step import CheckFailed
from labs.understudy.semver import BadRange, Range, parse

AUTOMATION = "automation/production/hello.yaml"
"""The file of the bot that writes new versions of the app."""
APP = "hello"
GOOD, BAD = "1.2.0", "1.3.0"
"""What the bot deploys in lab 06: a version with a new feature, and one with a bug."""
POLICY = "hello-production"


@dataclass(frozen=True)
class Move(Change):
    """A pushed commit that changed the version that production is to run."""

    @property
    def by_hand(self) -> bool:
        """Whether it was made with plain Git: commands and the bot leave trailers."""
        return "Lab-Event" not in self.commit.trailers

    @property
    def by_bot(self) -> bool:
        return self.commit.author.mail == mail("flux")

    @property
    def event(self) -> str:
        return self.commit.trailers.get("Lab-Event", "")

    def __str__(self) -> str:
        return f"{self.commit.short} ({self.before} → {self.after})"


@dataclass(frozen=True)
class State:
    """What a commit says of the app in production, as far as versions are concerned."""

    version: str
    locked_by: str
    reason: str
    automated: bool
    """Whether there is a bot, and nobody has told it to rest."""
    range: str
    """The versions that the bot may choose from; '' where there is no bot."""

    def takes(self, version: str) -> bool:
        """Return whether the bot's range has a version."""
        found = parse(version)
        try:
            return bool(self.range) and found is not None and Range.parse(self.range).allows(found)
        except BadRange:  # a range that is none: Flux chooses nothing by it
            return False


def fetched(instance: Instance) -> ConfigRepo:
    """Return the reader's clone, with what the server has."""
    repo = attendees(instance)
    repo.fetch()
    return repo


def moves(repo: ConfigRepo, most: int = MOST) -> list[Move]:
    """Return the pushed commits that changed the version, newest first.

    The first commit of all, which brought the file, is not among them.
    """
    found = changes(repo, HELLO, lambda text: _tag(value_in(text, "image")), most)
    return [Move(one.commit, one.before, one.after) for one in found]


def version(repo: ConfigRepo, revision: str = "") -> str:
    """Return the version that a commit, or the working folder, has for production."""
    return _tag(value(repo, "image", revision))


def _tag(image: str) -> str:
    return image.rpartition(":")[2]


def state(repo: ConfigRepo, revision: str = UPSTREAM) -> State:
    """Return what a commit says of the app."""
    found = manifests.workload(repo.text(HELLO, revision), APP) or manifests.Workload()
    bot = manifests.automation(repo.text(AUTOMATION, revision))
    return State(version(repo, revision), found.locked_by, found.lock_reason, bot.active, bot.range)


def parent(repo: ConfigRepo, commit: Commit) -> State:
    """Return what the commit before said of the app."""
    return state(repo, commit.parents[0])


def next_move(found: list[Move], move: Move) -> Move | None:
    """Return the move that came after this one, if there was one."""
    later = found[: found.index(move)]
    return later[-1] if later else None


def refuse_kept_back(repo: ConfigRepo, wanted: str) -> None:
    """Raise CheckFailed where the wanted version is in the reader's clone, and not pushed."""
    committed = version(repo, "HEAD")
    if version(repo) == wanted != committed:
        raise CheckFailed(
            f"{HELLO} names {wanted}, and no commit does: the file alone tells nobody",
            expected="a commit, pushed",
            todo='`git diff`, `git commit --all --message "…"`, then `git push`',
        )
    # A clone that is merely behind may have it as well.
    if committed == wanted != version(repo, UPSTREAM) and repo.unpushed():
        raise CheckFailed(
            f"{repo.commit()} names {wanted}, and the Git server does not have it",
            expected="a commit that is pushed",
            todo="`git push`",
        )


def answering(instance: Instance) -> str:
    """Return which version answers, and from which pod. Raises NotYet where nothing does."""
    found = app.answer(instance)
    return f"{found['version']} answers from {found['pod']}"


def short(text: str, most: int = 160) -> str:
    """Return a message in one line, its middle left out where it is long."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    half = (most - 3) // 2
    return f"{line[:half]} … {line[-half:]}"
