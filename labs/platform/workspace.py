"""The attendee's folder: copies of the notebooks, clones of the repos, the tools of the terminal.

Neither an update of the project nor a reset of the lab touches what is written in it.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from labs.errors import LabError
from labs.instance import PROJECT, Instance
from labs.platform import files, git_server
from labs.platform.environment import gitconfig
from labs.platform.loopback import DIRECT
from labs.platform.notebook_copies import Copies
from labs.run import CommandFailed, run
from scripts.supply import api as supply

USER = "attendee"
TOOLS = ("kubectl", "flux", "crane", "promtool", "amtool")
CLONES = {"config-repo": "config", "app-repo": "app"}
"""Folder in the attendee's work, and the repo on the lab's Git server."""
FILES = Path(__file__).with_name("jupyter_files")


def ensure_notebooks(instance: Instance, say: Callable[[str], None] = print) -> None:
    """Put in place all that needs no Git server: notebooks, README, commands, Git settings.

    `say` is told of a notebook that the attendee changed and that has a newer version.
    """
    notebooks = sorted((PROJECT / "notebooks").glob("*.ipynb"))
    if not notebooks:
        raise LabError(
            f"no notebook in {PROJECT / 'notebooks'}",
            expected="00-welcome.ipynb and the others",
            todo="get the project whole: `git status` shows what is missing",
        )
    copies = Copies(instance.work, instance.root / "handed-out.json", say)
    for notebook in notebooks:
        copies.hand_out(f"notebooks/{notebook.name}", notebook.read_bytes())
    readme = (FILES / "README.md").read_text().replace("{lab}", instance.name)
    copies.hand_out("README.md", readme.encode())
    ensure_tools(instance)
    _write_gitconfig(instance)


def ensure_tools(instance: Instance) -> None:
    """Link kubectl, flux, crane, promtool, amtool and lab into the lab's bin folder.

    Until a tool is there, a stand-in of its name says what it waits for.
    """
    instance.bin.mkdir(parents=True, exist_ok=True)
    for tool in TOOLS:
        try:
            _link(instance.bin / tool, supply.tool(tool))
        except supply.NotReady:
            _stand_in(instance.bin / tool)
    _link(instance.bin / "lab", Path(sys.executable).with_name("lab"))


def ensure_clones(instance: Instance, say: Callable[[str], None] = print) -> None:
    """Clone the repos that are not there yet, and see that a plain `git push` works in each.

    A clone that is there keeps its files as they are, changed or not.
    """
    credential = instance.root / "git-credential"
    password = git_server.credentials(instance)[USER]
    files.write_private(credential, f"username={USER}\npassword={password}\n")
    _write_gitconfig(instance)
    for folder, repo in CLONES.items():
        clone = instance.work / folder
        url = git_server.url(instance, repo)
        if not clone.exists() or not any(clone.iterdir()):
            _clone(instance, url, clone)
            say(f"cloned {url} to {clone}")
        _wire(instance, clone, url)


def _clone(instance: Instance, url: str, clone: Path) -> None:
    """Clone beside the place and move it there, so that an interrupted clone is never met."""
    part = clone.with_name(f".{clone.name}.part")
    if part.exists():
        shutil.rmtree(part)
    clone.parent.mkdir(parents=True, exist_ok=True)
    run("git", "clone", "--quiet", url, part, env=_git_environment(instance), timeout=120)
    if clone.exists():
        clone.rmdir()
    part.rename(clone)


def _wire(instance: Instance, clone: Path, url: str) -> None:
    """Give the clone the lab's settings, also for a shell outside the lab, and today's address."""
    env = _git_environment(instance)
    try:
        top = run("git", "rev-parse", "--show-toplevel", cwd=clone, env=env).strip()
    except CommandFailed as failed:
        raise _no_clone(clone) from failed
    if Path(top).resolve() != clone.resolve():
        raise _no_clone(clone)
    run("git", "config", "include.path", gitconfig(instance), cwd=clone, env=env)
    remotes = run("git", "remote", cwd=clone, env=env).split()
    if "origin" not in remotes:
        run("git", "remote", "add", "origin", url, cwd=clone, env=env)
    else:
        known = run("git", "remote", "get-url", "origin", cwd=clone, env=env).strip()
        if known != url and known.startswith("http://127.0.0.1:"):  # the port has moved
            run("git", "remote", "set-url", "origin", url, cwd=clone, env=env)
    # JupyterLab's checkpoints of edited files are not part of anybody's repo.
    exclude = clone / ".git" / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    lines = exclude.read_text().splitlines() if exclude.exists() else []
    if ".ipynb_checkpoints/" not in lines:
        exclude.write_text("\n".join([*lines, ".ipynb_checkpoints/"]) + "\n")


def _no_clone(clone: Path) -> LabError:
    return LabError(
        f"{clone} holds files and is not a Git clone",
        expected="the clone that `make up` made, or nothing",
        todo=f"move it away (mv {shlex.quote(str(clone))} ~/), then `make up`",
    )


def _write_gitconfig(instance: Instance) -> None:
    """Write identity, credential helper and manners; every seat has the same, whatever ~ says."""
    target = gitconfig(instance)
    settings = [
        ("user.name", "Attendee"),
        ("user.email", f"{USER}@hackfest.local"),
        ("init.defaultBranch", "main"),
        ("pull.rebase", "true"),
        ("rebase.autoStash", "true"),
        ("push.autoSetupRemote", "true"),
        ("commit.gpgSign", "false"),
        ("tag.gpgSign", "false"),
        ("log.excludeDecoration", "refs/lab/*"),
    ]
    ports = instance.root / "ports.json"
    if ports.exists() and "git" in json.loads(ports.read_text()):
        where = f"credential.http://127.0.0.1:{instance.port('git')}"
        # An empty helper first: the machine's own key ring is neither asked nor told.
        secret = shlex.quote(str(instance.root / "git-credential"))
        read = f'!f() {{ if [ "$1" = get ]; then cat {secret}; fi; }}; f'
        settings += [(f"{where}.helper", ""), (f"{where}.helper", read)]
    temporary = files.beside(target)
    for name, value in settings:
        run("git", "config", "--file", temporary, "--add", name, value)
    temporary.replace(target)


def _git_environment(instance: Instance) -> dict[str, str]:
    return {
        **DIRECT,
        "GIT_CONFIG_GLOBAL": str(gitconfig(instance)),
        "GIT_TERMINAL_PROMPT": "0",
    }


def _link(path: Path, target: Path) -> None:
    if not target.exists():
        raise LabError(
            f"{target} is not there",
            expected="the command that the project installs",
            todo="run `make up`",
        )
    files.link(path, target)


def _stand_in(path: Path) -> None:
    text = (
        f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -m labs.platform.workspace"
        f' {path.name} "$@"\n'
    )
    if path.is_symlink() or not path.exists() or path.read_text() != text:
        files.write(path, text.encode(), mode=0o755)


def _main() -> None:
    """Stand in for a tool: become it if it is there by now, else say what it waits for."""
    name, *arguments = sys.argv[1:]
    try:
        tool = supply.tool(name)
        _link(Instance.current().bin / name, tool)
    except LabError as not_there:
        print(not_there, file=sys.stderr)
        raise SystemExit(1) from None
    os.execv(tool, [name, *arguments])  # noqa: S606 - it becomes the program that was asked for


if __name__ == "__main__":
    _main()
