"""The way round locks and checks for those who may, and its trace: a note on each commit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from refusal import Refused, one_line

REF = "refs/notes/overrides"
OPTION = "override="
MAY = "instructor"
SERVER = {"NAME": "Git server", "EMAIL": "git@hackfest.local"}


def reason(user: str) -> str:
    """Return why this push shall go past what stops it, or ''. Raises Refused for who may not."""
    count = int(os.environ.get("GIT_PUSH_OPTION_COUNT") or 0)
    options = [os.environ.get(f"GIT_PUSH_OPTION_{number}", "") for number in range(count)]
    given = [option for option in options if option == "override" or option.startswith(OPTION)]
    if not given:
        return ""
    if user != MAY:
        raise Refused(
            f"a push by {user!r} with the option {one_line(given[0], 60)!r}",
            f"nobody but {MAY!r} goes past a lock or a check",
            "push without the option; `lab unlock APP` if it is time, or ask an instructor",
        )
    why = one_line(given[-1].removeprefix(OPTION), 500)
    if len(why) < 1 or given[-1] == "override":
        raise Refused(
            "an override without a reason",
            "a reason, which is kept with the commit",
            '`git push -o override="why it cannot wait"`',
        )
    return why


def note(found: Mapping[str, Sequence[str]], user: str, why: str) -> None:
    """Write on each commit who let it through, why and past what. Raises CalledProcessError.

    It is written before the push counts, so that no override is ever without its trace: past git's
    quarantine, in which the push itself still is.
    """
    kept_out = ("GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
    environment = {key: value for key, value in os.environ.items() if key not in kept_out}
    for key, value in SERVER.items():
        environment |= {f"GIT_AUTHOR_{key}": value, f"GIT_COMMITTER_{key}": value}
    for commit, past in found.items():
        lines = [f"Overridden-By: {user}", f"Override-Reason: {why}", *past]
        words = ["notes", f"--ref={REF}", "add", "--force", "--file=-", commit]
        subprocess.run(
            ["git", *words], input="\n".join(lines) + "\n", text=True, env=environment, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
