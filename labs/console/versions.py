"""The versions of a workload's image: when and from what they were built, and where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labs.console.books import Books
from labs.gitops.ci import CiRun
from labs.gitops.images import Image
from labs.gitops.workloads import Found
from labs.platform.registry import INNER_ADDRESS
from labs.understudy import semver


@dataclass(frozen=True)
class Version:
    """One version, beside the one that Git names."""

    image: Image
    run: int | None
    """CI's run that built it, as far as CI remembers."""
    deployed: tuple[str, ...]
    """The environments in which Git names it."""
    named: bool
    """Whether this workload's Git names it."""

    @property
    def numbered(self) -> bool:
        """Return whether its tag is a version, and not another name for one."""
        return semver.parse_tag(self.image.tag) is not None


def versions(
    found: Found, books: Books, known: Mapping[str, Iterable[Image]], runs: Iterable[CiRun]
) -> list[Version]:
    """Return a workload's versions, newest first, as the registry was seen last."""
    repository = found.workload.repository
    # Newest first: of several runs that made the same image, the first made it.
    built = {(one.image, one.digest): one.number for one in runs if one.digest}
    return [
        Version(
            image,
            built.get((f"{repository}:{image.tag}", image.digest)),
            tuple(books.deployed(repository, image.tag)),
            image.tag == found.workload.version,
        )
        for image in known.get(repository.removeprefix(f"{INNER_ADDRESS}/"), ())
    ]
