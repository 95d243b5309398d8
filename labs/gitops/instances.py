"""The instance: the cluster by the name that the reader gave it, and whether its agents are there.

Creating one is a commit, as everything is: the folder `clusters/NAME` says what runs on it. The
agents are installed by one command with the tools that anybody would use; it is shown, not run.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from labs.errors import LabError
from labs.gitops.commits import Commit, Message
from labs.gitops.config_repo import attendees
from labs.gitops.draft import Draft
from labs.instance import Instance, write_json
from labs.platform import flux, git_server, kubernetes
from labs.platform.objects import Object

TEMPLATE = Path(__file__).with_name("flux_system")
DEFAULT = "hackfest"
"""The cluster's name in the config repo as it is handed out."""
Word = Literal["unknown", "waiting", "installing", "unpointed", "failing", "connected"]


@dataclass(frozen=True)
class State:
    """What is known of the instance: a word for programs, lines for people."""

    name: str
    word: Word
    lines: tuple[str, ...]


def folder(instance: Instance) -> str:
    """Return the config repo's folder of this cluster. Raises LabError before it has a name."""
    return f"clusters/{_name(instance)}"


def command(instance: Instance, sync: str = "") -> str:
    """Return the one command that installs the agents and points them at the config repo.

    `sync` is where the two objects are read from; by default, the file in the clone.
    """
    sync = sync or str(attendees(instance).path / _sync(instance))
    return (
        f"flux install --components={','.join(flux.COMPONENTS)} --network-policy=false \\\n"
        f"  && kubectl apply -f {shlex.quote(sync)}"
    )


def command_by_address(instance: Instance) -> str:
    """Return the same command, which reads the two objects from the Git server.

    So it works at once, whichever clone the commit was made in.
    """
    address = git_server.url(instance, "config").removesuffix(".git")
    return command(instance, f"{address}/plain/{_sync(instance)}")


def create(instance: Instance, name: str) -> Commit | None:
    """Give the cluster its name and its folder; return the commit, None if all was there.

    Raises LabError for a name that cannot be one, or when the agents read another folder.
    """
    require_name(name)
    known = _record(instance)
    if known.exists() and _name(instance) != name and state(instance).word != "waiting":
        raise LabError(
            f"this cluster is the instance {_name(instance)!r} already, and its agents are there",
            expected="one name for one cluster",
            todo="see `lab instance`",
        )
    repo = attendees(instance)
    commit = None
    if repo.propose(lambda draft: wire(draft, name)):
        commit = repo.write(message(name), lambda draft: wire(draft, name)).commit
    note(instance, name)
    return commit


def require_name(name: str) -> None:
    """Raise LabError for a name that cannot be one."""
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?", name):
        raise LabError(
            f"the name {name!r}",
            expected="lower-case letters, digits and dashes, at most 30, a letter first",
            todo=f"`lab instance create {DEFAULT}`",
        )


def message(name: str) -> Message:
    """Return what the commit says that makes the folder."""
    return Message(
        f"Create the instance {name}",
        f"clusters/{name}/flux-system is where its agents begin to read.",
        {"Lab-Event": "commit", "Lab-By": "attendee"},
    )


def note(instance: Instance, name: str) -> None:
    """Write down the name of this cluster."""
    made = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(_record(instance), {"name": name, "created": made})


def state(instance: Instance) -> State:
    """Return whether the instance waits for its agents or is connected, and why."""
    if not _record(instance).exists():
        return State("", "unknown", ("no instance yet: `lab instance create hackfest`",))
    name = _name(instance)
    cluster = kubernetes.api(instance)
    agents = flux.agents(cluster)
    lines = tuple(f"{agent}: {found}" for agent, found in agents.items())
    if any(found == "absent" for found in agents.values()):
        return State(name, "waiting", lines)
    if any(found != "running" for found in agents.values()):
        return State(name, "installing", lines)
    source = flux.source(cluster)
    if source is None:
        return State(name, "unpointed", (*lines, "config repo: no GitRepository names it yet"))
    fetched = flux.fetched(source)
    trouble = flux.unwell(source)
    if trouble or not fetched:
        return State(name, "failing", (*lines, f"config repo: {trouble or 'not fetched yet'}"))
    lines = (*lines, f"config repo: commit {fetched[:7]} fetched")
    found = flux.kustomizations(cluster)
    if not found:
        return State(name, "unpointed", (*lines, "nothing says what of it is to be applied"))
    lines = (*lines, *(_line(each) for each in found))
    if flux.applied(found[0]):
        return State(name, "connected", lines)
    return State(name, "failing" if flux.unwell(found[0]) else "installing", lines)


def says(found: State, command: str) -> str:
    """Return a state as it is shown, with the command while it is still to be run."""
    words = {
        "waiting": "waiting for agents",
        "installing": "the agents are starting",
        "unpointed": "the agents run, and read nothing yet",
        "failing": "the agents run, and cannot do what the config repo says",
        "connected": "connected",
    }
    if found.word == "unknown":
        return found.lines[0]
    text = "\n".join([f"{found.name}: {words[found.word]}", *(f"  {line}" for line in found.lines)])
    if found.word in ("waiting", "unpointed"):
        text += f"\n\nInstall the agents, and point them at the config repo:\n\n{command}"
    return text


def wire(draft: Draft, name: str) -> None:
    """Write the cluster's folder: Flux's own part of it, and for a new name the rest as well."""
    if name != DEFAULT and not draft.files(f"clusters/{name}"):
        for path in draft.files(f"clusters/{DEFAULT}"):
            draft.write(path.replace(f"/{DEFAULT}/", f"/{name}/", 1), draft.read(path))
    for file in sorted(TEMPLATE.glob("*.yaml")):
        path = f"clusters/{name}/flux-system/{file.name}"
        if path not in draft.files():
            text = file.read_text().replace(f"./clusters/{DEFAULT}", f"./clusters/{name}")
            draft.write(path, text)


def _line(kustomization: Object) -> str:
    unwell = flux.unwell(kustomization)
    applied = flux.applied(kustomization)[:7] or "nothing"
    return f"{flux.name(kustomization)}: {applied} applied" + (f" ({unwell})" if unwell else "")


def _sync(instance: Instance) -> str:
    return f"{folder(instance)}/flux-system/sync.yaml"


def _record(instance: Instance) -> Path:
    return instance.root / "instance.json"


def _name(instance: Instance) -> str:
    record = _record(instance)
    if not record.exists():
        raise LabError(
            "this cluster has no name yet",
            expected="an instance",
            todo=f"`lab instance create {DEFAULT}`",
        )
    return str(json.loads(record.read_text())["name"])
