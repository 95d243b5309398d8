"""Where history begins for what a lab's checks read from it: at the newest reset.

A reset is a commit like any other, and what was before it stays. But a release of yesterday is no
evidence that today's reader has made one. So evidence is read with Git's own replacement of
commits, as if the reset had no past; plain `git log` and `lab history` show all of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labs.instance import Instance
from labs.platform.credentials import mail

TRAILER = "Lab-Start"
"""In the message of a reset: the lab to whose start it has gone."""
REFS = "refs/lab/horizon/"
BASE = "GIT_REPLACE_REF_BASE"


def record(instance: Instance) -> Path:
    """Return the file that says where the lab was put at last (`lab`), and when (`at`)."""
    return instance.root / "reset.json"


def put_back_at(instance: Instance) -> float:
    """Return when the lab was last put back, in Unix seconds; 0.0 where it never was."""
    path = record(instance)
    return float(json.loads(path.read_text())["at"]) if path.exists() else 0.0


def put_back_to(instance: Instance) -> str:
    """Return the name of the lab at whose start it was last put; '' where it never was."""
    path = record(instance)
    return str(json.loads(path.read_text())["lab"]) if path.exists() else ""


def environment() -> dict[str, str]:
    """Return with what Git shows history from the newest reset on, in the reader's clones."""
    return {BASE: REFS}


def whole() -> dict[str, str]:
    """Return with what Git shows all of a history, as it does by itself."""
    return {BASE: "refs/replace/"}


def ensure(git: Any, revision: str) -> Mapping[str, str]:
    """Return the same for one clone, given its GitPython command; {} where nothing was reset.

    The app repo's reset has a second parent, the commit that its images are made from: that stays.
    """
    found = str(
        git.log(
            *("-1", "--format=%H %P", "--extended-regexp", f"--grep=^{TRAILER}: "),
            *(f"--author=<{mail('instructor')}>", revision),
        )
    ).split()
    if not found:
        return {}
    reset, _, *kept = found if len(found) > 1 else [*found, ""]
    if not str(git.for_each_ref(f"{REFS}{reset}")):
        git.replace("--graft", "--force", reset, *kept, env=environment())
    return environment()
