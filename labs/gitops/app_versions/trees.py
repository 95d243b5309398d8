"""What each version of the sample app is: its four lines, and the code that it brings.

The code stands beside this module, a patch for each version on the one before; 0.9.0 is the
project's own sample-app. Nothing here knows a repository: `onto` says what a file becomes.
"""

from __future__ import annotations

import difflib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from labs.errors import LabError
from labs.instance import PROJECT
from labs.run import CommandFailed, run

START = "0.9.0"
VERSION_FILE = "hello/version.py"
ABOUT = "What makes a version a version: change these four lines to make the next one."
PATCHES = Path(__file__).parent
NOT_OURS = shutil.ignore_patterns("__pycache__", ".*_cache", ".venv", "*.egg-info", ".git")


@dataclass(frozen=True)
class Version:
    """A version as its commit has it: what makes it one, and what the commit says."""

    number: str
    words: str
    shape: str
    colour: str
    subject: str

    @property
    def file(self) -> str:
        """The content of hello/version.py."""
        return (
            f'"""{ABOUT}"""\n\n'
            f'VERSION = "{self.number}"\nWORDS = "{self.words}"\n'
            f'SHAPE = "{self.shape}"\nCOLOUR = "{self.colour}"\n'
        )


VERSIONS = (
    Version("1.0.0", "Built from a commit of yours.", "square", "blue", "the first from CI"),
    Version("1.1.0", "Servus from Klagenfurt.", "hexagon", "green", "greet from Klagenfurt"),
    Version(
        *("1.2.0", "I know how long I have been up.", "triangle", "teal"),
        subject="say how long a pod has been up",
    ),
    Version("1.3.0", "I know how old I am.", "diamond", "violet", "say how old a build is"),
    Version("2.0.0", "I know how busy I am.", "star", "magenta", "say how busy a pod is"),
    Version("2.1.0", "I know who opens me.", "octagon", "orange", "say who opens the page"),
)
ORDER = (START, *(version.number for version in VERSIONS))


def named(number: str) -> Version:
    """Return a version by its number. Raises LabError with the known and the nearest."""
    for version in VERSIONS:
        if version.number == number:
            return version
    known = [version.number for version in VERSIONS]
    near = difflib.get_close_matches(number, known, n=1, cutoff=0.5)
    raise LabError(
        f"no version {number!r} of the app is written down",
        expected=f"one of: {', '.join(known)}",
        todo=f"did you mean {near[0]}?" if near else "choose a version of that list",
    )


def build(number: str, folder: Path) -> None:
    """Make `folder` the whole app as a version has it. Raises CommandFailed: a patch is stale."""
    shutil.copytree(PROJECT / "sample-app", folder, ignore=NOT_OURS)
    for each in ORDER[: ORDER.index(number) + 1]:
        patch = PATCHES / f"{each}.patch"
        if patch.exists():
            # Not a repository, so that `git apply` takes the folder as it is.
            outside = {"GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)}
            run("git", "apply", patch, cwd=folder, env=outside)
    if number != START:
        (folder / VERSION_FILE).write_text(named(number).file)


@cache
def code(number: str) -> Mapping[str, str]:
    """Return the files that any version changes, by path, as one version has them."""
    with tempfile.TemporaryDirectory(prefix="app-") as temporary:
        folder = Path(temporary) / "app"
        build(number, folder)
        return {path: (folder / path).read_text() for path in paths() if (folder / path).exists()}


def onto(number: str, path: str, mine: str | None) -> str | None:
    """Return what a file becomes with a version, when it is `mine` now; None: it is not there.

    A file that any version left as it is becomes this version's. One that somebody changed keeps
    that change beside the version's own. Raises LabError where the two are on the same lines.
    """
    theirs = code(number).get(path)
    known = [code(each).get(path) for each in ORDER]
    if mine in known:
        return theirs
    bases = [text for text in known if text is not None]
    base = max(bases, key=lambda text: difflib.SequenceMatcher(a=text, b=mine or "").ratio())
    if theirs is None or theirs == base:
        return mine
    if mine is None:
        raise _in_the_way(number, path)
    return _merged(number, path, base, mine, theirs)


@cache
def paths() -> tuple[str, ...]:
    """Return the paths of the files that any version changes, version.py aside."""
    named_paths = {
        line.removeprefix("+++ b/")
        for patch in PATCHES.glob("*.patch")
        for line in patch.read_text().splitlines()
        if line.startswith("+++ b/")
    }
    return tuple(sorted(named_paths))


def _merged(number: str, path: str, base: str, mine: str, theirs: str) -> str:
    with tempfile.TemporaryDirectory(prefix="merge-") as temporary:
        folder = Path(temporary)
        for name, text in (("mine", mine), ("base", base), ("theirs", theirs)):
            (folder / name).write_text(text)
        try:
            return run("git", "merge-file", "-p", "mine", "base", "theirs", cwd=folder)
        except CommandFailed as conflict:
            raise _in_the_way(number, path) from conflict


def _in_the_way(number: str, path: str) -> LabError:
    return LabError(
        f"{path} of the app repo was changed on the lines that {number} changes",
        expected=f"{path} as a version of the app left it, or changed elsewhere",
        todo=f"undo your change of {path} (`git log -- {path}` names its commit), push, again",
    )
