"""What `lab automation files` and `lab monitoring files` share: files into the reader's clone."""

from __future__ import annotations

from collections.abc import Callable

from labs.gitops import instances
from labs.gitops.config_repo import attendees
from labs.gitops.draft import Draft
from labs.instance import Instance


def lay(install: Callable[[Draft, str], None], look: str, subject: str) -> None:
    """Put what `install` writes into the clone, uncommitted; say how to look at it and commit.

    `install` is given the folder of the reader's cluster; `{path}` in `look` becomes the clone's.
    """
    instance = Instance.current()
    repo, folder = attendees(instance), instances.folder(instance)
    laid = repo.lay(lambda draft: install(draft, folder))
    if not laid:
        print("your clone has them all")
        return
    print("\n".join(laid))
    print(f"\n{look.format(path=repo.path)}, then:\n")
    print(f'  git add --all && git commit -m "{subject}" && git push')
