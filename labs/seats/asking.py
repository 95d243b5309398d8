"""`lab.help()`: puts into the seat's file what somebody needs to know who comes to help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labs import show
from labs.errors import LabError
from labs.instance import Instance
from labs.progress import Progress
from labs.seats.summary import standing

COMMITS = 5


def ask(instance: Instance) -> None:
    """Note the last failure with what is around it, and show what was noted."""
    state = Progress(instance)
    found = about(instance, state.read())
    state.asked_for_help(found)
    show.line(told(found))


def about(instance: Instance, progress: dict[str, Any]) -> dict[str, Any]:
    """Return where the reader stands, the last failure, and how the lab's parts are."""
    at = standing(progress).lab
    failures: dict[str, dict[str, Any]] = progress["failures"]
    last = max(failures, key=lambda one: str(failures[one]["at"]), default="")
    return {
        "lab": at.lab.name,
        "step": last or (at.next.step.id if at.next else ""),
        "failure": failures.get(last),
        "parts": _looked(lambda: _unwell(instance)),
        "flux": _looked(lambda: _flux(instance)),
        "commits": _looked(lambda: _commits(instance)),
        "clones": _looked(lambda: _clones(instance)),
    }


def told(found: dict[str, Any]) -> str:
    """Return it as lines."""
    lines = [f"Noted for whoever comes to help: lab {found['lab']}, step {found['step']}"]
    failure = found["failure"]
    if failure:
        lines.append(f"  last failure ({failure['count']} times), at {failure['at']}")
        lines += [f"    {word}: {failure[word]}" for word in ("found", "expected", "next")]
    else:
        lines.append("  no check has failed")
    for part in ("parts", "flux", "clones", "commits"):
        lines += [f"  {part}: {line}" for line in found[part] or ["all is well"]]
    return "\n".join([*lines, "`lab progress --export seat.json` writes it into a file."])


def _looked(look: Callable[[], list[str]]) -> list[str]:
    """Return what a look found; a part that does not answer is a finding, too."""
    try:
        return look()
    except LabError as away:
        return [" | ".join(away.found.splitlines())]


def _unwell(instance: Instance) -> list[str]:
    from labs.platform import status

    return [f"{part.name}: {part.state}" for part in status.parts(instance) if not part.well]


def _flux(instance: Instance) -> list[str]:
    from labs.platform import flux, kubernetes

    found = flux.kustomizations(kubernetes.api(instance))
    return [
        f"{flux.name(one)} at {flux.applied(one)[:7] or 'nothing'}"
        + (", suspended" if flux.suspended(one) else "")
        + (f": {flux.unwell(one)}" if flux.unwell(one) else "")
        for one in found
    ]


def _commits(instance: Instance) -> list[str]:
    from labs.gitops.clone import UPSTREAM
    from labs.gitops.config_repo import attendees

    repo = attendees(instance)
    repo.fetch()
    return [f"{one} by {one.author.name}" for one in repo.log(UPSTREAM, most=COMMITS)]


def _clones(instance: Instance) -> list[str]:
    from labs.gitops.app_versions import app_repo
    from labs.gitops.config_repo import attendees

    found = []
    for repo in (attendees(instance), app_repo(instance)):
        repo.fetch()
        if changed := repo.changed():
            found.append(f"{repo.path.name}: not committed: {', '.join(changed)}")
        if ahead := repo.unpushed():
            found.append(f"{repo.path.name}: not pushed: {', '.join(map(str, ahead))}")
    return found
