"""The lab's CI: a dispatcher that hears of pushes, and a runner that can make images and no more.

The runner stands on a closed network on which it sees the Git server, the registry and the
dispatcher. It has the credentials of the user `ci`: images may be pushed with them, commits not.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable

from labs.instance import Instance
from labs.platform import docker, files, git_server, registry
from labs.platform.credentials import credentials
from labs.platform.loopback import fetch, wait_for_http
from labs.wait import NotYet, wait_for
from scripts.supply import api as supply

REPO = "app"
USER = "ci"
"""Whose credentials the runner has: it may push images, and no commits."""

DISPATCHER = "http://ci:8000"
"""As the Git server and the runner see it."""

QUIET = 40.0
"""Seconds without a word after which the runner is not well; it asks for work every 25."""

ROOT = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETFCAP", "SETGID", "SETUID")
"""What buildah needs, with SYS_CHROOT, of what Docker gives any container; the rest is dropped."""


def ensure(instance: Instance, say: Callable[[str], None] = lambda line: None) -> None:
    """Make dispatcher and runner run and know each other; `say` is told what had to be mended.

    Git server and registry have to be up. Raises TimedOut if the runner says nothing.
    """
    image = supply.image("ci")
    supply.load(image)
    base = push_base(instance, say)
    known = signing_keys(instance)
    dispatcher, runner = dispatcher_spec(instance, image), runner_spec(instance, image, base)
    docker.ensure_container(instance, dispatcher, say)
    given = json.dumps({"hook": known["hook"], "runner": known["runner"]})
    docker.exec_in(dispatcher.name, "ci-secrets", stdin=given)
    docker.ensure_container(instance, runner, say)
    password = credentials(instance)[USER]
    given = json.dumps({"runner": known["runner"], "registry_password": password})
    docker.exec_in(runner.name, "ci-secrets", stdin=given)
    wait_for_http(f"{base_url(instance)}/healthy", what="CI's dispatcher answering on its port")
    git_server.notify(instance, "ci", [REPO], f"{DISPATCHER}/hook", known["hook"])
    _wait_for_runner(instance)


def dispatcher_spec(instance: Instance, image: str) -> docker.ContainerSpec:
    """Return what the dispatcher's container is made from: no root, on both networks."""
    return docker.ContainerSpec(
        name=instance.container("ci"),
        image=image,
        network=docker.ensure_network(instance),
        aliases=("ci",),
        also=(docker.ensure_ci_network(instance),),
        volumes={docker.ensure_volume(instance, "ci"): "/srv/ci"},
        ports={8000: instance.port("ci")},
        env={"CI_GIT": "http://git", "CI_REPO": REPO, "CI_BRANCH": git_server.BRANCH},
        command=("ci-dispatcher",),
        user="1000:1000",
        tmpfs=("/tmp",),  # noqa: S108 - in the container
        health=("healthy",),
        options=docker.BETWEEN_NETWORKS,
    )


def runner_spec(instance: Instance, image: str, base: str) -> docker.ContainerSpec:
    """Return what the runner's container is made from: root inside, closed in.

    Building images needs system calls that Docker's filter refuses, and no capability that Docker
    would not give to any container; most of those are taken away.
    """
    return docker.ContainerSpec(
        name=instance.container("ci-runner"),
        image=image,
        network=docker.ensure_ci_network(instance),
        volumes={docker.ensure_volume(instance, "ci-runner"): "/srv/ci"},
        env={
            "CI_GIT": "http://git",
            "CI_DISPATCHER": DISPATCHER,
            "CI_REGISTRY": registry.INNER_ADDRESS,
            "CI_REGISTRY_USER": USER,
            "CI_BASE": base,
        },
        command=("ci-runner",),
        user="0:0",
        tmpfs=("/tmp", "/run", "/var/tmp"),  # noqa: S108 - in the container
        options=(
            "--init",  # what a run leaves behind is reaped
            "--cap-drop=ALL",
            *(f"--cap-add={name}" for name in (*ROOT, "SYS_CHROOT")),
            "--security-opt=seccomp=unconfined",
            "--pids-limit=1024",
            "--memory=3g",
        ),
    )


def push_base(instance: Instance, say: Callable[[str], None]) -> str:
    """Put the image that the app is built on into the registry; return its name there."""
    ref = supply.image("hello-base")
    name = f"hello-base:{ref.rpartition(':')[2]}"
    registry.push_archive(instance, supply.image_archive(ref), name, say)
    return f"{registry.INNER_ADDRESS}/{name}"


def base_url(instance: Instance) -> str:
    """Return where the dispatcher answers on the host."""
    return f"http://127.0.0.1:{instance.port('ci')}"


def signing_keys(instance: Instance) -> dict[str, str]:
    """Return the secrets of this lab's CI, made at random when first asked for.

    `hook` signs what the Git server and the command line send; `runner` is the runner's token.
    """
    path = instance.root / "ci.json"
    if path.exists():
        return dict(json.loads(path.read_text()))
    made = {name: secrets.token_urlsafe(24) for name in ("hook", "runner")}
    files.write_private(path, json.dumps(made, indent=2) + "\n")
    return made


def runner_silence(instance: Instance) -> float:
    """Return for how many seconds nothing was heard of the runner. Raises NotYet: no dispatcher."""
    answer = fetch(f"{base_url(instance)}/runs?limit=0", timeout=5)
    if answer.status != 200:
        raise NotYet(f"CI's dispatcher answered {answer.status}")
    return time.time() - float(json.loads(answer.body)["runner_heard"])


def _wait_for_runner(instance: Instance) -> None:
    runner = instance.container("ci-runner")

    def heard() -> None:
        if runner_silence(instance) > QUIET:
            raise NotYet(docker.logs(runner, 3).strip() or "it has said nothing yet")

    wait_for(
        heard,
        what="CI's runner asking for work",
        timeout=30,
        interval=0.2,
        todo=f"`docker logs {runner}` shows its side; `make up` starts it again",
    )
