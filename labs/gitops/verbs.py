"""What the notebooks of the GitOps labs call; `labs.lab` hands it on."""

from __future__ import annotations

from typing import Any

from labs import show
from labs.gitops import sync as way
from labs.gitops.config_repo import attendees
from labs.gitops.stages import Sync
from labs.gitops.sync_text import text
from labs.instance import Instance


def sync(revision: str = "", timeout: float = 120) -> None:
    """Follow a commit, by default your newest, until it is live; shows each stage with its time.

    `timeout` is in seconds. Raises Stuck with Flux's own message where waiting is of no use.
    """
    instance = Instance.current()
    live: list[show.Live] = []

    def on_look(seen: Sync) -> None:
        if live:
            live[0].update(text(seen))
        else:
            live.append(show.Live(text(seen)))

    way.follow(instance, revision, timeout=timeout, on_look=on_look)


def render(path: str, revision: str = "") -> list[dict[str, Any]]:
    """Return the objects that a folder of the config repo stands for, in your clone or a commit."""
    return attendees(Instance.current()).render(path, revision)
