"""Writes to a repository, each of them a commit.

A write is made beside the working folder and pushed first; the folder follows only then. So a push
that is refused leaves everything as it was, and nothing that somebody has not committed is ever
overwritten. Writers of one branch race: who loses fetches, makes the change anew and pushes again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labs.errors import LabError
from labs.gitops import clone_guard
from labs.gitops.clone import ATTEMPTS, BRANCH, Clone
from labs.gitops.commits import Identity, Message, Written
from labs.gitops.draft import Draft, scratch_index
from labs.gitops.git_words import PushRefused
from labs.gitops.rendering import render
from labs.instance import Instance


class ConfigRepo(Clone):
    """A clone whose commits are made by functions that change files."""

    def __init__(
        self,
        path: Path,
        kubectl: str | Path = "kubectl",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(path, environment)
        self._kubectl = kubectl

    def render(self, path: str, revision: str = "") -> list[dict[str, Any]]:
        """Return the objects that a folder stands for: of the working folder, or of a commit.

        Raises CommandFailed with kustomize's words where the folder does not build.
        """
        if not revision:
            return render(self.path, path, self._kubectl)
        with scratch_index() as index:
            env = {"GIT_INDEX_FILE": str(index)}
            self._repo.git.read_tree(self.commit(revision).sha, env=env)
            self._repo.git.checkout_index("--all", f"--prefix={index.parent}/", env=env)
            return render(index.parent, path, self._kubectl)

    def propose(self, change: Callable[[Draft], None]) -> str:
        """Return the difference that a change would make to the newest commit; changes nothing."""
        draft = Draft(self._repo.git, self.fetch().sha)
        change(draft)
        return draft.diff()

    def write(
        self,
        message: Message,
        change: Callable[[Draft], None],
        *,
        author: Identity | None = None,
        push_options: Sequence[str] = (),
    ) -> Written:
        """Commit what `change` does to the newest commit, and push it.

        `change` is called again on the newer state when another writer was faster. Raises
        CloneNotClean, PushRefused, GitServerAway, or what `change` raises; then nothing is done.
        """
        env = {**self._environment, **(author.environment() if author else {})}
        with clone_guard.alone(self.path, Path(self._repo.git_dir)):
            self._refuse_unclean()
            for lost in range(ATTEMPTS):
                base = self.fetch().sha
                self._refuse_unpushed()
                draft = Draft(self._repo.git, base)
                change(draft)
                if not draft.touched:
                    raise LabError(
                        f"{message.subject!r} changes nothing: the repository is that way already",
                        expected="a change",
                        todo="see `git log -3` for who made it so",
                    )
                self._refuse_in_the_way(draft)
                sha = draft.commit(str(message), env)
                if self._push(sha, push_options):
                    return Written(self.commit(sha), lost, behind=self._follow(sha))
        raise PushRefused(
            f"{ATTEMPTS} times another writer of {self.url} was faster",
            expected="a moment in which nobody else pushes",
            todo="run it again",
        )

    def lay(self, change: Callable[[Draft], None]) -> list[str]:
        """Put what `change` does into the working folder, uncommitted; return the files.

        Raises CloneNotClean where the reader has changed one of them, and then writes none.
        """
        with clone_guard.alone(self.path, Path(self._repo.git_dir)):
            self._refuse_elsewhere()
            newest = self.fetch()
            if not self.contains("HEAD", newest.sha):
                raise clone_guard.behind(self.path, newest)
            draft = Draft(self._repo.git, self.commit().sha)
            change(draft)
            wanted, theirs = draft.against(self.path)
            if theirs:
                raise clone_guard.uncommitted(self.path, theirs)
            for path, text in wanted.items():
                (self.path / path).parent.mkdir(parents=True, exist_ok=True)
                (self.path / path).write_text(text)
            return sorted(wanted)

    def _refuse_unclean(self) -> None:
        self._refuse_elsewhere()
        if self._repo.is_dirty(untracked_files=False):
            raise clone_guard.uncommitted(self.path, self.changed())

    def _refuse_elsewhere(self) -> None:
        if self._repo.head.is_detached:
            raise clone_guard.elsewhere(self.path, "a detached commit", BRANCH)
        branch = self._repo.active_branch.name
        if branch != BRANCH:
            raise clone_guard.elsewhere(self.path, f"the branch {branch!r}", BRANCH)

    def _refuse_unpushed(self) -> None:
        if waiting := self.unpushed():
            raise clone_guard.unpushed(waiting[0])

    def _refuse_in_the_way(self, draft: Draft) -> None:
        incoming = set(str(self._repo.git.diff("HEAD", draft.base, "--name-only")).splitlines())
        in_the_way = (incoming | draft.touched) & set(self._repo.untracked_files)
        if in_the_way:
            raise clone_guard.in_the_way(in_the_way)


def attendees(instance: Instance) -> ConfigRepo:
    """Return the attendee's clone of the config repo."""
    return ConfigRepo(instance.work / "config-repo", instance.bin / "kubectl")
