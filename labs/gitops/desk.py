"""One change of the config repo that a person asks for: shown, committed, and followed.

What a change is about is looked up first, and looked up again on the very commit that it is made
on: between the two, somebody else may have locked the workload or moved it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labs.errors import LabError
from labs.gitops import images
from labs.gitops.colleague import clone_of
from labs.gitops.commits import Message, Written, flat
from labs.gitops.config_repo import ConfigRepo, attendees
from labs.gitops.draft import Draft
from labs.gitops.names import require
from labs.gitops.workloads import Found, Place, find, look, readable
from labs.instance import Instance

WRITERS = ("attendee", "instructor")


@dataclass(frozen=True)
class Desk:
    """Who writes, in which clone, and how the versions are found that an image has."""

    repo: ConfigRepo
    by: str
    versions: Callable[[str], list[str]]
    """Given `registry:5000/hello`: its versions, the newest first. Raises LabError."""

    @classmethod
    def of(cls, instance: Instance, by: str = "") -> Desk:
        """Return the attendee's desk, or that of another who may write."""
        user = require("user who writes", by or WRITERS[0], WRITERS, "leave out `--as`")
        repo = attendees(instance) if user == WRITERS[0] else clone_of(instance, user)
        return cls(repo, user, lambda image: images.versions(instance, image))

    def newest(self) -> Draft:
        """Return the files of the server's newest commit."""
        return self.repo.tree(self.repo.fetch().sha)

    def find(self, app: str, environment: str) -> Found:
        """Return a workload as the server's newest commit has it; its files can be read."""
        return readable(find(self.newest(), app, environment))


@dataclass(frozen=True)
class Action:
    """A change that is asked for: what the commit says, what it does, what is to be known of it."""

    place: Place
    message: Message
    change: Callable[[Draft], None]
    remarks: tuple[str, ...] = ()
    override: str = ""
    """The reason for which the Git server is asked to let it through all the same."""


def now(draft: Draft, place: Place) -> Found:
    """Return a workload as the commit has it that a change is made on. Raises LabError."""
    found = look(draft, place)
    if found is None:
        raise LabError(
            f"{place} is gone: somebody took it away meanwhile",
            expected="the workload that was there a moment ago",
            todo=f"see `git log -3 -- {place.path}`",
        )
    return readable(found)


def message(
    event: str, subject: str, place: Place, by: str, *, version: str = "", reason: str = ""
) -> Message:
    """Return what a commit says: a subject for people, and trailers from which history is told."""
    trailers = {
        "Lab-Event": event,
        "Lab-App": place.app,
        "Lab-Environment": place.environment,
        "Lab-Version": version,
        "Lab-By": by,
        "Lab-Reason": flat(reason),
    }
    return Message(subject, "", {key: value for key, value in trailers.items() if value})


def carry_out(
    desk: Desk, action: Action, *, dry_run: bool = False, show: Callable[[str], None]
) -> Written | None:
    """Show what an action changes, then commit and push it; None for a dry run.

    `show` is given the difference before anything is done. Raises what the change raises, and
    what ConfigRepo.write does; then nothing is done.
    """
    if action.override and desk.by != "instructor":
        raise LabError(
            f"an override asked for by {desk.by}",
            expected="the instructor's credentials, which alone may override a lock",
            todo="add `--as instructor`, if that is you; else ask for the lock to be taken away",
        )
    show(desk.repo.propose(action.change))
    if dry_run:
        return None
    options = [f"override={flat(action.override)}"] if action.override else []
    return desk.repo.write(action.message, action.change, push_options=options)
