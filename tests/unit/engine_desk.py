"""A desk at which the engine writes: a real Git server's repository on disk, and known versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from labs.errors import LabError
from labs.gitops import image_automation
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.desk import Action, Desk, carry_out
from labs.gitops.images import newest_first
from labs.instance import PROJECT
from tests.unit.gitrepos import git, new_clone, new_server

HELLO = "apps/production/hello.yaml"
BOT = "automation/production/hello.yaml"
VERSIONS = ["0.9.0", "1.0.0", "1.1.0", "1.2.0", "1.3.0", "nightly"]


def template() -> dict[str, str]:
    """Return the files of the config repo that every attendee starts from."""
    root = PROJECT / "config-repo-template"
    return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}


def automated() -> dict[str, str]:
    """Return the files of a config repo to which lab 06 has added image automation."""
    files = {**template(), **image_automation.objects()}
    return {**files, HELLO: image_automation.marked(files[HELLO])}


def staging(files: dict[str, str]) -> dict[str, str]:
    """Return the files with one more environment, in which there is one more app."""
    more = {
        path.replace("/production/", "/staging/"): text.replace("production", "staging")
        for path, text in files.items()
        if path.startswith("apps/production/")
    }
    other = more["apps/staging/hello.yaml"].replace("hello", "shop")
    return {**files, **more, "apps/staging/shop.yaml": other}


@dataclass(frozen=True)
class Office:
    """The server's repository, and a desk in front of a clone of it."""

    server: Path
    desk: Desk

    def do(self, action: Action) -> str:
        """Carry an action out; return the difference that was shown first."""
        seen: list[str] = []
        carry_out(self.desk, action, show=seen.append)
        return seen[0]

    def text(self, path: str = HELLO) -> str:
        """Return a file as the server has it."""
        return git("show", f"main:{path}", cwd=self.server) + "\n"

    def by(self, name: str) -> Office:
        """Return the desk of somebody else, with a clone of their own."""
        clone = self.server.parent / name
        path = clone if clone.exists() else new_clone(self.server, clone)
        return replace(self, desk=replace(self.desk, repo=ConfigRepo(path), by=name))

    def by_hand(self, who: str, subject: str, path: str, change: Callable[[str], str]) -> str:
        """Change a file as anybody does it with plain git, and push; return the commit."""
        clone = self.by(who).desk.repo.path
        git("pull", "--quiet", "--rebase", cwd=clone)
        (clone / path).write_text(change((clone / path).read_text()))
        git("commit", "--quiet", "--all", "-m", subject, cwd=clone)
        git("push", "--quiet", "origin", "HEAD:main", cwd=clone)
        return git("rev-parse", "HEAD", cwd=clone)


def known(image: str) -> list[str]:
    """Return the versions that the registry of these tests has."""
    assert image == "registry:5000/hello"
    return newest_first(VERSIONS)


def away(image: str) -> list[str]:
    """Stand for a registry that does not answer."""
    raise LabError("the registry does not answer", expected="it", todo="`make up`")


def office(folder: Path, files: dict[str, str]) -> Office:
    """Make a server with these files, and the attendee's clone."""
    server = new_server(folder / "server", files)
    return Office(
        server, Desk(ConfigRepo(new_clone(server, folder / "attendee")), "attendee", known)
    )
