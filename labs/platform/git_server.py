"""The lab's Git server: git's own HTTP backend in a container beside the cluster.

What is in it outlives the cluster: repositories are in a volume. Everybody may read; who pushes
has a name and a password, and the server's hook holds commits to that name.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labs.errors import LabError
from labs.instance import Instance
from labs.platform import docker
from labs.platform.credentials import USERS, basic, mail, user_lines
from labs.platform.credentials import credentials as credentials
from labs.platform.loopback import DIRECT
from labs.run import run
from scripts.supply import api as supply

BRANCH = "main"
LEFT_OUT = ("__pycache__", ".*_cache", "*.egg-info", ".git")
"""What tools leave in a template's folder, and nobody wants in its first commit."""

TOOLS = "/opt/tools"
"""Where in the container the hook finds promtool and amtool."""
FIRST_COMMIT = "Start from the workshop's template"


def ensure(instance: Instance, say: Callable[[str], None] = lambda line: None) -> None:
    """Make the server run, be well and know its users; `say` is told what had to be mended."""
    image = supply.image("git-server")
    supply.load(image)
    docker.ensure_container(instance, spec(instance, image), say)
    docker.exec_in(instance.container("git"), "git-users", stdin=user_lines(instance))


def spec(instance: Instance, image: str) -> docker.ContainerSpec:
    """Return what the server's container is made from."""
    return docker.ContainerSpec(
        name=instance.container("git"),
        image=image,
        network=docker.ensure_network(instance),
        aliases=("git",),
        also=(docker.ensure_ci_network(instance),),
        volumes={
            docker.ensure_volume(instance, "git"): "/srv/git",
            # Empty until git_checks fills it: the server is needed long before the tools are there.
            docker.ensure_volume(instance, "git-tools"): f"{TOOLS}:ro",
        },
        ports={80: instance.port("git")},
        env={"PUBLIC_URL": base_url(instance)},
        tmpfs=("/tmp:size=64m",),  # noqa: S108 - in the container
        health=("healthy",),
        page="/healthy",
        options=docker.BETWEEN_NETWORKS,
    )


def base_url(instance: Instance) -> str:
    """Return the address of the pages, as the host sees it."""
    return f"http://127.0.0.1:{instance.port('git')}"


def url(instance: Instance, repo: str) -> str:
    """Return the address to clone and push, as the host sees it, without credentials."""
    return f"{base_url(instance)}/{repo}.git"


def inner_url(repo: str) -> str:
    """Return the address to clone, as the cluster sees it."""
    return f"http://git/{repo}.git"


def create_repo(instance: Instance, name: str, description: str = "") -> None:
    """Make a bare repository, unless it is there; an unfinished one is finished."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name) or name.endswith(".git"):
        raise LabError(
            f"a repository called {name!r}",
            expected="lower-case letters, digits, dots and dashes, without .git",
            todo="choose another name",
        )
    container = instance.container("git")
    folder = f"/srv/git/{name}.git"
    docker.exec_in(
        container, "git", "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", folder
    )
    text = description or f"The lab's {name} repository"
    docker.exec_in(container, "tee", f"{folder}/description", stdin=text)


def notify(
    instance: Instance, name: str, repos: list[str], url: str, secret: str, otherwise: str = ""
) -> None:
    """Have the server tell `url` of each push to these repositories, signed with the secret.

    `otherwise` is what the pusher reads of what becomes of it where that was not possible.
    """
    listener = {"repos": repos, "url": url, "secret": secret, "otherwise": otherwise}
    docker.exec_in(instance.container("git"), "git-notify", name, stdin=json.dumps(listener))


def listener(instance: Instance, name: str) -> dict[str, Any]:
    """Return who is told of pushes under this name (`repos`, `url`, `secret`); {} if nobody."""
    return _noted(instance, f"{name}.json")


def last_told(instance: Instance, name: str) -> dict[str, Any]:
    """Return how the last telling went: `at` (Unix seconds), `repo`, `trouble`; {} if none did."""
    return _noted(instance, f"{name}.told")


def _noted(instance: Instance, file: str) -> dict[str, Any]:
    words = ("sh", "-c", 'test ! -e "$1" || cat "$1"', "sh", f"/srv/git/.notify/{file}")
    text = docker.exec_in(instance.container("git"), *words)
    return dict(json.loads(text)) if text.strip() else {}


def is_empty(instance: Instance, repo: str) -> bool:
    """Return whether a repository has no commit yet."""
    listing = run("git", "ls-remote", url(instance, repo), env=DIRECT, timeout=60)
    return not listing.strip()


def seed(instance: Instance, repo: str, folder: Path) -> None:
    """Make the folder's content the repository's first commit, by Instructor, if it has none."""
    if not is_empty(instance, repo):
        return
    if not any(folder.iterdir()):
        raise LabError(
            f"{folder} is empty",
            expected=f"the files that {repo} starts with",
            todo="`git status` in the project: the folder's files are part of it",
        )
    with tempfile.TemporaryDirectory(prefix="seed-") as temporary:
        clone = Path(temporary) / repo
        shutil.copytree(folder, clone, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
        environment = push_environment(instance, "instructor")
        for words in (
            ["init", "--quiet", f"--initial-branch={BRANCH}"],
            ["add", "--all", "--force"],
            ["commit", "--quiet", f"--message={FIRST_COMMIT}"],
            ["push", "--quiet", url(instance, repo), f"HEAD:refs/heads/{BRANCH}"],
        ):
            run("git", *words, cwd=clone, env=environment, timeout=120)


def push_environment(instance: Instance, user: str) -> dict[str, str]:
    """Return an environment in which git commits and pushes as this user, asking nothing.

    The password travels in the environment: in an argument, every user of the host could read it.
    """
    identity = {"NAME": USERS[user], "EMAIL": mail(user)}
    return {
        **DIRECT,
        **{f"GIT_{who}_{key}": v for who in ("AUTHOR", "COMMITTER") for key, v in identity.items()},
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{base_url(instance)}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic(instance, user)}",
    }
