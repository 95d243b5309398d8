"""Has the Git server enforce what `lab lint` says of monitoring, or leave it: by a commit."""

from __future__ import annotations

from labs.gitops.commits import Message, Written
from labs.gitops.config_repo import ConfigRepo
from labs.gitops.draft import Draft

SWITCH = "checks.yaml"
TEXT = """\
# What the Git server judges at a push: Prometheus' promtool and Alertmanager's amtool
# have to take the files of monitoring/. Deleting this file, by a commit, switches it off.
monitoring: enforced
"""


def enforce(repo: ConfigRepo, *, on: bool = True) -> Written:
    """Commit and push the switch. Raises PushRefused where what is there is refused already."""

    def change(draft: Draft) -> None:
        if on:
            draft.write(SWITCH, TEXT)
        elif SWITCH in draft.files():
            draft.delete(SWITCH)

    words = "Enforce" if on else "Leave off"
    return repo.write(Message(f"{words} the checks of monitoring at the push"), change)
